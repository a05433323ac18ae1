/** Virtual time: one heap of what is due, and machines whose clocks drift, stand still, and freeze. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Cancel, Timers } from "../../src/cluster/log/timers.ts";

type Due = { atMs: number; order: number; run: (() => void) | undefined };

/** Runs what is due in the order of time; what is due at one time, in the order in which it was asked for. */
export class Scheduler implements Timers {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Due[] = [];
  /** Steps taken. */
  steps = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Cancel {
    const due: Due = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run };
    this.#push(due);
    return () => {
      due.run = undefined;
    };
  }

  /** Runs the next that is due up to a time; false: there is none, and it is that time now. */
  step(untilMs: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#pop();
      const { run } = first;
      if (run === undefined) continue;
      this.#nowMs = first.atMs;
      this.steps++;
      run();
      return true;
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let i = heap.push(due) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (isBefore(heap[parent]!, due)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** On which machine the code runs that asks; undefined: on none, which is the simulation itself. */
const here = new AsyncLocalStorage<Machine>();

export function machineHere(): Machine | undefined {
  return here.getStore();
}

export type MachineOptions = {
  name: string;
  scheduler: Scheduler;
  random: () => number;
  /** Its seconds per second of the simulation. */
  rate: number;
};

/** One process: its clock, its timers, whether it lives. What happens to it waits while it is frozen, and never comes when it is dead. */
export class Machine implements Timers {
  readonly name: string;
  readonly random: () => number;
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  #stoodMs = 0;
  #frozenUntilMs = 0;
  isAlive = true;

  constructor({ name, scheduler, random, rate }: MachineOptions) {
    this.name = name;
    this.random = random;
    this.#scheduler = scheduler;
    this.#rate = rate;
  }

  /** Monotonic milliseconds of its own. */
  nowMs(): number {
    return (this.#scheduler.nowMs() - this.#stoodMs) * this.#rate;
  }

  after(ms: number, run: () => void): Cancel {
    let cancel: Cancel = () => {};
    const arrive = () => {
      if (!this.isAlive) return;
      const frozenMs = this.#frozenUntilMs - this.#scheduler.nowMs();
      if (frozenMs > 0) cancel = this.#scheduler.after(frozenMs, arrive);
      else here.run(this, run);
    };
    cancel = this.#scheduler.after(ms / this.#rate, arrive);
    return () => cancel();
  }

  /** Runs now what belongs to this machine. */
  run<T>(work: () => T): T {
    return here.run(this, work);
  }

  /** SIGSTOP, and SIGCONT later. `isSuspended`: the whole machine sleeps, and its clock stands still. */
  freeze(ms: number, isSuspended: boolean): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#scheduler.nowMs() + ms);
    if (!isSuspended) return;
    this.#scheduler.after(ms, () => {
      this.#stoodMs += ms;
    });
  }

  get isFrozen(): boolean {
    return this.#frozenUntilMs > this.#scheduler.nowMs();
  }

  thaw(): void {
    this.#frozenUntilMs = 0;
  }
}
