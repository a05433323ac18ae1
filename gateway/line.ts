/**
 * Who comes waits for one of a few places, first come, first served: so a thousand who come back at once are let in as
 * fast as this node and its stores can take them, and take from those who are here no more than a few steps of work in a
 * turn of the event loop. A line that does not move fast enough takes nobody more.
 */

/** Whose place it was is done, or waits for something that is no work of ours. Harmless when repeated. */
export type Leave = () => void;

export type LineOptions = {
  /** Who may be inside at once. */
  places: number;
  /** Milliseconds after which a place is free again, whoever sits there: what they wait for may never come. */
  holdMs: number;
  /** Who waits at most. */
  waitingMax: number;
  /** As long as the first one has waited for more milliseconds than this, nobody joins the line. */
  patienceMs: number;
  /** Who waits now has changed. */
  waits(count: number): void;
  /** Monotonic milliseconds. */
  nowMs?(): number;
};

type Waiting = { sinceMs: number; isGone(): boolean; called(leave: Leave | undefined): void };

export class Line {
  readonly #options: LineOptions;
  readonly #nowMs: () => number;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #holds = new Set<NodeJS.Timeout>();

  constructor(options: LineOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Is it so long, or so slow, that whoever comes now should come back later? */
  get isOverrun(): boolean {
    const [first] = this.#waiting;
    if (first === undefined) return false;
    const { waitingMax, patienceMs } = this.#options;
    return this.#waiting.size >= waitingMax || this.#nowMs() - first.sinceMs > patienceMs;
  }

  /** When who is turned away should come back, milliseconds: once those who wait are in, and not all at once. */
  get comeBackAfterMs(): number {
    return Math.round(this.#options.patienceMs * (0.5 + Math.random()));
  }

  /**
   * Resolves with the place when it is theirs; with undefined when they should come back later, or `isGone` by the time
   * that it would be theirs.
   */
  enter(isGone: () => boolean): Promise<Leave | undefined> {
    if (this.#waiting.size === 0 && this.#holds.size < this.#options.places)
      return Promise.resolve(this.#sit());
    if (this.isOverrun) return Promise.resolve(undefined);
    return new Promise((called) => {
      this.#waiting.add({ sinceMs: this.#nowMs(), isGone, called });
      this.#options.waits(this.#waiting.size);
    });
  }

  /** Everyone is turned away. */
  close(): void {
    for (const hold of this.#holds) clearTimeout(hold);
    for (const { called } of this.#waiting) called(undefined);
    this.#waiting.clear();
    this.#options.waits(0);
  }

  #sit(): Leave {
    const leave = () => {
      clearTimeout(hold);
      if (this.#holds.delete(hold)) this.#callNext();
    };
    const hold = setTimeout(leave, this.#options.holdMs).unref();
    this.#holds.add(hold);
    return leave;
  }

  #callNext(): void {
    for (const next of this.#waiting) {
      if (this.#holds.size >= this.#options.places) break;
      this.#waiting.delete(next);
      next.called(next.isGone() ? undefined : this.#sit());
    }
    this.#options.waits(this.#waiting.size);
  }
}
