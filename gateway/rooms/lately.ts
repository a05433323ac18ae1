/** What was heard lately. Two generations take turns, so that forgetting walks through nothing. Pure; times are monotonic milliseconds. */
export class Lately<K, V> {
  readonly #keepMs: number;
  readonly #max: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  #turnedAtMs = Number.NEGATIVE_INFINITY;

  /** What was set is kept for `keepMs` at least, unless more than `max` others were; for less than three times that. */
  constructor(keepMs: number, max: number) {
    this.#keepMs = keepMs;
    this.#max = max;
  }

  set(key: K, value: V, nowMs: number): void {
    this.#turn(nowMs);
    if (this.#young.size >= this.#max) this.#age(nowMs);
    this.#young.set(key, value);
  }

  get(key: K, nowMs: number): V | undefined {
    this.#turn(nowMs);
    return this.#young.get(key) ?? this.#old.get(key);
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#turnedAtMs < this.#keepMs) return;
    if (nowMs - this.#turnedAtMs >= 2 * this.#keepMs) this.#young = new Map();
    this.#age(nowMs);
  }

  #age(nowMs: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedAtMs = nowMs;
  }
}
