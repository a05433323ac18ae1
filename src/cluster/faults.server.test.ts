import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import type { Hearing } from "../ports.ts";
import { Control } from "./control.ts";
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

describe.concurrent("what dies", () => {
  it("serves a dead node's shards elsewhere within its lease and a second", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const crashedAtMs = performance.now();
    nodes.crash(b);
    await vi.waitFor(async () => expect(await shares(a)).toEqual({ a: SHARDS }), {
      timeout: 9_000,
      interval: 20,
    });
    expect(performance.now() - crashedAtMs).toBeLessThan(7_500);
    const moves = (await a.metrics.shardMoves.get()).values.find(({ labels }) => labels.reason === "dead");
    expect(moves?.value).toBe(SHARDS / 2);
    expect((await a.metrics.failoverDuration.get()).values.length).toBeGreaterThan(0);
  });

  it("replaces a dead leader, whose successor need not wait again", async ({ expect, onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    const c = await nodes.start("c");
    await vi.waitFor(async () => expect(Object.values(await shares(b)).sort()).toEqual([10, 11, 11]), {
      timeout: 5_000,
    });
    const crashedAtMs = performance.now();
    nodes.crash(a);
    await vi.waitFor(async () => expect(await shares(b)).toEqual({ b: SHARDS / 2, c: SHARDS / 2 }), {
      timeout: 12_000,
      interval: 20,
    });
    expect(performance.now() - crashedAtMs).toBeLessThan(8_500);
    expect([b, c].map(({ cluster }) => cluster.incarnation)).toContain((await b.cluster.status()).leader);
  });

  it("rule P0: a lapse keeps everything: a node that could not reach Redis goes on under its incarnation", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    const before = nodes.world.story.length;
    a.wire!.cut();
    await vi.waitFor(() => expect(a.cluster.lease.holds()).toBe(false), { timeout: 8_000, interval: 20 });
    expect(nodes.world.story.length).toBe(before);
    a.wire!.heal();
    await vi.waitFor(() => expect(a.cluster.lease.holds()).toBe(true), { timeout: 5_000, interval: 20 });
    await settled(a, { a: SHARDS });
    await sleep(1_000);
    expect(nodes.world.story.length).toBe(before); // nothing moved, nothing was claimed again
  });

  it("rule P0: nobody is called gone by a leader whom Redis has not answered for one lease time", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const before = nodes.world.story.length;
    for (const node of [a, b]) node.wire!.cut();
    await vi.waitFor(() => expect([a, b].some(({ cluster }) => cluster.lease.holds())).toBe(false), {
      timeout: 8_000,
      interval: 20,
    });
    a.wire!.heal();
    await vi.waitFor(() => expect(a.cluster.lease.holds()).toBe(true), { timeout: 5_000, interval: 20 });
    await sleep(3_000); // half of what the leader must wait: b is not there, and keeps its shards
    expect(await shares(a)).toEqual({ a: SHARDS / 2 });
    b.wire!.heal();
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    expect(nodes.world.story.length).toBe(before);
  });

  it("rule P4: a node that does not hear itself loses its lease and its shards, and comes back when it hears", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    let deaf = true;
    let heardAtMs = Number.NEGATIVE_INFINITY;
    const ear: Hearing = {
      speak: () => {
        if (!deaf) heardAtMs = performance.now();
      },
      lastHeardAtMs: () => heardAtMs,
    };
    const b = await nodes.start("b", {}, { hearings: [ear] });
    await settled(a, { a: SHARDS });
    expect(b.cluster.lease.holds()).toBe(false); // nothing is owned before the first beat is back
    deaf = false;
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    deaf = true;
    await vi.waitFor(async () => expect(await shares(a)).toEqual({ a: SHARDS }), {
      timeout: 16_000,
      interval: 50,
    });
    expect(b.cluster.lease.holds()).toBe(false);
    deaf = false;
    await vi.waitFor(async () => expect(await shares(a)).toEqual({ a: SHARDS / 2, b: SHARDS / 2 }), {
      timeout: 8_000,
      interval: 50,
    });
  });

  it("takes shards from an owner that does not serve them within 10 s", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    nodes.world.claimMs = Number.POSITIVE_INFINITY;
    const b = await nodes.start("b"); // gets a few, and never serves
    await vi.waitFor(
      () => expect(nodes.world.story.some(({ node }) => node === b.cluster.incarnation)).toBe(true),
      { timeout: 5_000 },
    );
    nodes.world.claimMs = 1;
    await vi.waitFor(
      () => {
        const taken = nodes.world.story.filter(
          ({ node, what }) => node === b.cluster.incarnation && what === "stops",
        );
        expect(taken.length).toBeGreaterThanOrEqual(4);
      },
      { timeout: 15_000, interval: 50 },
    );
    const reasons = (await a.metrics.shardMoves.get()).values.find(({ labels }) => labels.reason === "stuck");
    expect(reasons?.value).toBeGreaterThanOrEqual(4);
  });
});

