/** The parent of `npm start`: serves no one, starts the stores and the nodes, and stops them in the right order. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { type Config, loadConfig, unknownSettings } from "../config.ts";
import { Trouble } from "../lib/trouble.ts";
import { DatabaseNewer, migrate } from "../store/migrate.ts";
import { checkFileDescriptors, checkPorts } from "./checks.ts";
import {
  type ClusterFile,
  claimDataFolder,
  FILES,
  openDataFolder,
  readSecrets,
  type Secrets,
  writePrivate,
} from "./data-folder.ts";
import { ensureDemo } from "./demo.ts";
import { freePort } from "./free-port.ts";
import type { NodeReady } from "./node-process.ts";
import type { StartOptions } from "./options.ts";
import type { Say } from "./progress.ts";
import { givenPostgres, givenRedis, ownPostgres, ownRedis, type Store } from "./stores.ts";
import { createSupervisor, type NodePlan, type Supervisor } from "./supervisor.ts";
import { tellTheEnd } from "./the-end.ts";

/** On top of the drain's own bound. */
const STOP_MARGIN_MS = 5_000;

/** What was started, to be stopped in reverse. */
type Ending = (how: "drain" | "kill") => Promise<void> | void;

export type Parent = {
  /** Resolves when all nodes serve. Rejects with `Trouble` for what can be foreseen; `stop` must follow all the same. */
  start(): Promise<void>;
  /** Stops what was started. `kill` hurries a `drain` that is under way. */
  stop(how: "drain" | "kill"): Promise<void>;
};

/** `stopping` is aborted as soon as a person wants to stop: a start under way ends after its present step. */
export function createParent(options: StartOptions, say: Say, stopping: AbortSignal): Parent {
  const endings: Ending[] = [];
  let supervisor: Supervisor | undefined;
  let stopped: Promise<void> | undefined;
  return {
    async start() {
      const ground = await prepare(options, say, endings);
      stopping.throwIfAborted();
      const stores = await startStores(ground, options.nodes, say, endings);
      stopping.throwIfAborted();
      await migrateDatabase(stores.postgres.url, say);
      stopping.throwIfAborted();
      supervisor = createNodes(ground, stores, say, endings);
      const serving = await supervisor.start();
      stopping.throwIfAborted();
      for (const { url, node } of serving) say(`${node} serves at ${url}`);
      const wantsDemo = options.demo ?? (stores.redis.isOurs && stores.postgres.isOurs);
      const people = wantsDemo ? await makeDemo(ground.dir, serving, say) : [];
      tellTheEnd({ serving, people, isLimited: ground.config.rateLimits, say });
    },
    async stop(how) {
      if (how === "kill") await supervisor?.stop("kill");
      stopped ??= stopAll(endings, how);
      await stopped;
    },
  };
}

/** What is settled before anything is started. */
type Ground = {
  dir: string;
  secrets: Secrets;
  /** Port and metrics port of each node. */
  ports: [number, number][];
  /** Over our own environment, for every node; the stores' URLs come on top. */
  shared: Record<string, string>;
  config: Config;
};

type Stores = { redis: Store; postgres: Store };

async function prepare(options: StartOptions, say: Say, endings: Ending[]): Promise<Ground> {
  checkFileDescriptors();
  const dir = openDataFolder(options.dataDir);
  const claim = claimDataFolder(dir);
  endings.push(claim.release);
  const secrets = readSecrets(dir);
  const shared = environment(secrets);
  // Every wrong setting is said now, before anything runs; the URLs stand in for stores that do not run yet.
  const standIns = { REDIS_URL: "redis://127.0.0.1", DATABASE_URL: "postgres://127.0.0.1" };
  const config = loadConfig({ ...standIns, ...given(process.env), ...shared });
  for (const name of unknownSettings())
    say(`${name} is no setting of Hubbub: npx --no hubbub config lists them`);
  const ports = await choosePorts(options);
  await checkPorts(ports.flat(), process.env.HUBBUB_HOST || shared.HUBBUB_HOST, claim.inherited);
  return { dir, secrets, ports, shared, config };
}

