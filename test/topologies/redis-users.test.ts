/** Row A5: Redis over TLS, with a user for each role that may do what the role does, and no more. */
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChannelId } from "../../protocol/ids.ts";
import { clusterKeys } from "../../src/cluster/keys.ts";
import { logKey } from "../../src/cluster/log/redis-link.ts";
import { shardOf } from "../../src/cluster/shard-of.ts";
import { Chatter } from "../cluster/chatter.ts";
import { stopAudited } from "../support/audit.ts";
import { startClusterOn, type TestCluster, type TestNode } from "../support/cluster.ts";
import { startRedisWithUsers, type TestRedisUsers } from "../support/redis-users.ts";

const PATIENCE_MS = 60_000;
const PREFIX = "hub";
const SHARDS = 256;

let cluster: TestCluster<TestRedisUsers>;
beforeAll(async () => {
  cluster = await startClusterOn(await startRedisWithUsers(), { nodes: 0 });
});
afterAll(() => stopAudited(cluster));

function addNode(name: string, roles: string, user: string): Promise<TestNode> {
  const { urlOf, caFile } = cluster.redis;
  const env = {
    HUBBUB_ROLES: roles,
    REDIS_URL: urlOf(user),
    REDIS_CA_FILE: caFile,
    HUBBUB_RATE_LIMITS: "on",
  };
  return cluster.addNode({ name, env });
}

/** What Redis answers this user: `NOPERM` first where it may not. */
async function ask(user: string, command: string, ...args: string[]): Promise<string> {
  const { urlOf, caFile } = cluster.redis;
  const client = new Redis(urlOf(user), { tls: { ca: readFileSync(caFile) } });
  try {
    return JSON.stringify(await client.call(command, ...args));
  } catch (error) {
    return (error as Error).message;
  } finally {
    client.disconnect();
  }
}

it("row A5: gateway and actors talk over TLS as users of their own, and neither is ever denied what it needs", async () => {
  const { admin } = cluster.redis;
  const [, gateway] = await Promise.all([
    addNode("actors", "actors", "hubbub-actors"),
    addNode("gateway", "gateway", "hubbub-gateway"),
  ]);
  const { redis, databaseUrl, logTails } = cluster;
  const chatter = await Chatter.start(
    { redis, databaseUrl, logTails, nodes: [gateway] },
    { channels: 4, members: 3, everyMs: 600 },
  );
  chatter.talk();
  await chatter.untilAcked(40, PATIENCE_MS);

  const log = logKey(PREFIX, shardOf(chatter.channelIds[0] as ChannelId, SHARDS));
  expect(await admin.exists(log)).toBe(1);
  const denied = ((await admin.call("ACL", "LOG")) as unknown[]).map((each) => JSON.stringify(each));
  expect(denied.filter((each) => !each.includes("client|setinfo"))).toEqual([]); // the file says why not that one
  for (const [command, ...args] of [
    ["XADD", log, "9-9", "records", "[]"],
    ["XTRIM", log, "MAXLEN", "0"],
    ["XRANGE", log, "-", "+"],
    ["DEL", log],
    ["EVAL", "return redis.call('DEL', KEYS[1])", "1", log],
    ["KEYS", "*"],
    ["FLUSHALL"],
    ["CONFIG", "GET", "*"],
    ["ACL", "LIST"],
    ["GET", "other"],
    ["SPUBLISH", "other", "x"],
  ])
    expect(await ask("hubbub-gateway", command!, ...args), command!).toMatch(/NOPERM|ACL failure/);
  expect(await ask("hubbub-actors", "INCRBY", "hub:rate:message:x", "1")).toMatch(/NOPERM/);
  expect(await ask("hubbub-actors", "DEL", log)).toMatch(/NOPERM/);
  expect(await ask("hubbub-actors", "FLUSHALL")).toMatch(/NOPERM/);
  expect(await ask("hubbub-gateway", "HLEN", clusterKeys(PREFIX).placement)).toMatch(/NOPERM/);
  await chatter.judge();
});
