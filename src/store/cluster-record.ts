/** What the whole cluster agrees on once and for ever, kept in Postgres so that an emptied Redis changes nothing. */
import { randomBytes } from "node:crypto";
import { assert } from "../lib/assert.ts";
import type { Pool, Statement } from "./pools.ts";

type ClusterFacts = {
  /** Number of shards: a node that counts otherwise must not join. */
  shards: number;
  /** Version of entries, commands and columns that the cluster started with (rule E7). */
  protocol: number;
  createdAtMs: number;
};

export interface ClusterRecord {
  /** The first caller's word stands; everyone hears it. Rejects with `StoreAway`. */
  agree(mine: { shards: number; protocol: number }): Promise<ClusterFacts>;
}

/** Bytes of the secret that signs tokens: as many as HS256 has. */
const SECRET_BYTES = 32;

const PROPOSE: Statement = {
  name: "propose",
  text: "insert into cluster (key, value) values ($1, $2) on conflict (key) do nothing",
};
const AGREED: Statement = { name: "agreed", text: "select value from cluster where key = $1" };

export function createClusterRecord(pool: Pool, nowMs: () => number): ClusterRecord {
  return {
    agree: (mine) =>
      firstWins<ClusterFacts>(pool, "record", {
        shards: mine.shards,
        protocol: mine.protocol,
        createdAtMs: nowMs(),
      }),
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
