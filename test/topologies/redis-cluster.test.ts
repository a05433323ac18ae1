/** Row A5, rules L3 and L4: a Redis Cluster whose slots move and whose master dies, under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChannelId } from "../../protocol/ids.ts";
import { clusterKeys } from "../../src/cluster/keys.ts";
import { logKey } from "../../src/cluster/log/redis-link.ts";
import { shardOf } from "../../src/cluster/shard-of.ts";
import { Chatter } from "../cluster/chatter.ts";
import { counted } from "../cluster/stores.ts";
import { stopAudited } from "../support/audit.ts";
import { startClusterOn, type TestCluster } from "../support/cluster.ts";
import { startRedisCluster, type TestRedisCluster } from "../support/redis-cluster.ts";

/** Elections take seconds, and machines are shared. */
const PATIENCE_MS = 60_000;
const PREFIX = "hub";
const SHARDS = 256;

let cluster: TestCluster<TestRedisCluster>;
beforeAll(async () => {
  cluster = await startClusterOn(await startRedisCluster({ replicas: true }), { nodes: 2 });
});
afterAll(() => stopAudited(cluster));

/** Talks, lets `fault` happen, and answers what was seen, after the verdict. */
async function goesOn(what: string, fault: (chatter: Chatter) => Promise<void>) {
  const chatter = await Chatter.start(cluster, { channels: 8, members: 3, everyMs: 400 });
  chatter.talk();
  await chatter.untilAcked(60, PATIENCE_MS);
  const fromMs = performance.now();
  await fault(chatter);
  const doneAtMs = performance.now();
  await chatter.untilAllAcked(chatter.channelIds, doneAtMs);
  const againMs = Math.round(performance.now() - doneAtMs);
  await chatter.untilAcked(60, PATIENCE_MS);
  const { seen } = await chatter.judge();
  const pauseMs = Math.round(chatter.longestPauseMs(chatter.channelIds, fromMs));
  console.log(`${what}: every channel acks after ${againMs} ms, longest pause ${pauseMs} ms`, seen);
  return seen;
}

async function total(name: string): Promise<number> {
  const counts = await Promise.all(cluster.nodes.map((node) => counted(node, name)));
  return counts.reduce((sum, count) => sum + count, 0);
}

it("rule L4: goes on while the slots of logs move to another master", async () => {
  await goesOn("slots of logs moved", async (chatter) => {
    const shards = chatter.channelIds.slice(0, 4).map((id) => shardOf(id as ChannelId, SHARDS));
    for (const shard of new Set(shards)) await cluster.redis.moveSlot(logKey(PREFIX, shard));
  });
  expect(await total("hubbub_log_fenced_total")).toBe(0);
});

it("row A5: goes on while the slot of leases, leader and placement moves", async () => {
  await goesOn("the cluster's own slot moved", async () => {
    await cluster.redis.moveSlot(clusterKeys(PREFIX).placement);
  });
  expect(await total("hubbub_log_fenced_total")).toBe(0);
});

it("rule L3: a master dies, its replica is promoted: nothing acked is lost", async () => {
  const { servers } = cluster.redis;
  await goesOn("a master killed", async (chatter) => {
    await chatter.keepLog();
    await servers[0]!.kill();
  });
  await servers[0]!.restart();
});
