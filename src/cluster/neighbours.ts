/** What a node finds in the leases of the others when it starts, drains, or is asked for one of them. */
import type { Ground } from "./ground.ts";
import { fromFields, type LiveNode } from "./nodes.ts";

/** Leases are renewed every 2 s; half as much again for a busy node. */
const RENEWED_WITHIN_MS = 3_000;

/** By id or name; of several with that name the youngest, since the others died just now. */
export function newestNamed(live: readonly LiveNode[], node: string): LiveNode | undefined {
  return live
    .filter(({ id, name }) => id === node || name === node)
    .toSorted((a, b) => b.startedAtMs - a.startedAtMs)[0];
}

/** See `Cluster.unserved`, for a node of this name that serves these shards. */
export async function countUnserved(
  { table, control, incarnation, logger }: Ground,
  name: string,
  serving: ReadonlySet<number>,
): Promise<number> {
  // A lease outlives its node by seconds: not one that should have been renewed by now, nor the one that died under our name.
  const isThere = (node: LiveNode) => node.leaseAgeMs < RENEWED_WITHIN_MS && node.name !== name;
  try {
    const nodes = (await control.readNodes()).map(fromFields).filter(isThere);
    const live = new Map(nodes.map((node) => [node.id, node.serving]));
    live.set(incarnation, serving);
    return Array.from({ length: table.shards }, (_, shard) => table.row(shard)).filter(
      ({ node = "", previous = "" }, shard) =>
        !live.has(node) || !(live.get(node)?.has(shard) || live.has(previous)),
    ).length;
  } catch (error) {
    logger.debug({ err: error }, "start: Redis did not answer");
    return table.shards;
  }
}

/** Does another node take shards? Unknown is yes: Redis is away, and the deadline decides. */
export async function hasSuccessor({ control, incarnation, logger }: Ground): Promise<boolean> {
  try {
    const live = (await control.readNodes()).map(fromFields);
    return live.some(
      ({ id, roles, draining }) => id !== incarnation && roles.includes("actors") && !draining,
    );
  } catch (error) {
    logger.debug({ err: error }, "drain: Redis did not answer");
    return true;
  }
}
