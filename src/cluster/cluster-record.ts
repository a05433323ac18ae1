/** What all nodes of a cluster must agree on for ever: how many shards there are, and which protocol they speak. */
import type { Control } from "./control.ts";

/** `createdAtMs`: Unix milliseconds, of the first node's clock. */
export type ClusterFacts = { shards: number; protocol: number; createdAtMs: number };

/** Keeps the facts in Postgres, so that an emptied Redis changes nothing. Implemented by the store. */
export interface ClusterRecord {
  /** Stores the facts when there are none yet; resolves to those that stand. Rejects with `StoreAway`. */
  agree(facts: ClusterFacts): Promise<ClusterFacts>;
}

/** This node would put actors elsewhere, or say things that the others do not understand: it must not join. */
export class ClusterDisagrees extends Error {
  override name = "ClusterDisagrees";
}

/** Writes what stands in Postgres where Redis lacks it, and answers what stands in Redis. */
export async function agreeInRedis(control: Control, stored: ClusterFacts): Promise<ClusterFacts> {
  const { shards, protocol, createdAtMs } = await control.agree({
    shards: String(stored.shards),
    protocol: String(stored.protocol),
    createdAtMs: String(stored.createdAtMs),
  });
  return { shards: Number(shards), protocol: Number(protocol), createdAtMs: Number(createdAtMs) };
}

/** Throws `ClusterDisagrees` when this node is configured otherwise than what stands in `where`. */
export function mustAgree(where: "Postgres" | "Redis", ours: ClusterFacts, theirs: ClusterFacts): void {
  for (const fact of ["shards", "protocol"] as const) {
    if (ours[fact] === theirs[fact]) continue;
    throw new ClusterDisagrees(
      `this node is configured for ${fact} ${ours[fact]}, but the cluster's record in ${where} says ${theirs[fact]}`,
    );
  }
}
