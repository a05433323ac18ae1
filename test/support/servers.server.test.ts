import { Redis } from "ioredis";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import {
  freshDatabase,
  freshPrefix,
  sharedRedisUrl,
  startPostgres,
  startRedis,
  startRedisCluster,
} from "./servers.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function connect(url: string): Redis {
  const client = new Redis(url, { commandTimeout: 500, maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on("error", () => {});
  endings.push(() => client.disconnect());
  return client;
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe("a test's own Redis", () => {
  it("keeps what it logged across a kill, and forgets when asked to", async () => {
    const redis = await startRedis({ args: ["--appendfsync", "always"] });
    endings.push(redis.stop);
    await connect(redis.url).set("k", "v");
    await redis.kill();
    await redis.restart();
    expect(await connect(redis.url).get("k")).toBe("v");
    await redis.restart({ empty: true });
    expect(await connect(redis.url).get("k")).toBeNull();
  });

  it("answers nothing while frozen and goes on afterwards", async () => {
    const redis = await startRedis({ aof: false });
    endings.push(redis.stop);
    const client = connect(redis.url);
    await client.ping();
    redis.freeze();
    await expect(client.ping()).rejects.toThrow("timed out");
    redis.thaw();
    expect(await client.ping()).toBe("PONG");
  });

  it("refuses writes when full, rather than forgetting", async () => {
    const redis = await startRedis({ args: ["--maxmemory", "100kb"] });
    endings.push(redis.stop);
    await expect(connect(redis.url).set("k", "v")).rejects.toThrow("OOM");
  });
});

it("a Redis Cluster serves keys of every master", async () => {
  const cluster = await startRedisCluster();
  endings.push(cluster.stop);
  expect(cluster.nodes).toHaveLength(3);
  const info = await connect(cluster.nodes[2]!).call("CLUSTER", "SHARDS");
  expect(info).toHaveLength(3);
});

it("a test's own Postgres keeps what was committed across stop, and comes back after kill", async () => {
  const postgres = await startPostgres({ settings: { synchronous_commit: "on" } });
  endings.push(postgres.remove);
  const url = await postgres.createDatabase();
  await ask(url, "create table t as select 42 as n");
  await postgres.stop();
  await expect(ask(url, "select 1")).rejects.toThrow("ECONNREFUSED");
  await postgres.start();
  await postgres.kill();
  await postgres.start();
  expect(await ask(url, "select n from t")).toEqual([{ n: 42 }]);
});

it("shares a Redis and a Postgres, with a prefix and a database for each test", async () => {
  expect(await connect(sharedRedisUrl()).ping()).toBe("PONG");
  expect(freshPrefix()).not.toBe(freshPrefix());
  const [one, other] = await Promise.all([freshDatabase(), freshDatabase()]);
  expect(one).not.toBe(other);
  expect(await ask(one, "select count(*)::int as n from pg_tables where schemaname = 'public'")).toEqual([
    { n: 0 },
  ]);
});
