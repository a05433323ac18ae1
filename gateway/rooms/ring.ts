/**
 * The last events of a channel as this gateway relayed them: what a listener who comes back is given without asking
 * anyone. Contiguous, bounded by number, age and, over all rooms of the node, by weight.
 */

import type { ChannelEvent } from "../../protocol/events.ts";
import { assert } from "../../src/lib/assert.ts";
import { firstSeq, type Place, type Run, weightOf } from "./position.ts";

/** The resume window (row D5): events of a channel, and their age. */
export const RING_EVENTS_MAX = 1_000;
export const RING_AGE_MAX_MS = 600_000;

/** Bytes (about) that the rings of a node hold together; whoever adds beyond it gives up its own oldest. */
export type RingBudget = { usedBytes: number; readonly maxBytes: number };

type Kept = { event: ChannelEvent; epoch: number; heardAtMs: number; weight: number };

export class Ring {
  readonly #budget: RingBudget;
  /** `#kept[#from]` is the oldest; what lies before it is dropped now and then, all at once. */
  #kept: Kept[] = [];
  #from = 0;
  /** Where the oldest event follows on. */
  #base: Place;

  constructor(base: Place, budget: RingBudget) {
    this.#base = base;
    this.#budget = budget;
  }

  /** Everything after this place is here. */
  get base(): Place {
    return this.#base;
  }

  get head(): Place {
    const last = this.#kept.at(-1);
    return last ? { seq: last.event.seq, epoch: last.epoch } : this.#base;
  }

  /** Adds a run that follows on the head. */
  push(run: Run, nowMs: number): void {
    assert(firstSeq(run) === this.head.seq + 1, "a ring has no gap");
    for (const event of run.events) {
      const weight = weightOf(event);
      this.#budget.usedBytes += weight;
      this.#kept.push({ event, epoch: run.epoch, heardAtMs: nowMs, weight });
    }
    while (this.#length() > RING_EVENTS_MAX) this.#dropOldest();
    while (this.#budget.usedBytes > this.#budget.maxBytes && this.#length() > 0) this.#dropOldest();
  }

  /** Lets go of what is older than the window. */
  expire(nowMs: number): void {
    while (this.#length() > 0 && nowMs - this.#kept[this.#from]!.heardAtMs > RING_AGE_MAX_MS)
      this.#dropOldest();
  }

  /** Starts again behind `base`: what came before is another history, or unknown. */
  restart(base: Place): void {
    for (let i = this.#from; i < this.#kept.length; i++) this.#budget.usedBytes -= this.#kept[i]!.weight;
    this.#kept = [];
    this.#from = 0;
    this.#base = base;
  }

  /** The reign of the event with this seq; undefined when it lies outside. */
  epochAt(seq: number): number | undefined {
    return seq === this.#base.seq ? this.#base.epoch : this.#at(seq)?.epoch;
  }

  /** Up to `limit` events after `seq`, and at most about `maxBytes` (one at least), as runs of one reign each; undefined when the ring does not reach back to it. */
  after(seq: number, limit: number, maxBytes: number): Run[] | undefined {
    if (seq < this.#base.seq || seq > this.head.seq) return undefined;
    const runs: { epoch: number; events: ChannelEvent[] }[] = [];
    let bytes = 0;
    for (let next = seq + 1; next <= seq + limit; next++) {
      const kept = this.#at(next);
      if (!kept) break;
      bytes += kept.weight;
      if (bytes > maxBytes && runs.length > 0) break;
      const last = runs.at(-1);
      if (last?.epoch === kept.epoch) last.events.push(kept.event);
      else runs.push({ epoch: kept.epoch, events: [kept.event] });
    }
    return runs;
  }

  #at(seq: number): Kept | undefined {
    const offset = seq - this.#base.seq - 1;
    return offset >= 0 ? this.#kept[this.#from + offset] : undefined;
  }

  #length(): number {
    return this.#kept.length - this.#from;
  }

  #dropOldest(): void {
    const oldest = this.#kept[this.#from]!;
    this.#budget.usedBytes -= oldest.weight;
    this.#base = { seq: oldest.event.seq, epoch: oldest.epoch };
    this.#from += 1;
    if (this.#from > RING_EVENTS_MAX) {
      this.#kept = this.#kept.slice(this.#from);
      this.#from = 0;
    }
  }
}
