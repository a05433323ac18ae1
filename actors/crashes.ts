/** Which actors threw, and which of them too often (rule P5). */

/** More crashes than this within the window, and the actor stays closed until fewer lie in it. */
export const CRASHES_MAX = 3;
export const CRASH_WINDOW_MS = 60_000;

export class Crashes {
  /** Times of each actor's crashes, monotonic, oldest first. */
  #times = new Map<string, number[]>();

  /** Counts one; true: one too many. */
  count(id: string, nowMs: number): boolean {
    const times = [...(this.#times.get(id) ?? []), nowMs].slice(-(CRASHES_MAX + 1));
    this.#times.set(id, times);
    return this.isClosed(id, nowMs);
  }

  isClosed(id: string, nowMs: number): boolean {
    const times = this.#times.get(id);
    return times !== undefined && times.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS).length > CRASHES_MAX;
  }

  /** Forgets what lies outside the window. */
  trim(nowMs: number): void {
    for (const [id, times] of this.#times)
      if (nowMs - times.at(-1)! >= CRASH_WINDOW_MS) this.#times.delete(id);
  }
}
