/** What nodes say of themselves at the end: no broken promise, no end that nobody meant, no queue that grew (invariant 8). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../cluster/stores.ts";
import type { TestNode } from "../support/cluster.ts";
import type { Ground } from "./ground.ts";

/** Pino's `fatal`. */
const FATAL = '"level":60';
/** Queues of a cluster that nobody writes to are empty after it; a gauge is a sample of the last second. */
const EMPTY_WITHIN_MS = 20_000;
/** What must be 0 when nobody writes any more. */
const QUEUES = ["hubbub_log_unflushed_events", "hubbub_mailbox_depth", "hubbub_write_buffer_bytes"];
/** What must never have happened. */
const NEVER = ["hubbub_dead_events_total", "hubbub_actor_crashes_total", "hubbub_log_lost_events_total"];

/** One sentence each. */
export async function wrongInside(ground: Ground): Promise<string[]> {
  const perNode = await Promise.all(
    ground.living.map(async (node) => [...(await counts(node)), ...(await fuller(node))]),
  );
  return [...perNode.flat(), ...(await ended(ground)), ...fatal(ground)];
}

async function counts(node: TestNode): Promise<string[]> {
  const found = await Promise.all(NEVER.map(async (name) => [name, await counted(node, name)] as const));
  return found.flatMap(([name, count]) => (count > 0 ? [`${node.name}: ${name} is ${count}`] : []));
}

async function fuller(node: TestNode): Promise<string[]> {
  const endMs = performance.now() + EMPTY_WITHIN_MS;
  for (;;) {
    const found = await Promise.all(QUEUES.map(async (name) => [name, await counted(node, name)] as const));
    const full = found.filter(([, count]) => count > 0);
    if (full.length === 0) return [];
    if (performance.now() > endMs)
      return full.map(([name, count]) => `${node.name}: ${name} stays at ${count}`);
    await sleep(500);
  }
}

/** Processes that nobody ended. */
async function ended(ground: Ground): Promise<string[]> {
  const states = ground.cluster.nodes.map(async (node) => {
    if (ground.meant.has(node)) return [];
    const exit = await Promise.race([node.exited, sleep(0)]);
    return exit ? [`${node.name} ended by itself: ${JSON.stringify(exit)}`] : [];
  });
  return (await Promise.all(states)).flat();
}

function fatal({ cluster }: Ground): string[] {
  return readdirSync(cluster.logDir)
    .filter((file) => file.endsWith(".log"))
    .flatMap((file) =>
      readFileSync(join(cluster.logDir, file), "utf8")
        .split("\n")
        .filter((line) => line.includes(FATAL))
        .map((line) => `${file}: ${line}`),
    );
}
