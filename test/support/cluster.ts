/** A cluster of real node processes against stores of its own: for cluster tests, fault tests and benches. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type NodeProcess, spawnNode } from "../../src/start/node-process.ts";
import { startPostgres, type TestPostgres } from "./postgres.ts";
import { reapAfterUs } from "./reaper.ts";
import { startRedis, type TestRedis, type TestRedisOptions } from "./redis.ts";
import { removeDir, temporaryDir } from "./temporary.ts";

/** Seconds on a machine at rest. */
const READY_WITHIN_MS = 60_000;
/** A drain, then insistence. */
const STOP_WITHIN_MS = 20_000;
const TAIL_LINES = 20;

export type TestNode = {
  readonly name: string;
  /** Of clients: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Of metrics, health and the admin API. */
  readonly metricsUrl: string;
  /** The incarnation. */
  readonly id: string;
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM: it drains. Resolves when it has ended. */
  term(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
};

/** Servers that a cluster may use instead of its own Redis: `url` has a form of `REDIS_URL`. */
export type TestRedisServers = { readonly url: string; stop(): Promise<void> };

export type TestCluster<R extends TestRedisServers = TestRedis> = {
  /** In the order of their start; those that ended stay in the list. */
  readonly nodes: readonly TestNode[];
  readonly redis: R;
  readonly postgres: TestPostgres;
  readonly databaseUrl: string;
  readonly adminToken: string;
  /** One more; with the name of one that ended, its next incarnation. `main`: of another version. Resolves when it serves. */
  addNode(options?: { name?: string; env?: Record<string, string>; main?: string }): Promise<TestNode>;
  /** Where the logs of its nodes are, one file a name, until `stop`. */
  readonly logDir: string;
  /** The last lines of every node's log: for the message of a test that failed. */
  logTails(lines?: number): string;
  /** Ends nodes, then stores, and removes every trace. Call it in `afterAll`, whatever happened. */
  stop(): Promise<void>;
};

export type TestClusterOptions = {
  nodes: number;
  /** Over the harness's own: rate limits are off, log level `info`. */
  env?: Record<string, string>;
  redis?: TestRedisOptions;
  /** Settings of Postgres over the fast and forgetful ones. */
  postgres?: Record<string, string>;
  /** `false`: the first node does it, of whatever version. */
  migrated?: false;
};

/** Starts stores, migrates, starts the nodes side by side, and resolves when all serve. Rejects with the log of one that does not. */
export async function startCluster(options: TestClusterOptions): Promise<TestCluster> {
  return startClusterOn(await startRedis(options.redis), options);
}

/** The same on these servers, which are stopped with it, also when it does not come about. */
export async function startClusterOn<R extends TestRedisServers>(
  redis: R,
  options: Omit<TestClusterOptions, "redis">,
): Promise<TestCluster<R>> {
  const postgres = await startPostgres({ settings: options.postgres });
  const dir = temporaryDir("nodes");
  const nodes: TestNode[] = [];
  const running: NodeProcess[] = [];
  const adminToken = randomBytes(24).toString("hex");
  const databaseUrl = await postgres.createDatabase();
  const shared: Record<string, string> = {
    REDIS_URL: redis.url,
    DATABASE_URL: databaseUrl,
    HUBBUB_TOKEN_SECRET: randomBytes(24).toString("hex"),
    HUBBUB_ADMIN_TOKEN: adminToken,
    HUBBUB_HOST: "127.0.0.1",
    HUBBUB_RATE_LIMITS: "off",
    PORT: "0",
    METRICS_PORT: "0",
    ...options.env,
  };
  let names = 0;
  const addNode: TestCluster["addNode"] = async ({ name = `node-${names++}`, env = {}, main } = {}) => {
    const node = spawnNode({ name, env: { ...shared, ...env }, logFile: logOf(dir, name), main });
    running.push(node);
    const forget = reapAfterUs(node.pid);
    void node.exited.then(forget);
    const added = await toTestNode(node, dir);
    nodes.push(added);
    return added;
  };
  const stop = async () => {
    await Promise.all(running.map((node) => node.end(STOP_WITHIN_MS)));
    await Promise.all([redis.stop(), postgres.remove()]);
    removeDir(dir);
  };
  try {
    if (options.migrated !== false) await migrateDatabase(databaseUrl);
    const started = await Promise.all(Array.from({ length: options.nodes }, () => addNode()));
    nodes.sort((a, b) => started.indexOf(a) - started.indexOf(b));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes,
    redis,
    postgres,
    databaseUrl,
    adminToken,
    addNode,
    stop,
    logDir: dir,
    logTails: (lines) => tails(dir, lines),
  };
}

/** Before the nodes, so that none of them waits for another's migrations. */
async function migrateDatabase(url: string): Promise<void> {
  const { migrate } = await import("../../src/store/migrate.ts");
  const { pino } = await import("pino");
  await migrate(url, pino({ level: "warn" }));
}

async function toTestNode(node: NodeProcess, dir: string): Promise<TestNode> {
  const ready = await node.ready(READY_WITHIN_MS);
  if (ready === undefined) {
    node.kill("SIGKILL");
    throw new Error(
      `${node.name} did not serve within ${READY_WITHIN_MS} ms:\n${tail(logOf(dir, node.name), TAIL_LINES)}`,
    );
  }
  return {
    name: node.name,
    pid: node.pid,
    id: ready.node,
    url: ready.url,
    metricsUrl: ready.metricsUrl,
    exited: node.exited,
    async kill() {
      node.kill("SIGKILL");
      await node.exited;
    },
    async term() {
      node.kill("SIGTERM");
      await node.exited;
    },
    freeze: () => node.kill("SIGSTOP"),
    thaw: () => node.kill("SIGCONT"),
  };
}

function logOf(dir: string, name: string): string {
  mkdirSync(dir, { recursive: true });
  return join(dir, `${name}.log`);
}

function tails(dir: string, lines = TAIL_LINES): string {
  return readdirSync(dir)
    .map((file) => `── ${file}\n${tail(join(dir, file), lines)}`)
    .join("\n");
}

function tail(file: string, lines: number): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}
