/** Row A4, row O3: what operators ask of placement, and nodes that come and go, over a real Redis. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { Nodes, SHARDS, type TestNode } from "./harness.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ aof: false });
});
afterAll(() => redis.stop());

type OnFinished = (then: () => Promise<void>) => void;

/** Nodes of these names, each with its even share. */
async function cluster(onTestFinished: OnFinished, ...names: string[]) {
  const nodes = new Nodes({ kind: "standalone", url: redis.url }, freshPrefix());
  onTestFinished(() => nodes.stop());
  const all: TestNode[] = [];
  for (const name of names) all.push(await nodes.start(name));
  await vi.waitFor(
    async () => expect(await spread(all[0]!)).toEqual(names.map(() => SHARDS / names.length)),
    {
      timeout: 10_000,
      interval: 20,
    },
  );
  return { nodes, all, ids: all.map(({ cluster }) => cluster.incarnation) };
}

async function spread(witness: TestNode): Promise<number[]> {
  return (await witness.cluster.status()).nodes.map(({ shards }) => shards);
}

const owned = async (witness: TestNode, owner: string) =>
  (await witness.cluster.placement.shards()).filter((one) => one.owner === owner && one.served);

const until = (fact: () => Promise<void>) => vi.waitFor(fact, { timeout: 10_000, interval: 50 });

describe.concurrent("what operators ask", () => {
  it("shows every shard with its owner, and what the owner says of it", async ({
    expect,
    onTestFinished,
  }) => {
    const { all, ids } = await cluster(onTestFinished, "a", "b");
    const shards = await all[1]!.cluster.placement.shards();
    expect(shards).toHaveLength(SHARDS);
    for (const [shard, one] of shards.entries())
      expect(one).toEqual({
        shard,
        owner: expect.any(String),
        served: true,
        epoch: expect.any(Number),
        channels: 0,
        load: 0,
      });
    expect(new Set(shards.map(({ owner }) => owner))).toEqual(new Set(ids));
  });

  it("moves a shard to a node by its name, asked of any node, and leaves it there", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes, all, ids } = await cluster(onTestFinished, "a", "b");
    const [a, b] = all as [TestNode, TestNode];
    const { shard } = (await owned(a, ids[0]!))[0]!;
    expect(await b.cluster.placement.move(shard, "b")).toBe("moving");
    await until(async () => expect((await owned(a, ids[1]!)).map((one) => one.shard)).toContain(shard));
    expect(await a.cluster.placement.move(shard, ids[1]!)).toBe("there_already");
    await until(async () => expect(await spread(a)).toEqual([SHARDS / 2 - 1, SHARDS / 2 + 1]));
    expect(await b.cluster.placement.plan()).toEqual([]);
    const rounds = (await a.metrics.shardMoves.get()).values.find(({ labels }) => labels.reason === "asked");
    expect(rounds?.value).toBe(1);
    // Another node joins: the wish was for the cluster as it was.
    await nodes.start("c");
    await until(async () => expect((await spread(a)).toSorted()).toEqual([10, 11, 11]));
  });

  it("says why it does not move a shard", async ({ expect, onTestFinished }) => {
    const { nodes, all } = await cluster(onTestFinished, "a", "b");
    await nodes.start("gateway", { roles: ["gateway"] });
    const { placement } = all[1]!.cluster;
    await until(async () => expect((await spread(all[0]!)).length).toBe(3));
    expect(await placement.move(SHARDS, "a")).toBe("no_such_shard");
    expect(await placement.move(1.5, "a")).toBe("no_such_shard");
    expect(await placement.move(0, "z")).toBe("no_such_node");
    expect(await placement.move(0, "gateway")).toBe("node_takes_none");
  });

  it("evens loads out on demand, says why, and is content then", async ({ expect, onTestFinished }) => {
    const { nodes, all, ids } = await cluster(onTestFinished, "a", "b");
    const [a, b] = all as [TestNode, TestNode];
    const hot = await owned(a, ids[0]!);
    nodes.world.loads.set(hot[0]!.shard, 5_000);
    for (const { shard } of hot.slice(1, 4)) nodes.world.loads.set(shard, 600);
    const plan = await vi.waitFor(
      async () => {
        const moves = await b.cluster.placement.plan();
        expect(moves.length).toBeGreaterThan(0);
        return moves;
      },
      { timeout: 8_000, interval: 100 },
    );
    expect(plan[0]).toMatchObject({ from: ids[0], to: ids[1], reason: "balance" });
    expect(plan[0]!.why).toMatch(
      /^a\.\w+ carries [\d,]+ of [\d,]+ messages × audience\/s, b\.\w+ 0; shard \d+ carries [\d,]+$/,
    );
    expect(await spread(a)).toEqual([SHARDS / 2, SHARDS / 2]); // a plan moves nothing
    expect((await b.cluster.placement.rebalance()).length).toBeGreaterThan(0);
    await until(async () => {
      const shards = await b.cluster.placement.shards();
      const [alone, ...others] = hot.slice(0, 4).map(({ shard }) => shards[shard]!.owner);
      expect(others).not.toContain(alone);
    });
    await until(async () => expect(await b.cluster.placement.plan()).toEqual([]));
  });

  it("says in words that Redis cannot be reached", async ({ expect, onTestFinished }) => {
    const { all } = await cluster(onTestFinished, "a", "b");
    all[1]!.wire!.cut();
    await expect(all[1]!.cluster.placement.plan()).rejects.toBeInstanceOf(StoreAway);
    await expect(all[1]!.cluster.placement.shards()).rejects.toBeInstanceOf(StoreAway);
  });

  it("advises from the leader alone, and begins with the nodes that it finds", async ({
    expect,
    onTestFinished,
  }) => {
    const { all } = await cluster(onTestFinished, "a", "b");
    const wanted = async (node: TestNode) => (await node.metrics.nodesWanted.get()).values[0]?.value;
    await until(async () => {
      const said = [await wanted(all[0]!), await wanted(all[1]!)];
      expect([
        [1, 0],
        [2, 0],
        [0, 1],
        [0, 2],
      ]).toContainEqual(said);
    });
  });
});

describe.concurrent("nodes that come and go", () => {
  it("gives a name that died its share only after a rest, and moves nothing to one that dies again before", async ({
    expect,
    onTestFinished,
  }) => {
    const { nodes, all } = await cluster(onTestFinished, "a", "b");
    const [a, b] = all as [TestNode, TestNode];
    const moves = async () =>
      Object.fromEntries(
        (await a.metrics.shardMoves.get()).values.map(({ labels, value }) => [labels.reason, value]),
      );
    const before = await moves();
    nodes.crash(b);
    for (let life = 0; life < 3; life++) {
      const again = await nodes.start("b");
      await vi.waitFor(async () => expect((await spread(a)).length).toBeGreaterThan(1), { interval: 50 });
      nodes.crash(again);
    }
    await vi.waitFor(async () => expect(await spread(a)).toEqual([SHARDS]), {
      timeout: 15_000,
      interval: 50,
    });
    expect(await moves()).toEqual({ ...before, dead: SHARDS / 2 });
  }, 30_000);
});
