/** One timer for the signals of all channels of a shard, while any has something to tell later. */
import type { ActorTimers } from "../world.ts";
import type { Signals } from "./signals.ts";

/** How late a signal may be, and somebody's silence be noticed, milliseconds. Chosen: people do not see a quarter of a second. */
export const SIGNALS_EVERY_MS = 250;

export class SignalRounds {
  readonly #timers: ActorTimers;
  readonly #waiting = new Set<Signals>();
  #stop: (() => void) | undefined;

  constructor(timers: ActorTimers) {
    this.#timers = timers;
  }

  /** From now on it gets its rounds, until it is quiet. */
  add(signals: Signals): void {
    this.#waiting.add(signals);
    this.#stop ??= this.#timers.every(SIGNALS_EVERY_MS, () => this.#round());
  }

  remove(signals: Signals): void {
    this.#waiting.delete(signals);
    this.#rest();
  }

  #round(): void {
    for (const signals of this.#waiting) if (!signals.round()) this.#waiting.delete(signals);
    this.#rest();
  }

  #rest(): void {
    if (this.#waiting.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}
