import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { NewsFollower } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import { Nodes, SHARDS, type TestNode } from "./harness.ts";
import { DEADLINE_MS } from "./intake.ts";
import { clusterKeys } from "./keys.ts";

const spaceId = "01890000-0000-7000-8000-000000000001" as ChannelId;
const userId = "01890000-0000-7000-8000-000000000002" as UserId;
const out = { spaceId, userId };
/** A leader's round, and busy machines. */
const NOTICED_WITHIN_MS = 3_000;

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

/** Nodes that have shards, each its share; what each hears is in `heard`, after its name. */
async function serving(onTestFinished: OnFinished, names: readonly string[]) {
  const prefix = freshPrefix();
  const nodes = new Nodes({ kind: "standalone", url: redis.url }, prefix);
  onTestFinished(() => nodes.stop());
  const heard: string[] = [];
  const listen = (node: TestNode, name: string) => node.cluster.nodeNews.follow(follower(heard, name));
  for (const name of names) listen(await nodes.start(name), name);
  const shares = async () => (await nodes.all[0]!.cluster.status()).nodes.map(({ shards }) => shards);
  const balanced = ([...all]: number[]) => Math.max(...all) - Math.min(...all) <= 1;
  await vi.waitFor(async () => {
    const now = await shares();
    expect([now.length, balanced(now)]).toEqual([names.length, true]);
  }, 10_000);
  return { nodes, keys: clusterKeys(prefix), heard, listen };
}

function follower(heard: string[], name: string): NewsFollower {
  return {
    outOfSpace: () => void heard.push(`${name} out`),
    missed: () => void heard.push(`${name} missed`),
    nodeGone: (node) => void heard.push(`${name} gone ${node}`),
  };
}

/** True as soon as a promise has resolved. */
function settled(promise: Promise<unknown>): () => boolean {
  let isSettled = false;
  void promise.finally(() => {
    isSettled = true;
  });
  return () => isSettled;
}

describe("rule E1: who is out of a space", () => {
  it("is told to every node, once, and confirmed by its actors and its gateway", async ({
    onTestFinished,
  }) => {
    const { nodes, heard } = await serving(onTestFinished, ["a", "b", "c"]);
    const [a, b, c] = nodes.all as [TestNode, TestNode, TestNode];
    expect(await b.cluster.nodeNews.outOfSpace(spaceId, userId)).toBe(true);
    expect([a, b, c].map(({ outs }) => outs)).toEqual([[out], [out], [out]]);
    expect(heard.toSorted()).toEqual(["a out", "b out", "c out"]);
  });

  it("waits for a node that cannot confirm, and asks it again; the others are not asked again", async ({
    onTestFinished,
  }) => {
    const { nodes } = await serving(onTestFinished, ["a", "b", "c"]);
    const [a, b, c] = nodes.all as [TestNode, TestNode, TestNode];
    b.confirms = false;
    const told = a.cluster.nodeNews.outOfSpace(spaceId, userId);
    const isSettled = settled(told);
    await vi.waitFor(() => expect(b.outs.length).toBeGreaterThan(2), 5_000);
    expect(isSettled()).toBe(false);
    b.confirms = true;
    expect(await told).toBe(true);
    expect([a.outs, c.outs]).toEqual([[out], [out]]);
  });

  it("waits for a node that is silent until its lease is gone, and no longer; in time it says so", async ({
    onTestFinished,
  }) => {
    const { nodes } = await serving(onTestFinished, ["a", "b"]);
    const [a, b] = nodes.all as [TestNode, TestNode];
    const { nodeNews } = a.cluster;
    nodes.crash(b);
    const crashedAtMs = performance.now();
    expect(await nodeNews.outOfSpace(spaceId, userId)).toBe(false);
    expect(performance.now() - crashedAtMs).toBeGreaterThanOrEqual(DEADLINE_MS);
    await vi.waitFor(async () => expect(await nodeNews.outOfSpace(spaceId, userId)).toBe(true), 20_000);
    expect(performance.now() - crashedAtMs).toBeLessThan(LEASE_TTL_MS + NOTICED_WITHIN_MS);
  });

  it("a node whose lease lapsed is not told, and knows it: it may have missed anything", async ({
    onTestFinished,
  }) => {
    const { nodes, heard } = await serving(onTestFinished, ["a", "b"]);
    const [, b] = nodes.all as [TestNode, TestNode];
    expect(b.cluster.nodeNews.isTold()).toBe(true);
    b.moved.length = 0;
    b.wire!.cut();
    await vi.waitFor(() => expect(b.cluster.nodeNews.isTold()).toBe(false), LEASE_TTL_MS + 2_000);
    expect(heard).not.toContain("b missed");
    b.wire!.heal();
    await vi.waitFor(() => expect(heard).toContain("b missed"), 10_000);
    expect(b.cluster.nodeNews.isTold()).toBe(true);
    expect(b.moved.some((shards) => shards.length === SHARDS)).toBe(true);
    expect(heard).not.toContain("a missed");
  });

  it("nobody can say without Redis", async ({ onTestFinished }) => {
    const { nodes } = await serving(onTestFinished, ["a"]);
    const [a] = nodes.all as [TestNode];
    a.wire!.cut();
    expect(await a.cluster.nodeNews.outOfSpace(spaceId, userId)).toBe(false);
  });
});

describe("rule E4: a node whose lease has run out", () => {
  it("is told to all others, once, whether it owned a shard or not, and so is one that left", async ({
    onTestFinished,
  }) => {
    const { nodes, keys, heard, listen } = await serving(onTestFinished, ["a", "b"]);
    const [, b] = nodes.all as [TestNode, TestNode];
    const gateway = await nodes.start("g", { roles: ["gateway"] });
    const leaver = await nodes.start("l", { roles: ["gateway"] });
    listen(gateway, "g");
    await vi.waitFor(async () => expect(await inspect.scard(keys.nodes)).toBe(4), 5_000);
    await leaver.cluster.stop();
    const isLeft = [`a gone ${leaver.cluster.incarnation}`, `b gone ${leaver.cluster.incarnation}`];
    await vi.waitFor(() => expect(heard).toEqual(expect.arrayContaining(isLeft)), 10_000);
    nodes.crash(b);
    nodes.crash(gateway);
    const gone = [`a gone ${b.cluster.incarnation}`, `a gone ${gateway.cluster.incarnation}`];
    await vi.waitFor(
      () => expect(heard).toEqual(expect.arrayContaining(gone)),
      LEASE_TTL_MS + NOTICED_WITHIN_MS,
    );
    expect(heard.filter((line) => line.startsWith("a gone"))).toHaveLength(3);
    expect(await inspect.scard(keys.nodes)).toBe(1);
  });

  it("is told by the next leader where it led itself", async ({ onTestFinished }) => {
    const { nodes, heard } = await serving(onTestFinished, ["a", "b"]);
    const { leader } = await nodes.all[0]!.cluster.status();
    nodes.crash(nodes.all.find(({ cluster }) => cluster.incarnation === leader)!);
    const told = () => heard.some((line) => line.endsWith(`gone ${leader}`));
    await vi.waitFor(() => expect(told()).toBe(true), 2 * LEASE_TTL_MS + NOTICED_WITHIN_MS);
  });
});
