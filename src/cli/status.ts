/** `hubbub status`. */
import { setTimeout as sleep } from "node:timers/promises";
import { Trouble } from "../lib/trouble.ts";
import type { ClusterStatus, NodeStatus } from "../ports.ts";
import { askAdmin } from "./admin-api.ts";
import { table } from "./table.ts";

const WATCH_EVERY_MS = 1_000;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

/** Prints it once. */
export async function showStatus({ json = false }: { json?: boolean }): Promise<void> {
  const status = await askAdmin<ClusterStatus>("/status");
  console.log(json ? JSON.stringify(status, undefined, 2) : describeStatus(status));
}

/** Prints it every second; a cluster that does not answer for a while is said, and waited for. With `json`, one line each. */
export async function watchStatus({ json = false }: { json?: boolean }): Promise<void> {
  for (;;) {
    const text = await describeNow(json);
    console.log(
      json ? text : `${process.stdout.isTTY ? CLEAR_SCREEN : ""}${new Date().toISOString()}\n\n${text}\n`,
    );
    await sleep(WATCH_EVERY_MS);
  }
}

async function describeNow(json: boolean): Promise<string> {
  try {
    const status = await askAdmin<ClusterStatus>("/status");
    return json ? JSON.stringify(status) : describeStatus(status);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    return json ? JSON.stringify({ error: error.message }) : error.message;
  }
}

/** A table of the nodes and a line for the log. */
export function describeStatus({ nodes, leader, log }: ClusterStatus): string {
  const rows = [...nodes]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((node) => [
      node.name,
      stateOf(node, leader),
      node.shards,
      `${Math.round(node.utilisation * 100)} %`,
      `${(node.leaseAgeMs / 1_000).toFixed(1)} s`,
      node.pid,
      node.url,
      node.roles.join(","),
      node.id,
    ]);
  const lag =
    log.unflushedEvents === 0
      ? "Postgres has everything"
      : `${log.unflushedEvents} events wait for Postgres, the oldest for ${(log.unflushedAgeMs / 1_000).toFixed(1)} s`;
  return `${table(["node", "state", "shards", "busy", "lease", "pid", "address", "roles", "id"], rows)}\n\nlog: ${lag}`;
}

function stateOf(node: NodeStatus, leader: string | undefined): string {
  if (node.draining) return "draining";
  return node.id === leader ? "leader" : "serving";
}
