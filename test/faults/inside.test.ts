import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Order } from "./inside.ts";
import { giveOrder } from "./orders.ts";

const HOUR_MS = 3_600_000;
/** Says what time it is, by each way of asking, twenty times a second. */
const SAYS_TIME =
  "setInterval(() => console.log([Date.now(), +new Date(), +new Date(5), performance.now()].join()), 50)";

let folder: string;
let child: ChildProcess;
let last: number[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hubbub-inside-"));
  const inside = pathToFileURL(join(import.meta.dirname, "inside.ts")).href;
  const env = { ...process.env, FAULT_ORDERS: join(folder, "orders") };
  last = [];
  child = spawn(process.execPath, ["--max-old-space-size=64", `--import=${inside}`, "-e", SAYS_TIME], {
    env,
  });
  child.stdout!.on("data", (text) => {
    last = String(text).trim().split("\n").at(-1)!.split(",").map(Number);
  });
});
afterEach(() => {
  child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

async function order(given: Order): Promise<void> {
  await expect.poll(() => last.length, { timeout: 20_000 }).toBeGreaterThan(0);
  giveOrder(child.pid!, join(folder, "orders"), given);
}

it("sets a process's clock off and right again, and leaves given times and the monotonic clock alone", async () => {
  const hoursAhead = () =>
    [last[0]! - Date.now(), last[1]! - Date.now()].map((ms) => Math.round(ms / HOUR_MS) + 0);
  await order({ kind: "clock", aheadMs: -HOUR_MS });
  await expect.poll(hoursAhead).toEqual([-1, -1]);
  expect(last[2]).toBe(5);
  expect(last[3]).toBeLessThan(HOUR_MS);
  await order({ kind: "clock", aheadMs: 0 });
  await expect.poll(hoursAhead).toEqual([0, 0]);
});

it("holds the event loop for as long as it is told to", async () => {
  await order({ kind: "block", ms: 300 });
  const gaps: number[] = [];
  let before = last[3]!;
  await expect
    .poll(() => {
      gaps.push(last[3]! - before);
      before = last[3]!;
      return Math.max(...gaps);
    })
    .toBeGreaterThanOrEqual(300);
});

it("ends a process by its memory", { timeout: 60_000 }, async () => {
  await order({ kind: "eat" });
  const [code, signal] = await once(child, "exit");
  expect(code ?? signal).not.toBe(0);
});
