/** How a test speaks to `inside.ts` in a node's process. */
import { renameSync, writeFileSync } from "node:fs";
import type { Order } from "./inside.ts";

/** Whole or not at all: the process may still be reading the order before. */
export function giveOrder(pid: number, file: string, order: Order): void {
  writeFileSync(`${file}.next`, JSON.stringify(order));
  renameSync(`${file}.next`, file);
  process.kill(pid, "SIGUSR2");
}
