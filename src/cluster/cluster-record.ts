/** What all nodes of a cluster must agree on: how many shards there are, for ever, and what each must know (rule E7). */
import { FIRST_LEVEL } from "../lib/level.ts";
import type { Control } from "./control.ts";

/**
 * `protocol`: the least that a node must know to be let in, a level (0.1.0 calls it so, and is let in at 1 alone). `level`: what
 * the cluster writes; absent, 1. `createdAtMs`: Unix milliseconds, of the first node's clock.
 */
export type ClusterFacts = { shards: number; protocol: number; level?: number; createdAtMs: number };

/** Keeps the facts in Postgres, so that an emptied Redis changes nothing. Implemented by the store. */
export interface ClusterRecord {
  /** Stores the facts when there are none yet; resolves to those that stand. Rejects with `StoreAway`. */
  agree(facts: ClusterFacts): Promise<ClusterFacts>;
  /** Neither is ever lowered. Rejects with `StoreAway`. */
  raise(to: { protocol: number; level: number }): Promise<void>;
}

/** This node would put actors elsewhere, or does not understand what the others write: it must not join. */
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

/** Throws `ClusterDisagrees` when this node is configured otherwise than what stands in `where`, or knows less. */
export function mustAgree(
  where: "Postgres" | "Redis",
  ours: { shards: number; level: number },
  theirs: ClusterFacts,
): void {
  if (ours.shards !== theirs.shards)
    throw new ClusterDisagrees(
      `this node is configured for shards ${ours.shards}, but the cluster's record in ${where} says ${theirs.shards}`,
    );
  if (!(Math.max(theirs.protocol, theirs.level ?? FIRST_LEVEL) <= ours.level))
    throw new ClusterDisagrees(
      `this version of Hubbub knows level ${ours.level}, but the cluster's record in ${where} says ${theirs.protocol}: start the version that the other nodes run, or a newer one`,
    );
}
