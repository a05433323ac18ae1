/**
 * Where one client stands in one channel. Puts what arrives into order, once; holds what came behind a gap until the gap
 * is filled; counts what a correct server would not have sent. Pure, and without imports at run time: k6 runs it too.
 */
import type { ChannelEvent } from "../../protocol/events.ts";

/** What the server broke, seen on one connection. */
export type Faults = {
  /** Sent twice on one connection. */
  duplicates: number;
  /** Sent after a later event, though never before. */
  disorders: number;
  /** A difference with a seq missing inside. */
  holes: number;
};

export class Position {
  /** All events up to here were taken, or lay before the channel was opened. */
  seq = 0;
  /** Reign of the event at `seq` (rule I1). */
  epoch = 0;
  /** Seqs missing when something after them arrived, repaired or not. */
  gaps = 0;
  readonly faults: Faults = { duplicates: 0, disorders: 0, holes: 0 };
  /** Last seq that came unasked on this connection, or the answer from which the server goes on. */
  #liveSeq = 0;
  readonly #held = new Map<number, { event: ChannelEvent; epoch: number }>();

  /** The channel was opened: what lies before is read from its page. */
  open(seq: number, epoch: number): void {
    this.seq = seq;
    this.epoch = epoch;
    this.#liveSeq = seq;
    this.#held.clear();
  }

  /** Something waits behind a gap. */
  get gap(): boolean {
    return this.#held.size > 0;
  }

  /** One `channel:events`. Answers the events that are next in order now. */
  live(epoch: number, events: readonly ChannelEvent[]): ChannelEvent[] {
    for (const event of events) {
      const { seq } = event;
      const known = seq <= this.seq || this.#held.has(seq);
      if (seq > this.#liveSeq) {
        // What a difference brought meanwhile may still arrive here once: that is no fault.
        if (seq > this.#liveSeq + 1 && seq > this.seq + 1 && !this.gap) this.gaps += 1;
        this.#liveSeq = seq;
      } else if (known) this.faults.duplicates += 1;
      else this.faults.disorders += 1;
      if (!known) this.#held.set(seq, { event, epoch });
    }
    return this.#inOrder();
  }

  /** A difference after `afterSeq` (a sync, or a resume: then the server goes on from it). Answers as `live`. */
  difference(
    afterSeq: number,
    answer: { events: readonly ChannelEvent[]; seq: number; epoch: number },
    resumed: boolean,
  ): ChannelEvent[] {
    let next = afterSeq + 1;
    for (const event of answer.events) {
      if (event.seq !== next) this.faults.holes += 1;
      next = event.seq + 1;
      // The reign of each is not known; that of the last is, and only the last one's is ever given back.
      if (event.seq > this.seq) this.#held.set(event.seq, { event, epoch: answer.epoch });
    }
    if (next !== answer.seq + 1) this.faults.holes += 1;
    if (resumed) this.#liveSeq = answer.seq;
    return this.#inOrder();
  }

  #inOrder(): ChannelEvent[] {
    const ready: ChannelEvent[] = [];
    for (let held = this.#held.get(this.seq + 1); held !== undefined; held = this.#held.get(this.seq + 1)) {
      this.seq += 1;
      this.epoch = held.epoch;
      this.#held.delete(this.seq);
      ready.push(held.event);
    }
    return ready;
  }
}
