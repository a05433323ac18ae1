/** Time as owner, gate and appender see it: monotonic, and waiting. */

/** Stops a timer; harmless when it has run. */
export type Cancel = () => void;

export interface Timers {
  /** Monotonic milliseconds. */
  nowMs(): number;
  after(ms: number, run: () => void): Cancel;
}

export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** First and longest wait between two tries of what failed, milliseconds (chosen: a failover takes seconds, a slot's move less). */
export const RETRY_FIRST_MS = 50;
export const RETRY_LONGEST_MS = 1_000;

/** Waits between tries: 50 ms, twice as long each time, 1 s at most; a new link cuts the wait short. */
export class Patience {
  #timers: Timers;
  #nextMs = RETRY_FIRST_MS;
  #waiting = new Set<() => void>();
  #stopped = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves after the next wait, or after `atLeastMs`, on `hurry`, or on `stop`. */
  wait(atLeastMs = 0): Promise<void> {
    const ms = Math.max(this.#nextMs, atLeastMs);
    this.#nextMs = Math.min(this.#nextMs * 2, RETRY_LONGEST_MS);
    return this.#sleep(ms);
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#timers.after(ms, wake);
      this.#waiting.add(wake);
    });
  }

  /** It worked: the next wait is short again. */
  reset(): void {
    this.#nextMs = RETRY_FIRST_MS;
  }

  /** Something changed: whoever waits tries now. */
  hurry(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  stop(): void {
    this.#stopped = true;
    this.hurry();
  }
}
