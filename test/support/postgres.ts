/** Real Postgres servers that a test may stop, start and kill. */
import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import {
  findPostgres,
  type PostgresTools,
  postgresUrl,
  postmasterFacts,
  startPostgresServer,
  stopPostgresServer,
} from "../../src/start/embedded-postgres.ts";
import { freePort } from "../../src/start/free-port.ts";
import { isAlive, signal, waitUntil } from "../../src/start/processes.ts";
import { reapAfterUs } from "./reaper.ts";
import { removeDir, temporaryDir } from "./temporary.ts";

/** Another process may take a free port before Postgres does. */
const TRIES = 5;
const KILL_WITHIN_MS = 10_000;

/** A test's database is thrown away with its server: nothing needs to reach the disk. */
const FAST_AND_FORGETFUL = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  autovacuum: "off",
};

export type TestPostgres = {
  /** Of the superuser, on database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  readonly dir: string;
  /** URL of a new, empty database. */
  createDatabase(): Promise<string>;
  /** As an operator stops it: clients are cut, what was committed is there after `start`. */
  stop(): Promise<void>;
  /** Again, on the same port and folder. */
  start(): Promise<void>;
  /** SIGKILL of the whole server. Its processes are gone when this resolves; `start` recovers. */
  kill(): Promise<void>;
  /** Another server that follows this one by streaming replication, and can be asked meanwhile. */
  startStandby(): Promise<TestStandby>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
};

export type TestStandby = {
  readonly port: number;
  readonly adminUrl: string;
  /** It follows no more, and takes writes when this resolves. */
  promote(): Promise<void>;
  remove(): Promise<void>;
};

/** A Postgres of its own for one test. `settings` replace the fast and forgetful ones: `{ fsync: "on" }`. */
export async function startPostgres(
  options: { settings?: Record<string, string> } = {},
): Promise<TestPostgres> {
  const parent = temporaryDir("postgres");
  const tools = findPostgres(parent, () => {});
  const dir = join(parent, "data");
  const settings = { ...FAST_AND_FORGETFUL, ...options.settings };
  const launch = async (port: number) => {
    await startPostgresServer(tools, { dir, port, settings });
    return { port, forget: reapAfterUs(postmasterFacts(dir)!.pid, parent) };
  };
  const { port, forget: forgetFirst } = await onFreePort(launch);
  let forget = forgetFirst;
  const adminUrl = postgresUrl({ port }, "postgres");
  const stop = async () => {
    await stopPostgresServer(tools, dir);
    forget();
  };
  return {
    adminUrl,
    port,
    dir,
    stop,
    createDatabase: () => createDatabase(adminUrl),
    async start() {
      forget = (await launch(port)).forget;
    },
    async kill() {
      await killServer(dir);
      forget();
    },
    startStandby: () => startStandby({ tools, dir, port, settings, adminUrl }),
    async remove() {
      await stop();
      removeDir(parent);
    },
  };
}

type Primary = {
  tools: PostgresTools;
  dir: string;
  port: number;
  settings: Record<string, string>;
  adminUrl: string;
};

/** A copy of the running primary's folder, made as an operator makes one, without `pg_basebackup`: it is not among our binaries. */
async function startStandby(primary: Primary): Promise<TestStandby> {
  const { tools, settings } = primary;
  const parent = temporaryDir("standby");
  const dir = join(parent, "data");
  const label = await withAdmin(primary.adminUrl, async (admin) => {
    await admin.query("select pg_backup_start('standby', true)");
    const isOfThisRun = (file: string) => /\/(postmaster\.(pid|opts)|pg_replslot\/.+)$/.test(file);
    cpSync(primary.dir, dir, { recursive: true, filter: (file) => !isOfThisRun(file) });
    const { rows } = await admin.query("select labelfile from pg_backup_stop(false)");
    return String(rows[0].labelfile);
  });
  writeFileSync(join(dir, "backup_label"), label);
  writeFileSync(join(dir, "standby.signal"), "");
  chmodSync(dir, 0o700);
  const follow = `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=postgres application_name=standby'\n`;
  appendFileSync(join(dir, "postgresql.auto.conf"), follow);
  const { port, forget } = await onFreePort(async (port) => {
    await startPostgresServer(tools, { dir, port, settings });
    return { port, forget: reapAfterUs(postmasterFacts(dir)!.pid, parent) };
  });
  const adminUrl = postgresUrl({ port }, "postgres");
  return {
    port,
    adminUrl,
    promote: () => withAdmin(adminUrl, async (admin) => void (await admin.query("select pg_promote(true)"))),
    async remove() {
      await stopPostgresServer(tools, dir);
      forget();
      removeDir(parent);
    },
  };
}

/** Creates a database on the server of `adminUrl`, as a copy of `template` where one is named, and answers its URL. */
export async function createDatabase(adminUrl: string, template?: string): Promise<string> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const copy = template === undefined ? "" : ` template ${template}`;
  await withAdmin(adminUrl, (admin) => admin.query(`create database ${name}${copy}`));
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

export async function withAdmin<T>(adminUrl: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

async function onFreePort<T>(launch: (port: number) => Promise<T>): Promise<T> {
  for (let i = 1; ; i++) {
    try {
      return await launch(await freePort());
    } catch (error) {
      if (i === TRIES) throw error;
    }
  }
}

/**
 * The postmaster and all its processes: only when all are gone may another server start on the folder. Its pid file goes
 * too: where nobody reaps orphans at once, Postgres takes the dead process that it names for a living one.
 */
async function killServer(dir: string): Promise<void> {
  const pid = postmasterFacts(dir)?.pid;
  if (pid === undefined) return;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  for (const each of [pid, ...children]) signal(each, "SIGKILL");
  const gone = await waitUntil(() => ![pid, ...children].some(isAlive), KILL_WITHIN_MS);
  if (!gone) throw new Error(`Postgres (${pid}) outlived SIGKILL`);
  rmSync(join(dir, "postmaster.pid"), { force: true });
}
