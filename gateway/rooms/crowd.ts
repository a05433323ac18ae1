/**
 * In a crowd most only listen, and every frame to each of them costs the same whether it carries one message or twenty. So the
 * first message goes to all at once, and what follows is gathered for those who have not spoken lately; who has hears it at once.
 * Nobody is given anything out of order or twice: who comes in meanwhile has been told of what waits (`ahead`).
 */
import type { UserId } from "../../protocol/ids.ts";
import { lastPlace, type Run, weightOf } from "./position.ts";

/** Listeners on this node from which on it is one. Chosen: a frame to so many takes 25 ms. */
export const CROWD_MIN = 2_500;
/** How long is gathered, milliseconds. Chosen: four frames a second read like a conversation; below the gap's grace. */
export const GATHER_MS = 250;
/** Who has done something in the channel is in the conversation for so long, milliseconds. Chosen. */
const SPEAKER_MS = 300_000;
/** So many at most; beyond them, those who spoke first listen only. */
const SPEAKERS_MAX = 500;
/** A frame's events and bytes (about), as the owner's node holds itself to; what is more goes early. */
const EVENTS_MAX = 128;
const BYTES_MAX = 131_072;

export class Crowd {
  readonly #release: () => void;
  readonly #speakers = new Map<UserId, number>();
  #waiting: Run[] = [];
  #events = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `release` takes what waits and writes it. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Does a frame wait for those who only listen? */
  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  /** Is being gathered, since a frame has just gone to all? */
  get gathers(): boolean {
    return this.#timer !== undefined;
  }

  hasSpoken(userId: UserId): boolean {
    return this.#speakers.has(userId);
  }

  speakers(): Iterable<UserId> {
    return this.#speakers.keys();
  }

  /** These events are their doing: they are in the conversation. To be called while nothing waits for any of them. */
  heardFrom({ events }: Run): void {
    for (const { by } of events) {
      this.#speakers.delete(by); // and to the end: the oldest come first
      this.#speakers.set(by, performance.now());
    }
  }

  /** A frame goes to all: what comes next is gathered. To be called while nothing waits. */
  begin(): void {
    const nowMs = performance.now();
    for (const [userId, spokeAtMs] of this.#speakers) {
      if (this.#speakers.size <= SPEAKERS_MAX && nowMs - spokeAtMs < SPEAKER_MS) break;
      this.#speakers.delete(userId);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.waits) this.#release();
    }, GATHER_MS).unref();
  }

  /** It waits; true: so much does that it should go now. */
  gather(run: Run): boolean {
    const last = this.#waiting.at(-1);
    if (last && last.epoch === run.epoch && lastPlace(last).seq + 1 === run.events[0]!.seq)
      this.#waiting[this.#waiting.length - 1] = { epoch: run.epoch, events: [...last.events, ...run.events] };
    else this.#waiting.push(run);
    this.#events += run.events.length;
    for (const event of run.events) this.#bytes += weightOf(event);
    return this.#events >= EVENTS_MAX || this.#bytes >= BYTES_MAX;
  }

  /** What waited, which is no longer this one's to keep. */
  take(): Run[] {
    const runs = this.#waiting;
    this.#waiting = [];
    this.#events = this.#bytes = 0;
    return runs;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.take();
  }
}
