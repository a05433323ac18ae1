/** The cluster's time: Redis `TIME`, carried on by the monotonic clock, so that a node's own clock never matters (rule E5). */
import type { Clock } from "../../actors/ports.ts";
import { assert } from "../lib/assert.ts";

/** Share of passing time by which the clock runs faster or slower while it makes up a difference. Chosen: 1 s is gone in 10 s. */
const SLEW = 0.1;
/** A clock this far behind jumps ahead instead: slewing would take minutes, and a jump ahead is not a step back. Chosen. */
const JUMP_MS = 5_000;

/** Not usable before the first `observe`. */
export class ClusterClock implements Clock {
  readonly #monotonicMs: () => number;
  /** Redis's time minus monotonic time, as followed now and as last observed. */
  #offsetMs = Number.NaN;
  #targetMs = Number.NaN;
  #slewedAtMs = 0;
  #lastMs = 0;

  /** `monotonicMs`: `performance.now()` except in tests. */
  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** Redis said `redisMs` to a question sent and answered at these monotonic times. */
  observe(redisMs: number, sentAtMs: number, answeredAtMs: number): void {
    this.#targetMs = redisMs - (sentAtMs + answeredAtMs) / 2;
    if (Number.isNaN(this.#offsetMs)) {
      this.#offsetMs = this.#targetMs;
      this.#slewedAtMs = answeredAtMs;
    }
  }

  /** Has it ever been set? */
  get isSet(): boolean {
    return !Number.isNaN(this.#offsetMs);
  }

  nowMs(): number {
    assert(this.isSet, "the cluster's clock is read after the first answer of Redis");
    const monotonicMs = this.#monotonicMs();
    const behindMs = this.#targetMs - this.#offsetMs;
    if (behindMs > JUMP_MS) this.#offsetMs = this.#targetMs;
    else if (behindMs !== 0) {
      const mostMs = (monotonicMs - this.#slewedAtMs) * SLEW;
      this.#offsetMs += Math.max(-mostMs, Math.min(mostMs, behindMs));
    }
    this.#slewedAtMs = monotonicMs;
    this.#lastMs = Math.max(this.#lastMs, Math.floor(monotonicMs + this.#offsetMs));
    return this.#lastMs;
  }
}
