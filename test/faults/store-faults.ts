/** Faults of Redis and Postgres themselves. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { whilePostgresIsFull, whileRedisDiskIsFull } from "../support/full-disk.ts";
import { withAdmin } from "../support/postgres.ts";
import { aWhile, type Faults } from "./fault.ts";
import type { Ground } from "./ground.ts";

/** A minute, as operators know it from a failover that went wrong. */
const LONG_MS = [60_000, 60_000] as const;
/** Written and acked between the copy of Redis's file and its end: what it forgets. */
const FORGOTTEN_ACKS = 60;

async function inRedis<T>({ cluster }: Ground, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(cluster.redis.url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Redis as it was some acks ago; `meanwhile` something else may end as it does. */
async function forget(ground: Ground, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
  const { cluster, chatter } = ground;
  const { redis } = cluster;
  const [aof, earlier] = [join(redis.dir, "appendonlydir"), join(redis.dir, "earlier")];
  const endTail = await ground.beginTail();
  cpSync(aof, earlier, { recursive: true });
  await chatter.untilAcked(FORGOTTEN_ACKS, LONG_MS[0]);
  await chatter.keepLog();
  await Promise.all([redis.kill(), meanwhile()]);
  await endTail();
  rmSync(aof, { recursive: true });
  cpSync(earlier, aof, { recursive: true });
  rmSync(earlier, { recursive: true });
  await redis.restart();
}

async function readOnly({ cluster }: Ground, value: "on" | "off"): Promise<void> {
  await withAdmin(cluster.postgres.adminUrl, async (admin) => {
    await admin.query(`alter system set default_transaction_read_only = ${value}`);
    await admin.query("select pg_reload_conf()");
  });
}

export const STORE_FAULTS: Faults = {
  "pg-down": {
    says: "Postgres is stopped and started again",
    on: "postgres",
    run: async ({ cluster }, draw) => {
      await cluster.postgres.stop();
      await aWhile(draw);
      await cluster.postgres.start();
    },
  },
  "pg-down-60": {
    says: "Postgres is away for a minute",
    on: "postgres",
    run: async ({ cluster }, draw) => {
      await cluster.postgres.stop();
      await aWhile(draw, LONG_MS);
      await cluster.postgres.start();
    },
  },
  "pg-killed": {
    says: "SIGKILL of the whole Postgres; it recovers",
    on: "postgres",
    run: async ({ cluster }, draw) => {
      await cluster.postgres.kill();
      await aWhile(draw);
      await cluster.postgres.start();
    },
  },
  "pg-read-only": {
    says: "Postgres takes no writes, as one that was failed over from",
    on: "postgres",
    run: async (ground, draw) => {
      await readOnly(ground, "on");
      await aWhile(draw);
      await readOnly(ground, "off");
    },
  },
  "pg-disk-full": {
    says: "Postgres refuses writes: no space left (53100)",
    on: "postgres",
    run: ({ cluster }, draw) => whilePostgresIsFull(cluster.databaseUrl, () => aWhile(draw)),
  },
  "redis-restart": {
    says: "SIGKILL of Redis; it comes back with what it had on disk",
    on: "redis",
    run: async ({ cluster, chatter }) => {
      await chatter.keepLog();
      await cluster.redis.restart();
    },
  },
  "redis-frozen": {
    says: "Redis takes connections and answers nothing",
    on: "redis",
    run: async ({ cluster }, draw) => {
      cluster.redis.freeze();
      await aWhile(draw);
      cluster.redis.thaw();
    },
  },
  "redis-forgets": {
    says: "Redis restarts without its last second",
    on: "redis",
    run: (ground) => forget(ground),
  },
  "redis-empty": {
    says: "Redis restarts with nothing",
    on: "redis",
    run: async (ground) => {
      const { cluster, chatter } = ground;
      const endTail = await ground.beginTail();
      await chatter.untilAcked(FORGOTTEN_ACKS, LONG_MS[0]);
      await chatter.keepLog();
      await cluster.redis.kill();
      await endTail();
      await cluster.redis.restart({ empty: true });
    },
  },
  "lose-owner-and-tail": {
    says: "the busiest owner and Redis's last second die together, while Postgres is away",
    on: "everything",
    run: async (ground) => {
      await ground.cluster.postgres.stop();
      const node = await ground.owner();
      const died = () => ground.remove(node, (each) => each.kill());
      await forget(ground, died);
      await ground.cluster.postgres.start();
      await ground.add(node.name);
    },
  },
  "redis-full": {
    says: "Redis is over its maxmemory",
    on: "redis",
    run: (ground, draw) =>
      inRedis(ground, async (redis) => {
        await redis.config("SET", "maxmemory", "1mb");
        await aWhile(draw);
        await redis.config("SET", "maxmemory", "0");
      }),
  },
  "redis-disk-full": {
    says: "Redis cannot write its snapshot and refuses writes (MISCONF)",
    on: "redis",
    run: ({ cluster }, draw) => whileRedisDiskIsFull(cluster.redis, () => aWhile(draw)),
  },
};
