/** What the whole cluster agrees on, kept in Postgres so that an emptied Redis changes nothing. */
import { randomBytes } from "node:crypto";
import { assert } from "../lib/assert.ts";
import type { Pool, Statement } from "./pools.ts";

type ClusterFacts = {
  /** Number of shards: a node that counts otherwise must not join. */
  shards: number;
  /** The least that a node must know of entries, commands and columns to be let in (rule E7). */
  protocol: number;
  /** What of them the cluster writes; absent: 1. */
  level?: number;
  createdAtMs: number;
};

export interface ClusterRecord {
  /** The first caller's word stands; everyone hears it. Rejects with `StoreAway`. */
  agree(mine: { shards: number; protocol: number; level?: number }): Promise<ClusterFacts>;
  /** Neither is ever lowered. From here on 0.1.0 finds migrations that it does not know, and does not start. Rejects with `StoreAway`. */
  raise(to: { protocol: number; level: number }): Promise<void>;
}

/** Bytes of the secret that signs tokens: as many as HS256 has. */
const SECRET_BYTES = 32;

const PROPOSE: Statement = {
  name: "propose",
  text: "insert into cluster (key, value) values ($1, $2) on conflict (key) do nothing",
};
const RAISE: Statement = {
  name: "raise",
  text: `
    with raised as (
      update cluster set value = value || jsonb_build_object(
        'protocol', greatest((value->>'protocol')::integer, $1::integer),
        'level', greatest(coalesce((value->>'level')::integer, 1), $2::integer)
      ) where key = 'record'
    )
    insert into migrations (name, run_on)
    select name, run_on from migrations_run as m
    where not exists (select from migrations as shown where shown.name = m.name)
    order by id`,
};
const AGREED: Statement = { name: "agreed", text: "select value from cluster where key = $1" };

export function createClusterRecord(pool: Pool, nowMs: () => number): ClusterRecord {
  return {
    agree: (mine) =>
      firstWins<ClusterFacts>(pool, "record", {
        shards: mine.shards,
        protocol: mine.protocol,
        ...(mine.level !== undefined && { level: mine.level }),
        createdAtMs: nowMs(),
      }),
    async raise({ protocol, level }) {
      await pool.rows(RAISE, [protocol, level]);
    },
  };
}

/** The secret that signs this cluster's tokens, base64url; made by the first node that asks. */
export function clusterSecret(pool: Pool): Promise<string> {
  return firstWins(pool, "token_secret", randomBytes(SECRET_BYTES).toString("base64url"));
}

/** Two statements: in one, the loser of a race would not see the row that it lost to. */
async function firstWins<T>(pool: Pool, key: string, value: T): Promise<T> {
  await pool.rows(PROPOSE, [key, JSON.stringify(value)]);
  const [row] = await pool.rows<{ value: T }>(AGREED, [key]);
  assert(row !== undefined, "what was proposed is agreed");
  return row.value;
}
