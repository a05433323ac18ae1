/** `hubbub drain`, `move` and `rebalance`: what changes where shards are. */
import { Trouble } from "../lib/trouble.ts";
import type { ClusterStatus, PlannedMove } from "../ports.ts";
import { askAdmin } from "./admin-api.ts";
import { table } from "./table.ts";
import { count, nameOf, plural } from "./units.ts";

type Json = { json?: boolean };

/** Asks for the drain and prints that it has begun; `hubbub status --watch` shows it. Refuses the last node unless forced. */
export async function drainNode(
  node: string,
  { json = false, force = false }: Json & { force?: boolean },
): Promise<void> {
  if (!force) await mustHaveHeirs(node);
  const answer = await askAdmin<unknown>(`/nodes/${encodeURIComponent(node)}/drain`, { method: "POST" });
  if (json) return console.log(JSON.stringify(answer));
  console.log(
    `${node} drains: its shards move first, then its clients leave in waves. See: hubbub status --watch`,
  );
}

async function mustHaveHeirs(node: string): Promise<void> {
  const { nodes } = await askAdmin<ClusterStatus>("/status");
  const takers = nodes.filter(({ roles, draining }) => roles.includes("actors") && !draining);
  const leaving = takers.filter(({ id, name }) => id === node || name === node);
  if (leaving.length === 0 || leaving.length < takers.length) return;
  throw new Trouble(
    `${node} is the only node that takes shards: without it nobody is served. Start another one first, or insist with --force.`,
  );
}

/** Asks for the move and prints that it has begun, or that there is nothing to do. */
export async function moveShard(shard: number, node: string, { json = false }: Json): Promise<void> {
  const path = `/shards/${shard}/move`;
  const answer = await askAdmin<{ moving: boolean }>(path, { method: "POST", body: { node } });
  if (json) return console.log(JSON.stringify(answer));
  console.log(
    answer.moving
      ? `Shard ${shard} moves to ${node}; requests for it wait meanwhile. See: hubbub shards --watch`
      : `Shard ${shard} is on ${node} already.`,
  );
}

/** Prints what would move and why; without `plan`, makes it move. */
export async function rebalance({ json = false, plan = false }: Json & { plan?: boolean }): Promise<void> {
  const { moves } = await askAdmin<{ moves: PlannedMove[] }>("/rebalance", { method: plan ? "GET" : "POST" });
  if (json) return console.log(JSON.stringify(moves, undefined, 2));
  if (moves.length === 0) return console.log("Nothing moves: every node has its share.");
  console.log(`${describeMoves(moves)}\n`);
  console.log(
    plan
      ? `${plural(moves.length, "move")} in all; nothing was changed. To make them: hubbub rebalance`
      : `${plural(moves.length, "shard")} on the move. See: hubbub shards --watch`,
  );
}

/** A line for each. */
export function describeMoves(moves: readonly PlannedMove[]): string {
  const rows = moves.map(({ shard, from, to, load, why }) => [
    shard,
    from === undefined ? "(nobody)" : nameOf(from),
    nameOf(to),
    count(load),
    why,
  ]);
  return table([{ number: "shard" }, "from", "to", { number: "load/s" }, "why"], rows);
}
