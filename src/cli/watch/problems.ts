/** What is wrong with a cluster, in sentences that say what follows from it: the top of `hubbub status`. */
import { LEASE_TTL_MS } from "../../lib/lease.ts";
import type { ClusterStatus, NodeStatus } from "../../ports.ts";
import { count, duration, list, percent, plural } from "../units.ts";

/** `grave`: people notice, or are about to. */
export type Problem = { grave: boolean; text: string };

/** A lease is renewed every 2 s: this is two of them missed. */
const LEASE_LATE_MS = 4_000;
/** Postgres is written within 50 ms: so far behind it is slow … */
const BEHIND_MS = 5_000;
/** … and so far behind it is away. */
const FAR_BEHIND_MS = 30_000;
/** Of an event loop; beyond it, waiting grows faster than work. Chosen. */
const BUSY = 0.85;
/** Of its event loop: people feel half a second. Chosen. */
const SLOW_MS = 500;

/** Has it missed a renewal that nothing but trouble explains? */
export function isLate({ leaseAgeMs }: NodeStatus): boolean {
  return leaseAgeMs >= LEASE_LATE_MS;
}

/** Is its event loop near its end? */
export function isBusy({ utilisation }: NodeStatus): boolean {
  return utilisation >= BUSY;
}

/** Does everyone on it wait for its event loop? */
export function isSlow({ lagMs }: NodeStatus): boolean {
  return lagMs >= SLOW_MS;
}

/** Gravest first; nothing: all is well. */
export function problemsOf(status: ClusterStatus): Problem[] {
  const { nodes, leader, shards, log } = status;
  const grave = (text: string) => ({ grave: true, text });
  const mild = (text: string) => ({ grave: false, text });
  if (nodes.length === 0) return [grave("No node has a lease: nobody serves anything.")];
  const problems: Problem[] = [];
  for (const node of nodes.filter(isLate)) problems.push(grave(lateLease(node, labelOf(node, nodes))));
  if (shards.unserved > 0)
    problems.push(
      grave(
        `${count(shards.unserved)} of ${count(shards.count)} shards are served by nobody: their channels answer "unavailable".`,
      ),
    );
  if (leader === undefined)
    problems.push(grave("No node leads: no shard changes its owner until one does. That takes 7 s at most."));
  if (log.unflushedAgeMs >= BEHIND_MS)
    problems.push({
      grave: log.unflushedAgeMs >= FAR_BEHIND_MS,
      text: `Postgres is ${duration(log.unflushedAgeMs)} behind, ${plural(log.unflushedEvents, "event")} wait in Redis: is it up, and does it take writes?`,
    });
  for (const node of nodes.filter(isSlow))
    problems.push(
      mild(
        `${labelOf(node, nodes)} is ${duration(node.lagMs)} late with everything: its event loop is held up, or it does not get its share of the CPU.`,
      ),
    );
  for (const node of nodes.filter(isBusy))
    problems.push(
      mild(
        `${labelOf(node, nodes)} is busy ${percent(node.utilisation)} of the time, so what it serves is late: add a node, or see what is hot with "hubbub shards".`,
      ),
    );
  for (const node of nodes.filter(({ draining }) => draining))
    problems.push(mild(`${labelOf(node, nodes)} drains: ${plural(node.shards, "shard")} left.`));
  return [...problems, ...versions(nodes).map(mild)];
}

/** Its name, unless two incarnations of it hold a lease. */
export function labelOf({ id, name }: NodeStatus, nodes: readonly NodeStatus[]): string {
  return nodes.filter((node) => node.name === name).length > 1 ? id : name;
}

function lateLease({ leaseAgeMs, shards }: NodeStatus, label: string): string {
  const inMs = Math.max(0, LEASE_TTL_MS - leaseAgeMs);
  const then = shards === 0 ? "" : `; in ${duration(inMs)} the others take its ${plural(shards, "shard")}`;
  return `${label} has not renewed its lease for ${duration(leaseAgeMs)}: it stalls, is cut off from Redis, or is dead${then}.`;
}

function versions(nodes: readonly NodeStatus[]): string[] {
  const byVersion = Map.groupBy(nodes, ({ version }) => version);
  if (byVersion.size < 2) return [];
  const told = [...byVersion].map(([version, of]) => `${version} on ${list(of.map(({ name }) => name))}`);
  return [`Several versions run side by side: ${told.join("; ")}.`];
}
