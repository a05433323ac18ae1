/** Nodes of two levels in one cluster: this code, one of them saying in its lease and record that it knows what 0.1.0 knew. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ChannelCommand } from "../../actors/commands.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { LEVEL } from "../lib/level.ts";
import { channelIn, command, Nodes, SHARDS, type TestNode } from "./harness.ts";
import { type ClusterKeys, clusterKeys } from "./keys.ts";

/** Leases, the time for nobody to be on the way, and a busy machine. */
const WITHIN = { timeout: 30_000, interval: 50 };
const OLD = { level: LEVEL - 1, version: "0.1.0" };

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

function cluster(onTestFinished: (then: () => Promise<void>) => void): { nodes: Nodes; keys: ClusterKeys } {
  const prefix = freshPrefix();
  const nodes = new Nodes({ kind: "standalone", url: redis.url }, prefix);
  onTestFinished(() => nodes.stop());
  return { nodes, keys: clusterKeys(prefix) };
}

const edit = { type: "edit", by: "ada", seq: 1 } as unknown as ChannelCommand;

/** What each shard's owner answers, once each. */
function answersTo(node: TestNode, asked: ChannelCommand): Promise<Set<string>> {
  const all = Array.from({ length: SHARDS }, async (_, shard) => {
    const answer = await node.cluster.router.askChannel(channelIn(shard) as ChannelId, asked);
    return answer.ok ? "ok" : answer.error.code;
  });
  return Promise.all(all).then((answers) => new Set(answers));
}

const shardsOf = async (witness: TestNode) =>
  Object.fromEntries((await witness.cluster.status()).nodes.map(({ name, shards }) => [name, shards]));

const settled = (witness: TestNode, expected: Record<string, number>) =>
  vi.waitFor(async () => expect(await shardsOf(witness)).toEqual(expected), WITHIN);

describe("rule E7: a cluster of two levels", () => {
  it("begins at the level of its first node, where that is alone", async ({ onTestFinished }) => {
    const { nodes } = cluster(onTestFinished);
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS });
    expect(a.cluster.level).toBe(LEVEL);
    expect(await answersTo(a, edit)).toEqual(new Set(["ok"]));
  });

  it("asks no owner what an old one would not know, and rises by itself when the last old node is gone", async ({
    onTestFinished,
  }) => {
    const { nodes, keys } = cluster(onTestFinished);
    const old = await nodes.start("old", OLD);
    await settled(old, { old: SHARDS });
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS / 2, old: SHARDS / 2 });
    expect(await answersTo(a, edit)).toEqual(new Set(["unavailable"]));
    expect(await answersTo(a, command("ada"))).toEqual(new Set(["ok"]));
    expect(nodes.world.story.some(({ text }) => text === "edit")).toBe(false);
    // Back, while an old node is left.
    const back = await nodes.start("back", OLD);
    await back.cluster.stop();

    await old.cluster.stop();
    await vi.waitFor(() => expect(a.cluster.level).toBe(LEVEL), WITHIN);
    await vi.waitFor(async () => expect(await answersTo(a, edit)).toEqual(new Set(["ok"])), WITHIN);
    expect(nodes.world.facts).toMatchObject([{ protocol: LEVEL, level: LEVEL }]);
    await expect(nodes.start("late", OLD)).rejects.toThrow("start the version that the other nodes run");
    // Redis that has forgotten changes nothing: for those that run, and for who starts.
    await inspect.hdel(keys.placement, "level");
    await vi.waitFor(
      async () => expect(await inspect.hget(keys.placement, "level")).toBe(String(LEVEL)),
      WITHIN,
    );
    const b = await nodes.start("b");
    expect(b.cluster.level).toBe(LEVEL);
  });

  it("gives nothing to an old node that comes back from a lapse, and asks it to leave", async ({
    onTestFinished,
  }) => {
    const { nodes } = cluster(onTestFinished);
    const old = await nodes.start("old", OLD);
    await settled(old, { old: SHARDS });
    const a = await nodes.start("a");
    await settled(a, { a: SHARDS / 2, old: SHARDS / 2 });
    old.wire!.cut();
    await vi.waitFor(() => expect(a.cluster.level).toBe(LEVEL), WITHIN);
    await settled(a, { a: SHARDS });
    old.wire!.heal();
    await vi.waitFor(() => expect(old.drains).toBeGreaterThan(0), WITHIN);
    await settled(a, { a: SHARDS, old: 0 });
  });
});
