/** The Redis and the Postgres of `npm start`: given by URL, adopted from a parent that was killed, or started. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { describeRedis, parseRedisUrl, REDIS_URL_FORM } from "../config/redis-target.ts";
import { readSetting } from "../config.ts";
import { databaseUrls } from "../lib/database-urls.ts";
import { Trouble } from "../lib/trouble.ts";
import { FILES, readJson, writePrivate } from "./data-folder.ts";
import {
  findPostgres,
  type PostgresTools,
  postgresUrl,
  postmasterFacts,
  probePostgres,
  startPostgresServer,
  stopPostgresServer,
} from "./embedded-postgres.ts";
import { probeRedis, type RedisFacts, redisUrl, startRedisServer } from "./embedded-redis.ts";
import { freePort, isPortFree } from "./free-port.ts";
import { findOrInstallRedis } from "./install-redis.ts";
import { endProcess, identify, isRunning, type ProcessIdentity, waitUntil } from "./processes.ts";
import type { Say } from "./progress.ts";
import { whyNoPostgres, whyNoRedis } from "./reach.ts";

/** A store that was adopted may be reading its log again. */
const ADOPT_WITHIN_MS = 60_000;
/** Redis writes its last second; Postgres its checkpoint. */
const STOP_WITHIN_MS = 30_000;
const DATABASE = "hubbub";
/** Postgres's own default; and what one node may open of both pools, with some to spare. */
const CONNECTIONS_BASE = 100;
const CONNECTIONS_PER_NODE = 32;

/** A store that answers. `stop` ends it if it is ours, and does nothing if its URL was given. */
export type Store = { url: string; isOurs: boolean; stop(): Promise<void> };

export type StorePlace = { dir: string; password: string; say: Say };

/** The Redis of `REDIS_URL`. Throws `Trouble` when it does not answer. */
export async function givenRedis(url: string, say: Say): Promise<Store> {
  const target = parseRedisUrl(url);
  if (target === undefined)
    throw new Trouble(`REDIS_URL cannot be as it is set: expected ${REDIS_URL_FORM}.`);
  const ca = readSetting("redisCa");
  const why = await whyNoRedis({ ...target, ...(ca !== undefined && { ca }) });
  if (why !== undefined)
    throw new Trouble(
      `Redis at ${describeRedis(target)} cannot be used (${why}): start it, or correct REDIS_URL.`,
    );
  say(`Redis at ${describeRedis(target)}`);
  return { url, isOurs: false, stop: async () => {} };
}

/** The Postgres of `DATABASE_URL`. Throws `Trouble` when it does not answer. */
export async function givenPostgres(url: string, say: Say): Promise<Store> {
  const why = await whyNoPostgres(url);
  const place =
    databaseUrls(url)
      ?.map((each) => new URL(each).host)
      .join(",") ?? "its address";
  if (why !== undefined)
    throw new Trouble(`Postgres at ${place} cannot be used (${why}): start it, or correct DATABASE_URL.`);
  say(`Postgres at ${place}`);
  return { url, isOurs: false, stop: async () => {} };
}

/** The Redis of the data folder. */
export async function ownRedis({ dir: parent, password, say }: StorePlace): Promise<Store> {
  const dir = join(parent, FILES.redis);
  const record = join(dir, "server.json");
  const adopted = await adoptRedis(dir, record, password);
  if (adopted !== undefined) {
    say(`Redis ${adopted.version} still runs (process ${adopted.pid}): going on with it`);
    return { url: adopted.url, isOurs: true, stop: () => endProcess(adopted.pid, STOP_WITHIN_MS) };
  }
  const binary = findOrInstallRedis(say);
  const port = await portLike(readJson<RedisRecord>(record)?.port);
  const child = await startRedisServer({ binary, dir, port, password, appendOnly: true });
  const pid = child.pid!;
  writePrivate(record, { ...identify(pid), port });
  const url = redisUrl({ port, password });
  say(`Redis ${(await probeRedis(url))?.version} on port ${port}`);
  return { url, isOurs: true, stop: () => endProcess(pid, STOP_WITHIN_MS) };
}

/** The Postgres of the data folder, for `nodes` nodes, with our database in it. */
export async function ownPostgres({ dir: parent, password, say }: StorePlace, nodes: number): Promise<Store> {
  const dir = join(parent, FILES.postgres);
  const tools = findPostgres(parent, say);
  const port =
    (await adoptPostgres(dir, password, say)) ?? (await startPostgres(tools, dir, password, nodes, say));
  await ensureDatabase(postgresUrl({ port, password }, "postgres"));
  return {
    url: postgresUrl({ port, password }, DATABASE),
    isOurs: true,
    stop: () => stopPostgresServer(tools, dir),
  };
}

type RedisRecord = ProcessIdentity & { port: number };

/** A pid file proves nothing: only a server that answers a query about this very folder is adopted. */
async function adoptRedis(
  dir: string,
  record: string,
  password: string,
): Promise<(RedisFacts & { url: string }) | undefined> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const known = readJson<RedisRecord>(record);
  if (known === undefined) return undefined;
  const url = redisUrl({ port: known.port, password });
  let facts: RedisFacts | undefined;
  const settled = await waitUntil(async () => {
    facts = await probeRedis(url);
    return facts !== undefined || !isRunning(known);
  }, ADOPT_WITHIN_MS);
  // Two servers on one append-only file would ruin it.
  if (!settled)
    throw new Trouble(
      `The Redis of ${dir} (process ${known.pid}) runs but does not answer: end it with "kill ${known.pid}" and start again.`,
    );
  return facts?.dir === dir ? { ...facts, url } : undefined;
}

async function adoptPostgres(dir: string, password: string, say: Say): Promise<number | undefined> {
  const left = postmasterFacts(dir);
  if (left === undefined) return undefined;
  const facts = await probePostgres(postgresUrl({ port: left.port, password }, "postgres"));
  if (facts?.dir !== dir) return undefined; // `pg_ctl start` clears what a dead one left, and refuses beside a living one
  say(`Postgres ${facts.version} still runs (process ${left.pid}): going on with it`);
  return left.port;
}

async function startPostgres(
  tools: PostgresTools,
  dir: string,
  password: string,
  nodes: number,
  say: Say,
): Promise<number> {
  const port = await portLike(postmasterFacts(dir)?.port);
  const settings = {
    max_connections: String(CONNECTIONS_BASE + CONNECTIONS_PER_NODE * nodes),
    shared_buffers: "256MB",
    max_wal_size: "2GB",
    jit: "off",
  };
  await startPostgresServer(tools, { dir, port, password, settings });
  say(`Postgres ${tools.major} on port ${port}`);
  return port;
}

async function ensureDatabase(adminUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    const { rowCount } = await admin.query("select 1 from pg_database where datname = $1", [DATABASE]);
    if (rowCount === 0) await admin.query(`create database ${DATABASE}`);
  } finally {
    await admin.end();
  }
}

/** The port of last time, where it is still free: bookmarks of other tools go on working. */
async function portLike(last: number | undefined): Promise<number> {
  return last !== undefined && (await isPortFree(last, "127.0.0.1")) ? last : freePort();
}
