import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { channelIn, command, Nodes, SHARDS, type TestNode } from "./harness.ts";
import { clusterKeys } from "./keys.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ aof: false });
});
afterAll(() => redis.stop());

type OnFinished = (then: () => Promise<void>) => void;

/** Two nodes that share the shards evenly, and a shard of each. */
async function pair(onTestFinished: OnFinished) {
  const prefix = freshPrefix();
  const nodes = new Nodes({ kind: "standalone", url: redis.url }, prefix);
  onTestFinished(() => nodes.stop());
  const a = await nodes.start("a");
  await serving(a, SHARDS);
  const b = await nodes.start("b");
  await serving(b, SHARDS / 2);
  const owned = (node: TestNode) => ownedBy(nodes, node);
  return { nodes, prefix, a, b, ofA: owned(a), ofB: owned(b) };
}

function ownedBy(nodes: Nodes, node: TestNode): number {
  const last = new Map(
    nodes.world.story.filter(({ what }) => what === "serves").map(({ shard, node: by }) => [shard, by]),
  );
  return [...last].find(([, by]) => by === node.cluster.incarnation)![0];
}

async function serving(node: TestNode, shards: number): Promise<void> {
  const own = async () =>
    (await node.cluster.status()).nodes.find(({ id }) => id === node.cluster.incarnation)?.shards;
  await vi.waitFor(async () => expect(await own()).toBe(shards), { timeout: 8_000, interval: 20 });
}

const ask = (node: TestNode, channel: ChannelId, by: string) =>
  node.cluster.router.askChannel(channel, command(by));

describe("the way to an owner", () => {
  it("asks actors on this node and on another, and answers with what they say", async ({
    onTestFinished,
  }) => {
    const { a, b, ofA, ofB } = await pair(onTestFinished);
    for (const [shard, owner] of [
      [ofA, a],
      [ofB, b],
    ] as const) {
      const answer = await ask(a, channelIn(shard), "someone");
      expect(answer).toEqual({
        ok: true,
        actor: channelIn(shard),
        node: owner.cluster.incarnation,
        epoch: expect.any(Number),
      });
    }
    const user = channelIn(ofB) as string as UserId;
    expect(await a.cluster.router.askUser(user, { type: "connections" })).toMatchObject({
      ok: true,
      node: b.cluster.incarnation,
    });
  });

  it("rule B2: sends everything of one turn to one node in one publish, in order", async ({
    onTestFinished,
  }) => {
    const { nodes, prefix, a, b, ofB } = await pair(onTestFinished);
    const spy = new Redis(redis.url);
    onTestFinished(() => spy.disconnect());
    const publishes: string[] = [];
    await spy.ssubscribe(clusterKeys(prefix).inbox(b.cluster.incarnation));
    spy.on("smessage", (_channel: string, text: string) => {
      if (text.includes('"channel"')) publishes.push(text);
    });
    const before = nodes.world.heard(ofB).length;
    const names = Array.from({ length: 100 }, (_, i) => `m${i}`);
    await Promise.all(names.map((name, i) => ask(a, channelIn(ofB, i % 3), name)));
    expect(nodes.world.heard(ofB).slice(before)).toEqual(names);
    expect(publishes.length).toBe(1);
  });

  it("splits what exceeds 1 MiB, keeps the order, and refuses what is too large for one message", async ({
    onTestFinished,
  }) => {
    const { nodes, a, ofB } = await pair(onTestFinished);
    const names = Array.from({ length: 10 }, (_, i) => `${i}`.padEnd(300_000, "."));
    await Promise.all(names.map((name) => ask(a, channelIn(ofB), name)));
    expect(nodes.world.heard(ofB)).toEqual(names);
    expect(await ask(a, channelIn(ofB), "x".repeat(9_000_000))).toMatchObject({
      ok: false,
      error: { code: "too_large" },
    });
  });

  it("rule B1: answers `unavailable` at the deadline and never repeats after silence", async ({
    onTestFinished,
  }) => {
    const { nodes, a, ofB } = await pair(onTestFinished);
    const askedAtMs = performance.now();
    const answer = await a.cluster.router.askChannel(channelIn(ofB), command("silent", "leave"));
    expect(answer).toMatchObject({ ok: false, error: { code: "unavailable", retry: "later" } });
    expect(performance.now() - askedAtMs).toBeGreaterThanOrEqual(3_990);
    expect(performance.now() - askedAtMs).toBeLessThan(4_600);
    expect(nodes.world.heard(ofB).filter((by) => by === "silent").length).toBe(1);
  });

  it("rule H1: asks heads in one request per owner, and leaves out who does not answer", async ({
    onTestFinished,
  }) => {
    const { nodes, prefix, a, b } = await pair(onTestFinished);
    const spy = new Redis(redis.url);
    onTestFinished(() => spy.disconnect());
    let requests = 0;
    await spy.ssubscribe(clusterKeys(prefix).inbox(b.cluster.incarnation));
    spy.on("smessage", (_channel: string, text: string) => {
      requests += text.split('"heads"').length - 1;
    });
    const all = Array.from({ length: SHARDS }, (_, shard) => channelIn(shard));
    const heads = await a.cluster.router.heads(all);
    expect([...heads.keys()].sort()).toEqual([...all].sort());
    expect(heads.get(all[0]!)).toEqual([7, expect.any(Number)]);
    expect(requests).toBe(1);
    spy.disconnect(); // else somebody hears what is said to b
    nodes.crash(b);
    await vi.waitFor(async () => expect((await a.cluster.router.heads(all)).size).toBe(SHARDS / 2));
    expect(await a.cluster.router.heads([])).toEqual(new Map());
  });

  it("finds a channel: shard, owner, epoch, seq, mailbox, and listeners on all nodes", async ({
    onTestFinished,
  }) => {
    const { a, b, ofB } = await pair(onTestFinished);
    expect(await a.cluster.whereIs(channelIn(ofB))).toEqual({
      id: channelIn(ofB),
      shard: ofB,
      owner: b.cluster.incarnation,
      epoch: expect.any(Number),
      seq: 7,
      mailbox: 1,
      listeners: 4,
    });
  });
});

