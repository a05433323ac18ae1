/** Epochs of shards as Postgres knows them: the second fence (rules L2, L3, P1). */

import { assert } from "../lib/assert.ts";
import type { LogId, Reigns } from "../ports.ts";
import type { Pool, Statement } from "./pools.ts";
import { turnBatch } from "./turn-batch.ts";

/** The first claim makes the row. The row's lock makes racing claims, and a flush under way, wait for each other. */
const CLAIM: Statement = {
  name: "claim",
  text: `
    insert into shards as s (shard, epoch) values ($1, $2::bigint + 1)
    on conflict (shard) do update set epoch = greatest(s.epoch, $2::bigint) + 1
    returning epoch, flushed_epoch, flushed_n`,
};

const STANDING: Statement = {
  name: "standing",
  text: "select shard, epoch from shards where shard = any ($1::integer[])",
};

/** Shards of one question at most: a node owns 256. */
const SHARDS_MAX = 1_000;

/** Over a pool of the primary. */
export function createReigns(pool: Pool): Reigns {
  // A node whose Redis failed over asks for all its shards at once.
  const lastDrawn = turnBatch<number, number>(SHARDS_MAX, async (shards) => {
    const rows = await pool.rows<{ shard: number; epoch: number }>(STANDING, [shards]);
    const epochs = new Map(rows.map((row) => [row.shard, row.epoch]));
    return shards.map((shard) => epochs.get(shard) ?? 0);
  });
  return {
    async claim(shard, atLeastEpoch) {
      const [row] = await pool.rows<{ epoch: number; flushed_epoch: number; flushed_n: number }>(CLAIM, [
        shard,
        atLeastEpoch,
      ]);
      assert(row !== undefined, "a claim answers its row");
      const flushed: LogId = [row.flushed_epoch, row.flushed_n];
      return { epoch: row.epoch, flushed };
    },
    stands: async (shard, epoch) => (await lastDrawn(shard)) === epoch,
  };
}
