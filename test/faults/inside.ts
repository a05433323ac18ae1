/**
 * What befalls a node from within: its process loads this before the node (`--import`), and does what the file named by
 * `FAULT_ORDERS` says at each SIGUSR2. The product knows nothing of it.
 */
import { readFileSync } from "node:fs";

export type Order =
  /** The event loop stands for so long; other threads go on, and the kernel takes connections. */
  | { kind: "block"; ms: number }
  /** The wall clock jumps to where it would be, plus so much. The monotonic clock does not. */
  | { kind: "clock"; aheadMs: number }
  /** Memory is taken and kept until the process dies of it. */
  | { kind: "eat" };

const trueNow = Date.now;
const TrueDate = Date;
let aheadMs = 0;

/** What JavaScript asks for the time of day; the kernel is not asked by anybody else here. */
class ShiftedDate extends TrueDate {
  constructor(...given: unknown[]) {
    // @ts-expect-error the constructor's overloads are passed on as they came
    super(...(given.length === 0 ? [trueNow() + aheadMs] : given));
  }
  static override now(): number {
    return trueNow() + aheadMs;
  }
}

function obey(order: Order): void {
  if (order.kind === "block") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.ms);
  else if (order.kind === "clock") aheadMs = order.aheadMs;
  else eat([]);
}

/** A megabyte of small objects a turn: the loop goes on, and grows. */
function eat(kept: object[][]): void {
  kept.push(Array.from({ length: 16_384 }, (_, i) => ({ i })));
  setImmediate(eat, kept);
}

const { FAULT_ORDERS: orders } = process.env;
if (orders !== undefined) {
  // From the start: whoever keeps `Date.now` for itself keeps ours.
  globalThis.Date = ShiftedDate as DateConstructor;
  process.on("SIGUSR2", () => obey(JSON.parse(readFileSync(orders, "utf8")) as Order));
}
