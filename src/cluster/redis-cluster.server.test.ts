import { expect, it, vi } from "vitest";
import { freshPrefix, startRedisCluster } from "../../test/support/servers.ts";
import { channelIn, command, Nodes, SHARDS, type TestNode } from "./harness.ts";

/** Shards served by node, as the leases say. */
async function shares(witness: TestNode): Promise<Record<string, number>> {
  const { nodes } = await witness.cluster.status();
  return Object.fromEntries(nodes.map(({ name, shards }) => [name, shards]));
}

it("joins, routes, hands over and drains on a Redis Cluster as on one Redis", async ({ onTestFinished }) => {
  const redis = await startRedisCluster();
  onTestFinished(() => redis.stop());
  const nodes = new Nodes({ kind: "cluster", urls: redis.nodes }, freshPrefix());
  onTestFinished(() => nodes.stop());
  const settled = (witness: TestNode, expected: Record<string, number>) =>
    vi.waitFor(async () => expect(await shares(witness)).toEqual(expected), {
      timeout: 10_000,
      interval: 20,
    });

  const a = await nodes.start("a");
  await settled(a, { a: SHARDS });
  const b = await nodes.start("b");
  await settled(a, { a: SHARDS / 2, b: SHARDS / 2 });

  const ask = (node: TestNode, shard: number, by: string) =>
    node.cluster.router.askChannel(channelIn(shard), command(by));
  const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
  const answers = names.flatMap((name) => Array.from({ length: SHARDS }, (_, shard) => ask(a, shard, name)));
  expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
  for (let shard = 0; shard < SHARDS; shard++) expect(nodes.world.heard(shard)).toEqual(names);

  await a.cluster.drain({ withinMs: 10_000 });
  await a.cluster.stop();
  await settled(b, { b: SHARDS });
  expect(nodes.world.story.filter(({ what }) => what === "fenced")).toEqual([]);
  expect((await ask(b, 3, "after")).ok).toBe(true);
});
