/** `hubbub status`. */
import type { ClusterStatus } from "../ports.ts";
import { askAdmin } from "./admin-api.ts";
import { type Paint, paintFor } from "./paint.ts";
import { table } from "./table.ts";
import { count, duration, percent, plural } from "./units.ts";
import { NOTHING, remember } from "./watch/memory.ts";
import { describeProblems, renderPage, stateOf } from "./watch/page.ts";
import { problemsOf } from "./watch/problems.ts";
import { watch } from "./watch/watch.ts";

/** A page that is drawn every second does not wait longer for a node that hangs. */
const WATCH_ANSWER_WITHIN_MS = 1_000;

/** Prints it once. */
export async function showStatus({ json = false }: { json?: boolean }): Promise<void> {
  const status = await askAdmin<ClusterStatus>("/status");
  console.log(json ? JSON.stringify(status, undefined, 2) : describeStatus(status, paintFor(process.stdout)));
}

/** Shows it until `q` or Ctrl-C; a cluster that does not answer for a while is said, and waited for. */
export async function watchStatus(options: { json?: boolean }): Promise<void> {
  let memory = NOTHING;
  await watch<ClusterStatus>(
    {
      ask: () => askAdmin("/status", { withinMs: WATCH_ANSWER_WITHIN_MS }),
      take: (answer, atMs) => {
        memory = remember(memory, answer, atMs);
      },
      page: (size, nowMs, paint) => renderPage(memory, size, nowMs, paint),
    },
    options,
  );
}

/** What is wrong, a table of the nodes, a line for the shards and one for the log. */
export function describeStatus(status: ClusterStatus, paint: Paint): string {
  const { nodes, leader, shards, log } = status;
  const rows = nodes
    .toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }))
    .map((node) => [
      node.name,
      stateOf(node, leader, paint),
      node.shards,
      percent(node.utilisation),
      duration(node.leaseAgeMs),
      count(node.load),
      node.traffic ? count(node.traffic.connections) : "-",
      node.pid,
      node.version,
      node.url || "(no gateway)",
      node.roles.join(","),
      node.id,
    ]);
  const number = (head: string) => ({ number: head });
  const columns = [
    "node",
    "state",
    ...["shards", "busy", "lease", "load/s", "conns", "pid"].map(number),
    ...["version", "address", "roles", "id"],
  ];
  const lag =
    log.unflushedEvents === 0
      ? "Postgres has everything"
      : `${plural(log.unflushedEvents, "event")} wait for Postgres, the oldest for ${duration(log.unflushedAgeMs)}`;
  return [
    ...describeProblems(problemsOf(status), Number.POSITIVE_INFINITY, paint),
    "",
    table(columns, rows),
    "",
    `shards: ${count(shards.count)}, of which ${count(shards.moving)} move and ${count(shards.unserved)} are served by nobody`,
    `log: ${lag}`,
  ].join("\n");
}
