/** What a run has left in Postgres, judged by the auditor (row C12). */
import { pino } from "pino";
import { expect } from "vitest";
import { createAudit, type Drift } from "../../src/store/audit.ts";
import { openPool } from "../../src/store/pools.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import type { TestCluster, TestRedisServers } from "./cluster.ts";

/** Channels per statement. */
const AT_ONCE = 200;
const NONE = { messageCounts: 0, memberCounts: 0, replyCounts: 0, reactions: 0 };

/** Ends the cluster; rejects where its tables say numbers that a recount of every channel does not find. */
export async function stopAudited(cluster: TestCluster<TestRedisServers> | undefined): Promise<void> {
  try {
    if (cluster) expect(await driftOf(cluster.databaseUrl)).toMatchObject(NONE);
  } finally {
    await cluster?.stop();
  }
}

/** Over all channels. */
async function driftOf(databaseUrl: string): Promise<Drift> {
  const log = pino({ level: "silent" });
  const metrics = createMetrics({ defaults: false });
  const pool = openPool({ name: "audit", kind: "read", databaseUrl, sizeMax: 1, metrics, log });
  const total: Drift = { channels: 0, messages: 0, ...NONE };
  const audit = createAudit(pool);
  try {
    for (;;) {
      const drift = await audit(AT_ONCE);
      for (const what of Object.keys(total) as (keyof Drift)[]) total[what] += drift[what];
      if (drift.channels < AT_ONCE) return total;
    }
  } finally {
    await pool.close();
  }
}
