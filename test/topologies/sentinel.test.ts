/** Row A5, rule L3: a Redis master behind Sentinels is killed under load, without its last entries on the replica. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Chatter } from "../cluster/chatter.ts";
import { counted } from "../cluster/stores.ts";
import { stopAudited } from "../support/audit.ts";
import { startClusterOn, type TestCluster } from "../support/cluster.ts";
import { startRedisSentinel, type TestRedisSentinel } from "../support/redis-sentinel.ts";

/** Elections take seconds, and machines are shared. */
const PATIENCE_MS = 60_000;

let cluster: TestCluster<TestRedisSentinel>;
beforeAll(async () => {
  cluster = await startClusterOn(await startRedisSentinel(), { nodes: 3 });
});
afterAll(() => stopAudited(cluster));

async function total(name: string): Promise<number> {
  const counts = await Promise.all(cluster.nodes.map((node) => counted(node, name)));
  return counts.reduce((sum, count) => sum + count, 0);
}

it("row A5, rule L3: owners put back what a promoted replica lacks; nothing acked is lost, logged or persisted", async () => {
  const { redis } = cluster;
  const chatter = await Chatter.start(cluster, {
    channels: 8,
    members: 3,
    everyMs: 400,
    durability: "persisted",
  });
  chatter.talk();
  await chatter.untilAcked(80, PATIENCE_MS);
  // What is acked from now on stands on the master alone.
  await redis.cutReplica();
  await chatter.untilAcked(40, PATIENCE_MS);
  await chatter.keepLog();
  const killedAtMs = performance.now();
  await redis.master.kill();
  await expect.poll(() => redis.masterPort(), { timeout: PATIENCE_MS }).toBe(redis.replica.port);
  const promotedMs = Math.round(performance.now() - killedAtMs);
  await chatter.untilAllAcked(chatter.channelIds, performance.now());
  const againMs = Math.round(performance.now() - killedAtMs);
  // It returns as a replica; Sentinels may take seconds to tell it so, and nobody must take it for the master meanwhile.
  await redis.master.restart();
  await chatter.untilAcked(160, PATIENCE_MS);
  const report = await chatter.judge();
  expect(await total("hubbub_log_reappended_total")).toBeGreaterThan(0);
  expect(await total("hubbub_log_lost_events_total")).toBe(0);
  console.log(
    `Redis's master killed: another after ${promotedMs} ms, every channel acks again after ${againMs} ms`,
    report.seen,
  );
});
