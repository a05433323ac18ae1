/** A Redis (or Valkey) server of our own: found on the PATH, started in a session of its own, recognised by its folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import { Trouble } from "../lib/trouble.ts";
import { waitUntil } from "./processes.ts";

/** Both speak the same protocol; the first one found is used. */
const SERVER_NAMES = ["redis-server", "valkey-server"];
/** Where servers are installed though the PATH of a plain user does not say so. */
const USUAL_FOLDERS = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/opt/homebrew/bin"];
/** Loading a log of some 100 MB included. */
const START_WITHIN_MS = 60_000;
const PROBE_WITHIN_MS = 2_000;

export type RedisSettings = {
  binary: string;
  /** Made when missing; also the server's working directory. */
  dir: string;
  port: number;
  /** Asked of every client. Absent: none, for tests. */
  password?: string;
  /** Append-only file, written every second. */
  appendOnly: boolean;
  /** More settings as on its command line (`--maxmemory`, `64mb`), stronger than ours. */
  args?: readonly string[];
};

/** What a running server says of itself. `dir` is its real path. */
export type RedisFacts = { pid: number; dir: string; version: string };

/** The path of the first server found; undefined when none is installed. */
export function findRedis(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...USUAL_FOLDERS];
  return SERVER_NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** Starts a server and resolves when it answers. Rejects with the end of its log when it ends first. */
export async function startRedisServer(settings: RedisSettings): Promise<ChildProcess> {
  const child = spawnRedis(settings);
  const url = redisUrl(settings);
  const answered = await waitUntil(
    async () => hasEnded(child) || (await probeRedis(url)) !== undefined,
    START_WITHIN_MS,
  );
  if (hasEnded(child) || !answered) {
    child.kill("SIGKILL");
    const log = join(settings.dir, "redis.log");
    throw new Trouble(`Redis did not start (${lastLine(log)}): see ${log}, or set REDIS_URL.`);
  }
  return child;
}

/** `redis://…` of a server started with these settings. */
export function redisUrl(settings: Pick<RedisSettings, "port" | "password">): string {
  const login = settings.password === undefined ? "" : `:${encodeURIComponent(settings.password)}@`;
  return `redis://${login}127.0.0.1:${settings.port}`;
}

/** Asks a server who it is; undefined when nobody answers there, it wants another password, or is still loading. */
export async function probeRedis(url: string): Promise<RedisFacts | undefined> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PROBE_WITHIN_MS,
    commandTimeout: PROBE_WITHIN_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  });
  client.on("error", () => {}); // the calls below reject as well
  try {
    await client.connect();
    const info = await client.info("server");
    const dir = await client.config("GET", "dir");
    return {
      pid: Number(/process_id:(\d+)/.exec(info)?.[1]),
      version: /redis_version:(\S+)/.exec(info)?.[1] ?? "unknown",
      dir: dirOf(dir),
    };
  } catch {
    return undefined; // whatever the reason, it cannot be used
  } finally {
    client.disconnect();
  }
}

function spawnRedis(settings: RedisSettings): ChildProcess {
  mkdirSync(settings.dir, { recursive: true, mode: 0o700 });
  const log = openSync(join(settings.dir, "redis.log"), "a", 0o600);
  // A session of its own: Ctrl-C in the terminal reaches the nodes' parent, which drains before it stops the stores.
  const child = spawn(settings.binary, ["-", ...(settings.args ?? [])], {
    cwd: settings.dir,
    detached: true,
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  child.once("error", () => {}); // an end that `hasEnded` sees
  child.stdin?.once("error", () => {}); // the same
  child.stdin?.end(settingsText(settings)); // not as arguments: `ps` would show the password
  child.unref();
  return child;
}

function settingsText({ port, dir, password, appendOnly }: RedisSettings): string {
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${JSON.stringify(dir)}`,
    `appendonly ${appendOnly ? "yes" : "no"}`,
    "appendfsync everysec",
    'save ""',
    "maxmemory-policy noeviction",
    "daemonize no",
  ];
  if (password !== undefined) lines.push(`requirepass ${JSON.stringify(password)}`);
  return `${lines.join("\n")}\n`;
}

/** RESP3 answers `CONFIG GET` with a map, RESP2 with a flat list. */
function dirOf(answer: unknown): string {
  const dir = Array.isArray(answer) ? answer[1] : (answer as { dir?: unknown }).dir;
  return realpathSync(String(dir));
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // missing or not ours to run: the same to us
  }
}

/** The last line of a log that says something; for a message to a person. */
export function lastLine(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "it said nothing";
  } catch {
    return `it said nothing (no ${path})`;
  }
}