describe("Redis in trouble", () => {
  it("puts the table back when Redis has forgotten it, and moves nothing", async ({ onTestFinished }) => {
    const { nodes, keys } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const before = nodes.world.story.length;
    const version = Number(await inspect.hget(keys.placement, "version"));
    await inspect.del(
      keys.placement,
      keys.leader,
      keys.nodes,
      keys.node(a.cluster.incarnation),
      keys.node(b.cluster.incarnation),
    );
    await expect
      .poll(async () => Number(await inspect.hget(keys.placement, "version")), { timeout: 5_000 })
      .toBeGreaterThan(version);
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    expect(nodes.world.story.length).toBe(before);
  });

  it("rule P2: refuses the table of a leader who is none any more", async ({ onTestFinished }) => {
    const { nodes, keys } = cluster(onTestFinished);
    const a = await nodes.start("a");
    const b = await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const [, epoch] = (await inspect.get(keys.leader))!.split(" ");
    const control = new Control(inspect, keys);
    const [leader, other] = (await a.cluster.status()).leader === a.cluster.incarnation ? [a, b] : [b, a];
    await control.resign(leader.cluster.incarnation);
    await expect
      .poll(async () => Number((await inspect.get(keys.leader))?.split(" ")[1] ?? 0))
      .toBeGreaterThan(Number(epoch));
    const stale = { incarnation: leader.cluster.incarnation, epoch: Number(epoch) };
    expect(
      await control.writeTable(stale, 1_000, new Map([[0, `1000 ${other.cluster.incarnation} -`]])),
    ).toBe(false);
    await inspect.del(keys.leader); // even where its key is lost, the table knows a later leader
    await inspect.set(keys.leader, `${stale.incarnation} ${stale.epoch}`, "PX", 100);
    expect(
      await control.writeTable(stale, 1_000, new Map([[0, `1000 ${other.cluster.incarnation} -`]])),
    ).toBe(false);
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
  });

  it("rule L6: a full Redis still lets nodes join, leave, and change owners", async ({ onTestFinished }) => {
    const full = await startRedis({ aof: false, args: ["--maxmemory", "6mb"] });
    onTestFinished(() => full.stop());
    const filler = new Redis(full.url);
    onTestFinished(() => filler.disconnect());
    const { nodes } = cluster(onTestFinished, full.url);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    let filled = 0;
    const fill = async () => {
      for (;;) await filler.set(`filler:${filled++}`, "x".repeat(1_000));
    };
    await expect(fill()).rejects.toThrow("OOM");
    const refill = setInterval(() => void fill().catch(() => {}), 20);
    onTestFinished(() => clearInterval(refill));
    const b = await nodes.start("b");
    await settled(b, { a: SHARDS / 2, b: SHARDS / 2 });
    await a.cluster.drain({ withinMs: 10_000 });
    await a.cluster.stop();
    await settled(b, { b: SHARDS });
    await expect(fill()).rejects.toThrow("OOM");
  });

  it("goes on over a Redis that restarts empty: nothing moves while it is away, nor just after", async ({
    onTestFinished,
  }) => {
    const own = await startRedis();
    onTestFinished(() => own.stop());
    const { nodes } = cluster(onTestFinished, own.url);
    const a = await nodes.start("a");
    await nodes.start("b");
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    const before = nodes.world.story.length;
    await own.restart({ empty: true });
    await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });
    expect(nodes.world.story.length).toBe(before);
  });
});
