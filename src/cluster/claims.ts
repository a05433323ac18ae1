/** Take-overs in order, so many at once: 85 shards of a dead node neither wait for each other nor storm the stores. */

/** Shards being claimed at a time. Chosen: enough to hide the round trips of one claim behind the others. */
const CLAIMS_MAX = 16;
/** A claim that takes longer stops counting, so that some that hang do not hold up all others. */
const CLAIM_COUNTS_MS = 3_000;

export class Claims {
  readonly #begin: (shard: number) => void;
  readonly #waiting = new Set<number>();
  readonly #running = new Map<number, NodeJS.Timeout>();

  constructor(begin: (shard: number) => void) {
    this.#begin = begin;
  }

  /** The shard's turn will come; at once when fewer than 16 are being claimed. */
  want(shard: number): void {
    this.#waiting.add(shard);
    this.#next();
  }

  /** It serves, or its claim has ended. */
  done(shard: number): void {
    clearTimeout(this.#running.get(shard));
    this.#running.delete(shard);
    this.#next();
  }

  /** It is wanted no more. A claim that has begun goes on. */
  drop(shard: number): void {
    this.#waiting.delete(shard);
  }

  #next(): void {
    for (const shard of this.#waiting) {
      if (this.#running.size >= CLAIMS_MAX) return;
      this.#waiting.delete(shard);
      this.#running.set(
        shard,
        setTimeout(() => this.done(shard), CLAIM_COUNTS_MS),
      );
      this.#begin(shard);
    }
  }
}
