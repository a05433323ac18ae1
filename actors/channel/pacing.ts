/** How often a thing is told, apart from when and what: pure, time is an argument (monotonic milliseconds). */
export class Pacing {
  readonly #everyMs: number;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  /** `everyMs`: the least time between two times of telling. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** May it be told now? */
  isOpen(nowMs: number): boolean {
    return this.sinceMs(nowMs) >= this.#everyMs;
  }

  /** It is told now. */
  told(nowMs: number): void {
    this.#toldAtMs = nowMs;
  }

  /** How long ago it was told; infinite: never. */
  sinceMs(nowMs: number): number {
    return nowMs - this.#toldAtMs;
  }
}
