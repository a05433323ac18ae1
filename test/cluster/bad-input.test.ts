/** What is not ours, or not right, in Redis, in Postgres, and in a clock: refused or healed, said in one line, and counted. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChannelId } from "../../protocol/ids.ts";
import { clusterKeys } from "../../src/cluster/keys.ts";
import { logKey } from "../../src/cluster/log/redis-link.ts";
import { waitUntil } from "../../src/start/processes.ts";
import { giveOrder } from "../faults/orders.ts";
import { startCluster, type TestCluster, type TestNode } from "../support/cluster.ts";
import { whilePostgresIsFull, whileRedisDiskIsFull } from "../support/full-disk.ts";
import { channelOf, Device, type Person, people } from "./people.ts";
import { counted } from "./stores.ts";

const SHARDS = 256;
/** Where each kind of bad input is planted. */
const [STRING, FOREIGN, CORRUPT, GHOST] = [11, 22, 33, 44];
const UNREADABLE = "the log holds what this version cannot read";
const HOUR_MS = 3_600_000;
/** Clocks of one machine, an answer's way, and a machine that many share. */
const CLOSE_MS = 60_000;
/** The start of a node, on a machine that many share. */
const SAID_WITHIN_MS = 40_000;

let cluster: TestCluster;
let redis: Redis;
let node: TestNode;
let person: Person;
let channelId: ChannelId;
let orders: string;

/** What its nodes have said, by name. */
const linesOf = (name: string, says: string): Record<string, unknown>[] => {
  const file = join(cluster.logDir, `${name}.log`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line.includes(says)).map((line) => JSON.parse(line));
};

const served = async () => {
  const text = await (await fetch(`${node.metricsUrl}/metrics`)).text();
  return text.match(/^hubbub_shard_epoch\{/gm)?.length ?? 0;
};

beforeAll(async () => {
  cluster = await startCluster({ nodes: 0 });
  redis = new Redis(cluster.redis.url);
  await redis.set(logKey("hub", STRING), "somebody's string");
  await redis.xadd(logKey("hub", FOREIGN), "*", "temperature", "21");
  await redis.xadd(logKey("hub", CORRUPT), "1-1", "v", "1", "token", "t", "prev", "0-0", "records", "{oops");
  await redis.hset(clusterKeys("hub").placement, { version: 7, leaderEpoch: 1, [GHOST]: "7 ghost-0123 -" });
  orders = join(cluster.postgres.dir, "..", "orders");
  const inside = pathToFileURL(join(import.meta.dirname, "..", "faults", "inside.ts")).href;
  const starting = cluster.addNode({
    name: "first",
    env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --import=${inside}`, FAULT_ORDERS: orders },
  });
  // It waits for its shards, and they wait for whoever looks after Redis.
  await waitUntil(() => linesOf("first", UNREADABLE).length === 3, SAID_WITHIN_MS);
  await redis.del(...[STRING, FOREIGN, CORRUPT].map((shard) => logKey("hub", shard)));
  node = await starting;
  [person] = (await people([node], 1)) as [Person];
  channelId = await channelOf(node, person, []);
});
afterAll(async () => {
  redis?.disconnect();
  await cluster?.stop();
});

describe("a log that is none", () => {
  it("is refused: said once for its shard, counted, and not written into; the shard is served when it is gone", async () => {
    const said = linesOf("first", UNREADABLE).map(({ shard, reason }) => [shard, reason]);
    expect(Object.fromEntries(said)).toEqual({
      [STRING]: "the key of the log holds something that is no stream",
      [FOREIGN]: expect.stringMatching(/^entry \d+-0 /),
      [CORRUPT]: "entry 1-1 holds no JSON",
    });
    expect(said).toHaveLength(3);
    expect(await counted(node, "hubbub_log_unreadable_total")).toBeGreaterThanOrEqual(3);
    await expect.poll(served, { timeout: 20_000 }).toBe(SHARDS);
  });

  it("ends the reign of an owner that finds it in the place of its own", async () => {
    const key = logKey("hub", STRING);
    await redis.del(key);
    await redis.set(key, "somebody's string");
    // The owner looks at its log when it has something to write, or over a new connection.
    await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const fenced = () => counted(node, "hubbub_log_fenced_total");
    await expect.poll(fenced, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(await redis.get(key)).toBe("somebody's string");
    await redis.del(key);
    await expect.poll(served, { timeout: 40_000 }).toBe(SHARDS);
  });
});

it("a placement that names a dead node is healed: its shards go to the living, said and counted", async () => {
  const dead = linesOf("first", "a node's lease ran out");
  expect(dead).toEqual([expect.objectContaining({ dead: "ghost-0123" })]);
  expect(await counted(node, "hubbub_shard_moves_total", 'reason="dead"')).toBe(1);
});

it.each([
  ["shards", 128],
  ["protocol", 99],
] as const)(
  "a node that disagrees about %s with the cluster's record ends before it serves, and says why",
  async (fact, other) => {
    const { cluster: key } = clusterKeys("hub");
    const before = await redis.hget(key, fact);
    await redis.hset(key, fact, other);
    const name = `other-${fact}`;
    await expect(cluster.addNode({ name })).rejects.toThrow(name);
    await redis.hset(key, fact, before!);
    const reasons = linesOf(name, "could not start").map(({ reason }) => reason);
    expect(reasons).toEqual([expect.stringContaining(`the cluster's record in Redis says ${other}`)]);
  },
);

describe("a node's clock that jumps by an hour", () => {
  const jump = (aheadMs: number) => {
    giveOrder(node.pid, orders, { kind: "clock", aheadMs });
  };

  it.each([
    ["ahead", HOUR_MS],
    ["back", -HOUR_MS],
  ])(
    "%s is of no account: tokens hold, and messages carry the cluster's time (rule E5)",
    async (_, aheadMs) => {
      jump(aheadMs);
      try {
        const device = await Device.connect(node, person);
        const { message } = await device.must("message:send", {
          channelId,
          clientId: uuidv7(),
          content: "what time is it?",
        });
        device.close();
        expect(Math.abs(message.atMs - Date.now())).toBeLessThan(CLOSE_MS);
      } finally {
        jump(0);
      }
    },
  );
});

describe("a disk without room", () => {
  const send = async () => {
    const device = await Device.connect(node, person);
    const answer = await device.ask("message:send", { channelId, clientId: uuidv7(), content: "room?" });
    device.close();
    return answer.ok || answer.error.code;
  };
  const waiting = () => counted(node, "hubbub_log_unflushed_events");

  it("of Postgres (53100) is waited out: events stay in the log, which is said once, and counted", async () => {
    await whilePostgresIsFull(cluster.databaseUrl, async () => {
      expect(await send()).toBe(true);
      await expect.poll(waiting, { timeout: 10_000 }).toBeGreaterThan(0);
      await expect.poll(() => linesOf("first", "No space left on device").length).toBe(1);
    });
    await expect.poll(waiting, { timeout: 20_000 }).toBe(0);
    expect(await counted(node, "hubbub_dead_events_total")).toBe(0);
  });

  it("of Redis (MISCONF, and OOM the same way) is waited out: nothing is confirmed meanwhile, which is said once, and counted", async () => {
    await whileRedisDiskIsFull(cluster.redis, async () => {
      await expect.poll(send, { timeout: 20_000 }).toBe("unavailable");
      await expect.poll(() => linesOf("first", "log: Redis has no room").length).toBe(1);
    });
    await expect.poll(send, { timeout: 20_000 }).toBe(true);
    expect(await counted(node, "hubbub_requests_total", 'code="unavailable"')).toBeGreaterThan(0);
  });
});