describe("while shards move", () => {
  it("loses, repeats and reorders nothing over a drain: first in, first out for every shard", async ({
    onTestFinished,
  }) => {
    const { nodes, a, b } = await pair(onTestFinished);
    nodes.world.answerMs = 2;
    nodes.world.releaseMs = 30;
    nodes.world.claimMs = 20;
    const asked = new Map<number, string[]>();
    const answers: Promise<{ ok: boolean }>[] = [];
    let n = 0;
    const load = setInterval(() => {
      for (let shard = 0; shard < SHARDS; shard++) {
        const name = `m${n++}`;
        asked.set(shard, [...(asked.get(shard) ?? []), name]);
        answers.push(ask(a, channelIn(shard, n % 2), name));
      }
    }, 5);
    onTestFinished(() => clearInterval(load));
    await b.cluster.drain({ withinMs: 10_000 });
    clearInterval(load);
    const refusals = (await Promise.all(answers)).filter(({ ok }) => !ok);
    expect(refusals).toEqual([]);
    for (const [shard, names] of asked) expect(nodes.world.heard(shard)).toEqual(names);
    expect(answers.length).toBeGreaterThan(SHARDS * 10);
    expect(nodes.world.story.filter(({ what }) => what === "fenced")).toEqual([]);
  });

  it("asks the next owner what the dead one surely did not hear", async ({ onTestFinished }) => {
    const { nodes, a, b, ofB } = await pair(onTestFinished);
    await b.cluster.stop(); // free at once, but a may not have read that yet
    const answer = await ask(a, channelIn(ofB), "late");
    expect(answer).toMatchObject({ ok: true, node: a.cluster.incarnation });
    expect(nodes.world.heard(ofB)).toEqual(["late"]);
  });

  it("waits while a shard is claimed, then hands over in order; too many are `overloaded`", async ({
    onTestFinished,
  }) => {
    const { nodes, a, b, ofB } = await pair(onTestFinished);
    nodes.world.claimMs = 1_500;
    await b.cluster.stop();
    const many = Array.from({ length: 1_100 }, (_, i) => ask(a, channelIn(ofB), `m${i}`));
    const answers = await Promise.all(many);
    expect(answers.filter(({ ok }) => ok).length).toBe(1_000);
    expect(answers.slice(1_000).every((answer) => !answer.ok && answer.error.code === "overloaded")).toBe(
      true,
    );
    expect(nodes.world.heard(ofB)).toEqual(Array.from({ length: 1_000 }, (_, i) => `m${i}`));
  });

  it("answers `unavailable` when nobody serves the shard in time", async ({ onTestFinished }) => {
    const { nodes, a, b, ofB } = await pair(onTestFinished);
    nodes.world.claimMs = Number.POSITIVE_INFINITY;
    await b.cluster.stop();
    expect(await ask(a, channelIn(ofB), "m")).toMatchObject({ ok: false, error: { code: "unavailable" } });
    expect(nodes.world.heard(ofB)).toEqual([]);
  });

  it("takes the barrier 2 s after the table, when the old owner never says *released*", async ({
    onTestFinished,
  }) => {
    const { nodes, b } = await pair(onTestFinished);
    nodes.world.releaseMs = 60_000;
    const drained = b.cluster.drain({ withinMs: 10_000 });
    await vi.waitFor(
      () =>
        expect(
          nodes.world.story.some(({ what, node }) => what === "stops" && node === b.cluster.incarnation),
        ).toBe(true),
      {
        interval: 1,
      },
    );
    const stoppedAtMs = performance.now();
    nodes.world.releaseMs = 1;
    await vi.waitFor(() => expect(nodes.world.story.some(({ what }) => what === "fenced")).toBe(true), {
      timeout: 4_000,
      interval: 1,
    });
    expect(performance.now() - stoppedAtMs).toBeGreaterThan(1_900);
    expect(performance.now() - stoppedAtMs).toBeLessThan(2_500);
    await drained;
  });

  it("subscribes anew after its subscriber was cut, and is heard again", async ({ onTestFinished }) => {
    const { a, b, ofB } = await pair(onTestFinished);
    const admin = new Redis(redis.url);
    onTestFinished(() => admin.disconnect());
    await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
    await vi.waitFor(async () =>
      expect(await ask(a, channelIn(ofB), "again")).toMatchObject({ ok: true, node: b.cluster.incarnation }),
    );
    expect(b.cluster.lease.holds()).toBe(true);
  });

  it("answers everyone when it stops", async ({ onTestFinished }) => {
    const { a, ofB } = await pair(onTestFinished);
    const answer = a.cluster.router.askChannel(channelIn(ofB), command("silent", "leave"));
    await a.cluster.stop();
    expect(await answer).toMatchObject({ ok: false, error: { code: "unavailable" } });
    expect(await ask(a, channelIn(ofB), "after")).toMatchObject({
      ok: false,
      error: { code: "unavailable" },
    });
  });
});
