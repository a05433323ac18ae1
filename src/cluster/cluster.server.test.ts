import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { LEVEL } from "../lib/level.ts";
import { Nodes, SHARDS, type TestNode } from "./harness.ts";
import { clusterKeys } from "./keys.ts";

let redis: TestRedis;
let inspect: Redis;
beforeAll(async () => {
  redis = await startRedis({ aof: false });
  inspect = new Redis(redis.url);
});
afterAll(async () => {
  inspect.disconnect();
  await redis.stop();
});

type OnFinished = (then: () => Promise<void>) => void;

function cluster(onTestFinished: OnFinished, url = redis.url) {
  const prefix = freshPrefix();
  const nodes = new Nodes({ kind: "standalone", url }, prefix);
  onTestFinished(() => nodes.stop());
  return { nodes, prefix, keys: clusterKeys(prefix) };
}

/** Shards served by node, as the leases say. */
async function shares(witness: TestNode): Promise<Record<string, number>> {
  const { nodes } = await witness.cluster.status();
  return Object.fromEntries(nodes.map(({ name, shards }) => [name, shards]));
}

const settled = (witness: TestNode, expected: Record<string, number>, timeoutMs = 10_000) =>
  vi.waitFor(async () => expect(await shares(witness)).toEqual(expected), {
    timeout: timeoutMs,
    interval: 20,
  });

describe("joining and leaving", () => {
  it("serves every shard within a second of the first node's start", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const startedAtMs = performance.now();
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS }, 1_500);
    expect(performance.now() - startedAtMs).toBeLessThan(1_500);
    const { leader } = await a.cluster.status();
    expect(leader).toBe(a.cluster.incarnation);
    expect(a.cluster.lease.holds()).toBe(true);
  });

  it("gives a node that joins its share, a few shards at a time, each handed over: stopped, ended, then claimed", async ({
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const { story } = nodes.world;
    expect(story.filter(({ what }) => what === "fenced")).toEqual([]);
    for (const shard of new Set(
      story.filter(({ node }) => node === b.cluster.incarnation).map((one) => one.shard),
    )) {
      const way = story
        .filter((one) => one.shard === shard)
        .map(({ node, what }) => `${node.split(".")[0]} ${what}`);
      expect(way).toEqual(["a claims", "a serves", "a stops", "a ended", "b claims", "b serves"]);
    }
    const moves = await a.metrics.shardMoves.get();
    expect(Object.fromEntries(moves.values.map(({ labels, value }) => [labels.reason, value]))).toEqual({
      new: SHARDS,
      balance: SHARDS / 2,
    });
    const handovers = (await b.metrics.handoverDuration.get()).values;
    const handover = (part: string) => handovers.find(({ metricName }) => metricName?.endsWith(part))!.value;
    expect(handover("_count")).toBe(SHARDS / 2);
    expect(handover("_sum") / handover("_count")).toBeLessThan(0.5); // the old owner said so, nobody waited for 2 s
    expect(b.moved.flat().length).toBeGreaterThanOrEqual(SHARDS);
  });

  it("drains a node: its shards go to the others without a fence, and it hands leadership over at once", async ({
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    expect((await b.cluster.status()).leader).toBe(a.cluster.incarnation);
    await a.cluster.drain({ withinMs: 10_000 });
    await settled(b, { a: 0, b: SHARDS });
    const status = await b.cluster.status();
    expect(status.leader).toBe(b.cluster.incarnation);
    expect(status.nodes.find(({ name }) => name === "a")?.draining).toBe(true);
    expect(nodes.world.story.filter(({ what }) => what === "fenced")).toEqual([]);
    await a.cluster.stop();
    await settled(b, { b: SHARDS });
  });

  it("rule P3: the last node to drain stops its shards by itself", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    await a.cluster.drain({ withinMs: 10_000 });
    expect(nodes.world.story.filter(({ what }) => what === "ended").length).toBe(SHARDS);
    await settled(a, { a: 0 });
  });

  it("frees the shards of a node that stopped in order at once, also for a cluster that starts anew", async ({
    onTestFinished,
  }) => {
    const { nodes, keys } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    await a.cluster.stop();
    expect(await inspect.exists(keys.node(a.cluster.incarnation), keys.leader)).toBe(0);
    const b = await nodes.start("b");
    await settled(b, { b: SHARDS }, 2_000);
  });

  it("does not take nodes without the role actors", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const gateway = await nodes.start("gateway", { roles: ["gateway"] });
    const b = await nodes.start("b");
    await settled(b, { gateway: 0, b: SHARDS });
    await gateway.cluster.drain({ withinMs: 1_000 });
  });

  it("asks a node to drain by its id or name", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    expect(await a.cluster.requestDrain("b")).toBe(true);
    expect(await a.cluster.requestDrain(b.cluster.incarnation)).toBe(true);
    await expect.poll(() => b.drains).toBe(2);
    expect(await a.cluster.requestDrain("nobody")).toBe(false);
    await a.cluster.requestDrain("a");
    expect(a.drains).toBe(1);
  });

  it("shows nodes, leader and backlog as `hubbub status --json` does", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    const status = await a.cluster.status();
    expect(status).toEqual({
      atMs: expect.any(Number),
      shards: { count: SHARDS, moving: 0, unserved: 0 },
      nodes: [
        {
          id: a.cluster.incarnation,
          name: "a",
          pid: process.pid,
          url: "http://localhost/a",
          metricsUrl: "http://localhost/a/metrics",
          roles: ["gateway", "actors"],
          leaseAgeMs: expect.any(Number),
          draining: false,
          shards: SHARDS,
          utilisation: expect.any(Number),
          lagMs: expect.any(Number),
          load: 0,
          unflushedEvents: SHARDS,
          unflushedAgeMs: expect.any(Number),
          version: "0.1.0",
          startedAtMs: expect.any(Number),
        },
      ],
      leader: a.cluster.incarnation,
      log: { unflushedEvents: expect.any(Number), unflushedAgeMs: expect.any(Number) },
    });
    expect(status.nodes[0]!.leaseAgeMs).toBeLessThan(3_000);
  });

  it("keeps a lifetime on every key but the table and the record", async ({ onTestFinished }) => {
    const { nodes, prefix, keys } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    await b.cluster.stop();
    const lasting: string[] = [];
    for (const key of await inspect.keys(`*${prefix}*`))
      if ((await inspect.pttl(key)) === -1) lasting.push(key);
    expect(lasting.sort()).toEqual([keys.cluster, keys.placement].sort());
  });
});

describe("the cluster's record", () => {
  it("refuses a node that has another shard count, and says why", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    await nodes.start("a");
    await expect(nodes.start("b", { shards: 64 })).rejects.toThrow(
      "configured for shards 64, but the cluster's record in Postgres says 32",
    );
    await expect(nodes.start("c", { level: LEVEL - 1 })).rejects.toThrow(
      `knows level ${LEVEL - 1}, but the cluster's record in Postgres says ${LEVEL}`,
    );
  });

  it("refuses it by Redis's record as well, and writes that record anew from Postgres", async ({
    onTestFinished,
  }) => {
    const { nodes, keys } = cluster(onTestFinished);
    await inspect.hset(keys.cluster, { shards: 16, protocol: 1, createdAtMs: 5 });
    await expect(nodes.start("a")).rejects.toThrow("record in Redis says 16");
    await inspect.del(keys.cluster);
    await nodes.start("b");
    expect(await inspect.hgetall(keys.cluster)).toMatchObject({ shards: "32", protocol: String(LEVEL) });
  });
});
