/** Bounds that all shards of one node share. */

/** Bytes of confirmed records that Postgres lacks, over all shards of a node (rule L5). */
export const NODE_UNFLUSHED_BYTES = 268_435_456;

/** Shards of one node that read their logs at a time: each may hold 64 MiB of JSON and what is parsed from it (chosen). */
const NODE_REPLAYS = 4;

/** Counts unflushed bytes of a node. Past its limit no shard of the node has room: sends are `overloaded`. */
export class UnflushedBudget {
  readonly limitBytes: number;
  #bytes = 0;

  constructor(limitBytes: number = NODE_UNFLUSHED_BYTES) {
    this.limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }

  isSpent(): boolean {
    return this.#bytes >= this.limitBytes;
  }
}

/** Lets a few through at a time, first come, first served. */
export class Turnstile {
  #free: number;
  #queue: (() => void)[] = [];

  constructor(places: number = NODE_REPLAYS) {
    this.#free = places;
  }

  /** Runs `work` when there is a place; hands on its answer or error. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
