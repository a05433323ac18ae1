/** Row A5: gateways and actors in processes apart; the gateway dies under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeSite } from "../../bench/load/site.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster, type TestNode } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { ownersOf } from "./stores.ts";

const PATIENCE_MS = 40_000;

let cluster: TestCluster;
let gateway: TestNode;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2, env: { HUBBUB_ROLES: "actors" } });
  gateway = await cluster.addNode({ name: "gateway", env: { HUBBUB_ROLES: "gateway" } });
});
afterAll(() => stopAudited(cluster));

it("row A5: a gateway without shards and actors without sockets carry a conversation; its death loses nothing", async () => {
  const { redis, databaseUrl, logTails } = cluster;
  const talkative = { redis, databaseUrl, logTails, nodes: [gateway] };
  const chatter = await Chatter.start(talkative, {
    channels: 8,
    members: 3,
    everyMs: 300,
    durability: "persisted",
  });
  const ids = cluster.nodes.slice(0, 2).map(({ id }) => id);
  expect(new Set((await ownersOf(redis.url, chatter.channelIds)).values())).toEqual(new Set(ids));
  const atActors = makeSite({ nodes: [cluster.nodes[0]!.url], people: 1, channels: 1, membersPerChannel: 1 });
  await expect(atActors, "actors take no clients").rejects.toThrow();

  chatter.talk();
  await chatter.untilAcked(60, PATIENCE_MS);
  const reigns = chatter.reigns(chatter.channelIds);
  await gateway.kill();
  const next = await cluster.addNode({ name: "gateway", env: { HUBBUB_ROLES: "gateway" } });
  const backAtMs = performance.now();
  chatter.goTo([next]);
  await chatter.untilAllAcked(chatter.channelIds, backAtMs);
  await chatter.untilAcked(60, PATIENCE_MS);
  expect((await chatter.judge()).seen.folds).toBeGreaterThan(0);
  // No shard moved: actors do not notice that a gateway is gone.
  expect(chatter.reigns(chatter.channelIds)).toEqual(reigns);
});
