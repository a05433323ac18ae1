/**
 * What a gateway relays of one channel, in order and once (rule H1): pure, without clock or I/O. Frames come from many
 * nodes, late, twice, or not at all; what follows on the position passes, what lies behind a gap or a change of reign waits
 * until the owner has told what is in between.
 */
import { firstSeq, isBeyond, lastPlace, type Place, type Run, runAfter } from "./position.ts";

/** Events that wait behind a gap at most; what comes beyond is dropped and asked for with the rest. */
export const WAITING_EVENTS_MAX = 1_000;

export class Sequence {
  /** The last event relayed, or where the owner said that the channel stands; undefined before anyone was told. */
  #position: Place | undefined;
  /** The farthest place that anyone spoke of. */
  #head: Place | undefined;
  /** Not yet to be relayed, in the order in which they came. */
  #waiting: Run[] = [];

  get position(): Place | undefined {
    return this.#position;
  }

  get head(): Place | undefined {
    return this.#head;
  }

  /** Is there something that must be asked for? */
  get isBehind(): boolean {
    return this.#position !== undefined && this.#head !== undefined && isBeyond(this.#head, this.#position);
  }

  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  /** Has a later reign been heard of, whose history may not be ours? */
  get doubtsReign(): boolean {
    return this.isBehind && this.#head!.epoch !== this.#position!.epoch;
  }

  /** Takes what was heard; answers what may be relayed now. `duplicate`: nothing of it was new. */
  hear(run: Run): { relay: Run[]; duplicate: boolean } {
    const position = this.#position;
    if (
      position &&
      (run.epoch < position.epoch || (run.epoch === position.epoch && lastPlace(run).seq <= position.seq))
    )
      return { relay: [], duplicate: true };
    this.heardHead(lastPlace(run));
    if (this.#waitingEvents() < WAITING_EVENTS_MAX) this.#waiting.push(run);
    return { relay: this.#ready(), duplicate: false };
  }

  /** The owner, or a frame, spoke of this place. */
  heardHead(place: Place): void {
    if (!this.#head || isBeyond(place, this.#head)) this.#head = place;
  }

  /** The first position: what a listener was told by the owner. Answers what was heard meanwhile and follows. */
  begin(place: Place): Run[] {
    this.#position = place;
    this.heardHead(place);
    this.#forgetUpTo(place);
    return this.#ready();
  }

  /** The owner's own account of what follows: events of one reign. Answers what is to be relayed, in order. */
  told(run: Run): Run[] {
    const fresh = this.#position ? runAfter(run, this.#position.seq) : run;
    if (!fresh) return [];
    this.#position = lastPlace(fresh);
    this.heardHead(this.#position);
    this.#forgetUpTo(this.#position);
    return [fresh, ...this.#ready()];
  }

  /** The owner says that nothing follows on the position, which is `place` now: what was spoken of beyond it is void. */
  settle(place: Place): void {
    this.#position = place;
    this.#head = place;
    this.#waiting = [];
  }

  /** The history is another, or too much was missed: go on from `place`. Answers what was heard and follows. */
  jump(place: Place): Run[] {
    this.#head = place;
    for (const run of this.#waiting) this.heardHead(lastPlace(run));
    return this.begin(place);
  }

  /** What waits and follows on the position in its reign: taken out, the position moves over it. */
  #ready(): Run[] {
    const ready: Run[] = [];
    for (let found = true; found; ) {
      found = false;
      for (const [i, run] of this.#waiting.entries()) {
        const position = this.#position;
        if (!position || firstSeq(run) > position.seq + 1) continue;
        // Nothing is before the first event, whatever the reign.
        if (run.epoch !== position.epoch && position.seq !== 0) continue;
        this.#waiting.splice(i, 1);
        const fresh = runAfter(run, position.seq);
        if (fresh) {
          ready.push(fresh);
          this.#position = lastPlace(fresh);
        }
        found = true;
        break;
      }
    }
    return ready;
  }

  #forgetUpTo(place: Place): void {
    this.#waiting = this.#waiting.filter((run) => isBeyond(lastPlace(run), place));
  }

  #waitingEvents(): number {
    let events = 0;
    for (const run of this.#waiting) events += run.events.length;
    return events;
  }
}
