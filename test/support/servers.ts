/**
 * What a `*.server.test.ts` needs of the outside: a Redis and a Postgres shared by all files of a run, each test with a
 * prefix and database of its own, and servers of its own for a test that must stop them.
 */
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { pino } from "pino";
import { inject } from "vitest";
import { createDatabase, withAdmin } from "./postgres.ts";

export { startPostgres, type TestPostgres } from "./postgres.ts";
export { startRedis, type TestRedis } from "./redis.ts";
export { startRedisCluster, type TestRedisCluster } from "./redis-cluster.ts";

/** The migrated template is made once per run; this number is only a name for the lock. */
const TEMPLATE_LOCK = 7_203_001;
const TEMPLATE = "hubbub_template";

declare module "vitest" {
  interface ProvidedContext {
    redisUrl: string;
    postgresUrl: string;
  }
}

/** The Redis of this run. Never flush it, never fill it: start your own for that. */
export function sharedRedisUrl(): string {
  return inject("redisUrl");
}

/** Begins the keys and channels of one test. */
export function freshPrefix(): string {
  return `t${randomBytes(6).toString("hex")}`;
}

/** URL of a new, empty database on the Postgres of this run. */
export function freshDatabase(): Promise<string> {
  return createDatabase(inject("postgresUrl"));
}

/** URL of a new database with our migrations. */
export async function migratedDatabase(): Promise<string> {
  const adminUrl = inject("postgresUrl");
  await withAdmin(adminUrl, (admin) => ensureTemplate(admin, adminUrl));
  return createDatabase(adminUrl, TEMPLATE);
}

/** Renamed only when all migrations are through, so that a failed one is tried again and says why in every test. */
async function ensureTemplate(admin: pg.Client, adminUrl: string): Promise<void> {
  await admin.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]); // released with the connection
  const { rowCount } = await admin.query("select 1 from pg_database where datname = $1", [TEMPLATE]);
  if (rowCount !== 0) return;
  const url = await createDatabase(adminUrl);
  const { migrate } = await import("../../src/store/migrate.ts");
  await migrate(url, pino({ level: "warn" }));
  await admin.query(`alter database ${new URL(url).pathname.slice(1)} rename to ${TEMPLATE}`);
}
