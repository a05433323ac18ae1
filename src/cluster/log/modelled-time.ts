/** Virtual time and chance for tests: everything follows from a seed. */
import type { Timers } from "./timers.ts";

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Virtual time: nothing waits, timers run in order. */
export class ModelledTimers implements Timers {
  #now = 0;
  #order = 0;
  #due: { atMs: number; order: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#now + ms, order: this.#order++, run };
    let i = this.#due.length;
    while (i > 0 && this.#due[i - 1]!.atMs > timer.atMs) i--;
    this.#due.splice(i, 0, timer);
    return () => {
      const at = this.#due.indexOf(timer);
      if (at >= 0) this.#due.splice(at, 1);
    };
  }

  /** Runs everything up to a time; what promises do in between is done before the next timer. */
  async runUntil(untilMs: number): Promise<void> {
    await settled();
    while (this.#due.length > 0 && this.#due[0]!.atMs <= untilMs) {
      const timer = this.#due.shift()!;
      this.#now = timer.atMs;
      timer.run();
      await settled();
    }
    this.#now = untilMs;
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
