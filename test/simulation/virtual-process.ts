/**
 * What a process asks of its machine (timers, clocks, chance) answered by the simulation for code that runs on one of its
 * machines, and as ever for all other code. So the product runs as it is, without knowing.
 */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import perfHooks from "node:perf_hooks";
import timersPromises from "node:timers/promises";
import type { Cancel } from "../../src/cluster/log/timers.ts";
import { type Machine, machineHere } from "./time.ts";

/** Unix milliseconds at which every simulation begins: one of 2026, so that ids drawn today are of the past. */
export const EPOCH_MS = 1_770_000_000_000;

/** A timer of a machine, as `setTimeout` answers it. */
class VirtualTimer {
  readonly #cancel: Cancel;

  constructor(cancel: Cancel) {
    this.#cancel = cancel;
  }

  cancel(): void {
    this.#cancel();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

type Run = (...args: unknown[]) => void;

function once(machine: Machine, run: Run, ms: number, args: unknown[]): VirtualTimer {
  return new VirtualTimer(machine.after(ms, () => run(...args)));
}

function again(machine: Machine, run: Run, ms: number, args: unknown[]): VirtualTimer {
  let cancel: Cancel = () => {};
  const next = () => {
    cancel = machine.after(Math.max(1, ms), () => {
      next();
      run(...args);
    });
  };
  next();
  return new VirtualTimer(() => cancel());
}

/** As `timers/promises` waits. */
function sleepOn(machine: Machine, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = machine.after(ms, resolve);
    signal?.addEventListener("abort", () => {
      cancel();
      reject(new DOMException("The operation was aborted", "AbortError"));
    });
  });
}

/** What the libuv of a machine says of its event loop: nothing, since nothing takes time there. */
const idleLoop = { enable: () => true, disable: () => true, percentile: () => 0, reset: () => {} };
const idleUse = { idle: 1, active: 0, utilization: 0 };

/** Puts `ours(machine)` in the place of `owner[name]` for code on a machine. */
function divert<K extends string, F extends (...args: never[]) => unknown>(
  owner: Record<K, unknown>,
  name: K,
  ours: (machine: Machine, ...args: Parameters<F>) => unknown,
): void {
  const theirs = owner[name] as (...args: unknown[]) => unknown;
  const diverted = function (this: unknown, ...args: Parameters<F>) {
    const machine = machineHere();
    return machine ? ours(machine, ...args) : theirs.apply(this, args);
  };
  Object.defineProperty(owner, name, { value: diverted, configurable: true, writable: true });
}

let isInstalled = false;

/** Once per process; harmless to everything that runs on no machine. */
export function installVirtualProcess(): void {
  if (isInstalled) return;
  isInstalled = true;
  const globals = globalThis as unknown as Record<string, unknown>;
  type Timed = (run: Run, ms?: number, ...args: unknown[]) => unknown;
  divert<string, Timed>(globals, "setTimeout", (machine, run, ms = 1, ...args) =>
    once(machine, run, Math.max(1, ms), args),
  );
  divert<string, Timed>(globals, "setInterval", (machine, run, ms = 1, ...args) =>
    again(machine, run, ms, args),
  );
  divert<string, (run: Run, ...args: unknown[]) => unknown>(
    globals,
    "setImmediate",
    (machine, run, ...args) => once(machine, run, 0, args),
  );
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) divertClear(globals, name);
  const clocks = performance as unknown as Record<string, unknown>;
  divert<string, () => number>(clocks, "now", (machine) => machine.nowMs());
  divert<string, () => unknown>(clocks, "eventLoopUtilization", () => idleUse);
  divert<string, () => number>(Date as unknown as Record<string, unknown>, "now", (machine) =>
    Math.floor(EPOCH_MS + machine.nowMs()),
  );
  divert<string, () => number>(Math as unknown as Record<string, unknown>, "random", (machine) =>
    machine.random(),
  );
  divertBuiltins();
}

function divertClear(globals: Record<string, unknown>, name: string): void {
  const theirs = globals[name] as (timer: unknown) => void;
  const clear = (timer: unknown) => (timer instanceof VirtualTimer ? timer.cancel() : theirs(timer));
  Object.defineProperty(globals, name, { value: clear, configurable: true, writable: true });
}

function divertBuiltins(): void {
  type Sleep = (ms?: number, value?: unknown, options?: { signal?: AbortSignal }) => unknown;
  divert<string, Sleep>(
    timersPromises as unknown as Record<string, unknown>,
    "setTimeout",
    (machine, ms = 1, _value = undefined, options = {}) => sleepOn(machine, ms, options.signal),
  );
  divert<string, (bytes: number) => Buffer>(
    crypto as unknown as Record<string, unknown>,
    "randomBytes",
    (machine, bytes) => Buffer.from(Array.from({ length: bytes }, () => Math.floor(machine.random() * 256))),
  );
  divert<string, () => unknown>(
    perfHooks as unknown as Record<string, unknown>,
    "monitorEventLoopDelay",
    () => idleLoop,
  );
  syncBuiltinESMExports();
}
