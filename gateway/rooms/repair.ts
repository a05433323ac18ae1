/**
 * Fetches from the owner what a room has not heard (rule H1): one question at a time and room, however many listen. What
 * waits behind a gap waits a bounded time; then listeners are told, and the repair goes on without them.
 */
import type { UserId } from "../../protocol/ids.ts";
import type { Answer, RefusalCode } from "../../protocol/refusals.ts";
import { type ChannelSynced, SYNC_LIMIT_MAX } from "../../protocol/requests.ts";
import type { Place, Run } from "./position.ts";
import type { Sequence } from "./sequence.ts";

/** Frames up to a head that the owner named may still be on their way: the longest window (100 ms), and slack. */
export const HEAD_GRACE_MS = 300;
/** Between two questions when the owner is out of reach or had nothing new. Chosen: a take-over takes seconds. */
const RETRY_MS = 250;
/** Answers in a row without anything new after which the owner's word ends the doubt. */
const FRUITLESS_MAX = 4;
/** The reader may not read any more; another may. */
const LOST_ACCESS: readonly RefusalCode[] = ["not_a_member", "banned", "forbidden", "not_found"];

export type RepairOptions = {
  ask(by: UserId, after: Place, limit: number): Promise<Answer<ChannelSynced>>;
  /** In whose name to ask; undefined when nobody here is known to be allowed. */
  reader(): UserId | undefined;
  lostAccess(userId: UserId): void;
  relay(runs: readonly Run[]): void;
  /** Another history, or too much missed: the room goes on from `place`, with `runs` behind it. */
  jumped(place: Place, runs: readonly Run[]): void;
  /** The same history under a later reign. */
  renamed(place: Place): void;
  /** Frames have waited behind a gap for as long as they may. */
  graceOver(): void;
  gap(): void;
  renew(): void;
  gapGraceMs: number;
};

export class Repair {
  readonly #sequence: Sequence;
  readonly #options: RepairOptions;
  #running = false;
  #closed = false;
  #grace: NodeJS.Timeout | undefined;
  #headCheck: NodeJS.Timeout | undefined;

  constructor(sequence: Sequence, options: RepairOptions) {
    this.#sequence = sequence;
    this.#options = options;
  }

  /** After a frame: begins a repair when frames wait behind a gap, ends the waiting when none do. */
  attendGap(): void {
    if (!this.#sequence.position || !this.#sequence.waits) {
      clearTimeout(this.#grace);
      this.#grace = undefined;
      return;
    }
    this.#grace ??= setTimeout(() => this.#endGrace(), this.#options.gapGraceMs).unref();
    this.#start();
  }

  /** After a head: what it names may still be on its way; a repair begins if it has not come by then. */
  attendHead(): void {
    if (!this.#sequence.isBehind || this.#headCheck || this.#running) return;
    this.#headCheck = setTimeout(() => {
      this.#headCheck = undefined;
      if (!this.#sequence.isBehind || this.#closed) return;
      this.#options.renew();
      this.#start();
    }, HEAD_GRACE_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#grace);
    clearTimeout(this.#headCheck);
  }

  #endGrace(): void {
    this.#grace = undefined;
    if (this.#sequence.waits) this.#options.graceOver();
  }

  #start(): void {
    if (this.#running || this.#closed || !this.#sequence.isBehind) return;
    this.#running = true;
    this.#options.gap();
    void this.#run().then((ended) => {
      this.#running = false;
      if (ended === "done") this.attendGap();
    });
  }

  /** `no reader`: whoever comes next begins again. */
  async #run(): Promise<"done" | "no reader"> {
    let fruitless = 0;
    while (this.#sequence.isBehind && !this.#closed) {
      const from = this.#sequence.position!;
      const by = this.#options.reader();
      if (!by) return "no reader";
      const answer = await this.#options.ask(by, from, SYNC_LIMIT_MAX);
      // A frame that filled the gap meanwhile makes the answer an old one.
      if (this.#closed || this.#sequence.position !== from) continue;
      if (!answer.ok) {
        if (LOST_ACCESS.includes(answer.error.code)) this.#options.lostAccess(by);
        else await pause(RETRY_MS);
        continue;
      }
      if (this.#take(from, answer)) fruitless = 0;
      else if (++fruitless >= FRUITLESS_MAX) this.#sequence.settle(this.#sequence.position);
      else await pause(RETRY_MS);
    }
    return "done";
  }

  /** Applies the owner's answer, which is of one reign; false when it brought nothing new. */
  #take(from: Place, answer: ChannelSynced): boolean {
    const place = { seq: answer.seq, epoch: answer.epoch };
    const first = answer.events[0];
    if (answer.reset || (first && first.seq !== from.seq + 1)) {
      this.#options.jumped(place, this.#sequence.jump(place));
      return place.seq !== from.seq || place.epoch !== from.epoch;
    }
    if (first) {
      this.#options.relay(this.#sequence.told({ epoch: answer.epoch, events: answer.events }));
      return true;
    }
    if (place.seq !== from.seq || place.epoch <= from.epoch) return false;
    this.#options.renamed(place);
    this.#options.relay(this.#sequence.begin(place));
    return true;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
