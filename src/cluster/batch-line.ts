/** Shards come and go many at a time: an operator reads one line per batch, not one per shard. */

/** A batch ends when nothing has been added for this long: longer than a leader's round, shorter than an operator's patience … */
const QUIET_MS = 1_000;
/** … or when it is this old: what goes on and on is said all the same. */
const BATCH_MAX_MS = 15_000;

/** Of each fact, how often it had which value: `{ from: { "node-1.9f6e5b9c": 42 } }`. */
export type Batch = {
  shards: number;
  /** From the first to the last. */
  tookMs: number;
  counts: Record<string, Record<string, number>>;
};

/** Gathers shards with facts about each, and tells them once per batch. */
export class BatchLine {
  readonly #tell: (batch: Batch) => void;
  #counts: Batch["counts"] = {};
  #shards = 0;
  #sinceMs = 0;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (batch: Batch) => void) {
    this.#tell = tell;
  }

  /** One more shard. `sinceMs`: when its move began, monotonic milliseconds; default now. */
  add(facts: Record<string, string>, sinceMs = performance.now()): void {
    const nowMs = performance.now();
    this.#sinceMs = this.#shards === 0 ? sinceMs : Math.min(this.#sinceMs, sinceMs);
    this.#lastMs = nowMs;
    this.#shards++;
    for (const [fact, value] of Object.entries(facts)) {
      this.#counts[fact] ??= {};
      this.#counts[fact][value] = (this.#counts[fact][value] ?? 0) + 1;
    }
    if (nowMs - this.#sinceMs >= BATCH_MAX_MS) this.flush();
    else this.#timer ??= setTimeout(() => this.#look(), QUIET_MS).unref();
  }

  /** Tells what has been gathered, if anything. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#shards === 0) return;
    const batch = {
      shards: this.#shards,
      tookMs: Math.round(this.#lastMs - this.#sinceMs),
      counts: this.#counts,
    };
    this.#shards = 0;
    this.#counts = {};
    this.#tell(batch);
  }

  #look(): void {
    this.#timer = undefined;
    const leftMs = this.#lastMs + QUIET_MS - performance.now();
    if (leftMs <= 0) this.flush();
    else this.#timer = setTimeout(() => this.#look(), leftMs).unref();
  }
}
