/** `hubbub doctor`: looks for what will hurt later. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import pg from "pg";
import { parseRedisUrl } from "../config/redis-target.ts";
import { describeConfig, readSetting } from "../config.ts";
import { sentinelOptions, serverOptions } from "../lib/redis-address.ts";
import { type ClusterFile, FILES, readJson } from "../start/data-folder.ts";
import { primaryOf, whyNoRedis } from "../start/reach.ts";

export type Finding = { about: string; found: string; isWell: boolean; advice: string };

const FILES_WANTED = 10_000;
const REDIS_MAJOR_MIN = 7;
const POSTGRES_VERSION_MIN = 150_000;
const CLOCK_SKEW_MAX_MS = 500;

/** Prints every finding; the process ends with 1 when one of them is bad. */
export async function runDoctor({ json = false }: { json?: boolean }): Promise<void> {
  const findings = [...(await ofRedis()), ...(await ofPostgres()), ofMachine()];
  if (json) console.log(JSON.stringify(findings, undefined, 2));
  else
    for (const { about, found, isWell, advice } of findings)
      console.log(`${isWell ? "ok " : "BAD"}  ${about}: ${found}${isWell ? "" : ` — ${advice}`}`);
  if (findings.some(({ isWell }) => !isWell)) process.exitCode = 1;
}

/** Given by variable, else of the running `npm start`. */
function storeUrl(name: "REDIS_URL" | "DATABASE_URL"): string | undefined {
  if (process.env[name]) return process.env[name];
  const dataDir = describeConfig().find(({ env }) => env === "HUBBUB_DATA_DIR")?.value ?? "";
  const file = readJson<ClusterFile>(join(dataDir, FILES.cluster));
  return name === "REDIS_URL" ? file?.redisUrl : file?.databaseUrl;
}

async function ofRedis(): Promise<Finding[]> {
  const target = parseRedisUrl(storeUrl("REDIS_URL") ?? "");
  if (target === undefined) return [bad("Redis", "no usable REDIS_URL", "set it, or run npm start")];
  const ca = readSetting("redisCa");
  const address = { ...target, ...(ca !== undefined && { ca }) };
  const why = await whyNoRedis(address);
  if (why !== undefined) return [bad("Redis", why, "start it, or correct REDIS_URL")];
  if (address.kind === "sentinel") return ofRedisServer(address.name, sentinelOptions(address));
  const urls = address.kind === "standalone" ? [address.url] : address.urls;
  const looks = urls.map((url) => ofRedisServer(new URL(url).host, serverOptions({ ...address, url })));
  return (await Promise.all(looks)).flat();
}

async function ofRedisServer(name: string, options: RedisOptions): Promise<Finding[]> {
  const client = new Redis(options);
  const about = `Redis ${name}`;
  try {
    const info = await client.info();
    const [seconds, micros] = await client.time();
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
    const skewMs = Math.round(Number(seconds) * 1_000 + Number(micros) / 1_000 - Date.now());
    const replicas = Number(field("connected_slaves"));
    return [
      finding(
        `${about} version`,
        field("redis_version"),
        Number.parseInt(field("redis_version"), 10) >= REDIS_MAJOR_MIN,
        "Redis 7 or Valkey is needed",
      ),
      finding(
        `${about} policy`,
        field("maxmemory_policy"),
        field("maxmemory_policy") === "noeviction",
        "set maxmemory-policy noeviction: a log must not be evicted",
      ),
      finding(
        `${about} append-only file`,
        field("aof_enabled") === "1" ? "on" : "off",
        field("aof_enabled") === "1",
        "set appendonly yes: a restart must not forget",
      ),
      finding(
        `${about} clock`,
        `${skewMs} ms from ours`,
        Math.abs(skewMs) <= CLOCK_SKEW_MAX_MS,
        "run a time daemon on both",
      ),
      finding(
        `${about} replicas`,
        `${replicas}, min-replicas-to-write met by ${field("min_slaves_good_slaves") || "none asked"}`,
        replicas === 0 || field("min_slaves_good_slaves") !== "",
        "set min-replicas-to-write 1 and a short min-replicas-max-lag",
      ),
    ];
  } finally {
    client.disconnect();
  }
}

async function ofPostgres(): Promise<Finding[]> {
  const url = storeUrl("DATABASE_URL");
  if (url === undefined) return [bad("Postgres", "no DATABASE_URL", "set it, or run npm start")];
  const primary = await primaryOf(url);
  if ("why" in primary) return [bad("Postgres", primary.why, "start it, or correct DATABASE_URL")];
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    const { rows } = await client.query("select name, setting from pg_settings where name = any($1)", [
      [
        "server_version_num",
        "server_version",
        "server_encoding",
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "max_connections",
      ],
    ]);
    const clock = await client.query("select extract(epoch from clock_timestamp()) * 1000 as at_ms");
    const skewMs = Math.round(Number(clock.rows[0].at_ms) - Date.now());
    const setting = Object.fromEntries(rows.map(({ name, setting }) => [name, String(setting)]));
    return [
      finding(
        "Postgres version",
        setting.server_version ?? "",
        Number(setting.server_version_num) >= POSTGRES_VERSION_MIN,
        "Postgres 15 or newer is needed",
      ),
      finding(
        "Postgres encoding",
        setting.server_encoding ?? "",
        setting.server_encoding === "UTF8",
        "make the database with encoding UTF8",
      ),
      finding(
        "Postgres durability",
        `fsync ${setting.fsync}, full_page_writes ${setting.full_page_writes}`,
        setting.fsync === "on" && setting.full_page_writes === "on",
        "switch both on: a crash may ruin the database",
      ),
      finding(
        "Postgres commits",
        `synchronous_commit ${setting.synchronous_commit}`,
        setting.synchronous_commit !== "off",
        "switch it on: what was acked as persisted may be lost",
      ),
      finding(
        "Postgres clock",
        `${skewMs} ms from ours`,
        Math.abs(skewMs) <= CLOCK_SKEW_MAX_MS,
        "run a time daemon on both",
      ),
      finding(
        "Postgres connections",
        `${setting.max_connections}`,
        Number(setting.max_connections) >= 50,
        "a node opens up to 20",
      ),
    ];
  } finally {
    await client.end();
  }
}

function ofMachine(): Finding {
  const { stdout } = spawnSync("/bin/sh", ["-c", "ulimit -n"], { encoding: "utf8" });
  const allowed = stdout?.trim() ?? "";
  return finding(
    "open files",
    allowed,
    allowed === "unlimited" || Number(allowed) >= FILES_WANTED,
    `run "ulimit -n 65536": every client is one`,
  );
}

function finding(about: string, found: string, isWell: boolean, advice: string): Finding {
  return { about, found, isWell, advice };
}

function bad(about: string, found: string, advice: string): Finding {
  return finding(about, found, false, advice);
}