/** Both at once; when one fails, the other is awaited, so that it can be stopped. */
async function startStores(
  { dir, secrets }: Ground,
  nodes: number,
  say: Say,
  endings: Ending[],
): Promise<Stores> {
  const { REDIS_URL, DATABASE_URL } = process.env;
  const place = { dir, password: secrets.storePassword, say };
  const starts = [
    REDIS_URL ? givenRedis(REDIS_URL, say) : ownRedis(place),
    DATABASE_URL ? givenPostgres(DATABASE_URL, say) : ownPostgres(place, nodes),
  ] as const;
  const results = await Promise.allSettled(starts);
  for (const result of results) if (result.status === "fulfilled") endings.push(() => result.value.stop());
  const [redis, postgres] = await Promise.all(starts);
  return { redis, postgres };
}

function createNodes(ground: Ground, { redis, postgres }: Stores, say: Say, endings: Ending[]): Supervisor {
  const { dir, ports, shared, config } = ground;
  const stores = { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
  const plans = ports.map(
    ([port, metricsPort], i): NodePlan => ({
      name: `node-${i}`,
      env: { ...shared, ...stores, PORT: String(port), METRICS_PORT: String(metricsPort) },
    }),
  );
  const path = join(dir, FILES.cluster);
  const tellTools = (serving: readonly NodeReady[]) => {
    const { prefix, adminToken } = config;
    const metricsUrls = serving.map(({ metricsUrl }) => metricsUrl);
    const file: ClusterFile = {
      redisUrl: redis.url,
      databaseUrl: postgres.url,
      prefix,
      adminToken,
      metricsUrls,
    };
    writePrivate(path, file);
  };
  const stopWithinMs = config.drainMs + STOP_MARGIN_MS;
  const supervisor = createSupervisor({
    plans,
    logDir: join(dir, FILES.logs),
    stopWithinMs,
    say,
    onChange: tellTools,
  });
  endings.push(() => rmSync(path, { force: true }));
  endings.push((how) => supervisor.stop(how));
  return supervisor;
}

async function stopAll(endings: Ending[], how: "drain" | "kill"): Promise<void> {
  for (const end of endings.reverse()) await end(how);
}

async function migrateDatabase(url: string, say: Say): Promise<void> {
  let migrations = 0;
  const log = pino({ level: "info" }, { write: () => void migrations++ });
  try {
    await migrate(url, log);
  } catch (error) {
    if (error instanceof DatabaseNewer) throw new Trouble(error.message);
    throw error;
  }
  say(migrations === 0 ? "The database is up to date" : `The database was migrated (steps: ${migrations})`);
}

async function makeDemo(dir: string, serving: readonly NodeReady[], say: Say) {
  try {
    return await ensureDemo(dir, serving[0]!.url);
  } catch (error) {
    // The service runs; without its demo it is still of use.
    say(
      `The demo could not be made (${error instanceof Error ? error.message : error}); the next start tries again`,
    );
    return [];
  }
}

async function choosePorts({ nodes, port, metricsPort }: StartOptions): Promise<[number, number][]> {
  const ports: [number, number][] = [];
  for (let i = 0; i < nodes; i++) {
    ports.push([
      port === 0 ? await freePort() : port + i,
      metricsPort === 0 ? await freePort() : metricsPort + i,
    ]);
  }
  return ports;
}

/** With embedded servers we are a demo on someone's machine: not for their network, unless they say so. */
function environment({ tokenSecret, adminToken }: Secrets): Record<string, string> {
  const { REDIS_URL, DATABASE_URL, HUBBUB_HOST, HUBBUB_TOKEN_SECRET, HUBBUB_ADMIN_TOKEN } = process.env;
  const isOwn = !REDIS_URL && !DATABASE_URL;
  return {
    HUBBUB_TOKEN_SECRET: HUBBUB_TOKEN_SECRET || tokenSecret,
    HUBBUB_ADMIN_TOKEN: HUBBUB_ADMIN_TOKEN || adminToken,
    ...(isOwn && !HUBBUB_HOST && { HUBBUB_HOST: "127.0.0.1" }),
  };
}

/** An empty variable is not set. */
function given(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value));
}
