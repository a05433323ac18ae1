/** A real Redis with a replica, watched by three Sentinels, on loopback. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findRedis } from "../../src/start/embedded-redis.ts";
import { freePort } from "../../src/start/free-port.ts";
import { waitUntil } from "../../src/start/processes.ts";
import { reapAfterUs } from "./reaper.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { removeDir, temporaryDir } from "./temporary.ts";

const SENTINELS = 3;
const QUORUM = 2;
const MASTER_NAME = "hubbub";
/** How long a master may be silent before a Sentinel calls it down. Short: no test waits for the usual 30 s. */
const DOWN_AFTER_MS = 1_500;
const FAILOVER_TIMEOUT_MS = 6_000;
const AGREED_WITHIN_MS = 30_000;

export type TestRedisSentinel = {
  /** `redis+sentinel://…` of the Sentinels. */
  readonly url: string;
  /** The master of the beginning, and its replica. */
  readonly master: TestRedis;
  readonly replica: TestRedis;
  /** The replica hears no more of what the master is told, and may be promoted all the same. */
  cutReplica(): Promise<void>;
  /**
   * As an operator does it: the other server becomes the master while this one lives. `silently`: this one does not learn of it,
   * as if cut off from the Sentinels, and goes on as a master.
   */
  failOver(options?: { silently?: boolean }): Promise<void>;
  /** Port of the master that the Sentinels name now. */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
};

/** Resolves when all Sentinels know each other and the replica, and the replica follows. */
export async function startRedisSentinel(): Promise<TestRedisSentinel> {
  const master = await startRedis();
  const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
  const sentinels = await Promise.all(Array.from({ length: SENTINELS }, () => startSentinel(master.port)));
  const clients = sentinels.map(({ port }) => new Redis(port, "127.0.0.1"));
  for (const client of clients) client.on("error", () => {}); // not listening yet
  const [asked] = clients;
  const stop = async () => {
    for (const client of clients) client.disconnect();
    await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all([master.stop(), replica.stop()]);
  };
  const agreed = await waitUntil(
    async () => (await Promise.all(clients.map(seesAll))).every(Boolean),
    AGREED_WITHIN_MS,
  );
  if (!agreed) {
    await stop();
    throw new Error(`the Sentinels did not agree within ${AGREED_WITHIN_MS} ms`);
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  return {
    url: `redis+sentinel://${hosts}/${MASTER_NAME}`,
    master,
    replica,
    async cutReplica() {
      const client = new Redis(replica.url);
      await client.config("SET", "masterauth", "no password of anyone");
      await client.call("CLIENT", "KILL", "TYPE", "master");
      client.disconnect();
    },
    async failOver({ silently = false } = {}) {
      const inSync = await waitUntil(
        async () => (await Promise.all(clients.map(seesAll))).every(Boolean),
        AGREED_WITHIN_MS,
      );
      if (!inSync) throw new Error(`no replica was in sync within ${AGREED_WITHIN_MS} ms`);
      const [, former] = (await asked!.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)) as string[];
      if (silently) await refuseOrders(Number(former));
      await asked!.call("SENTINEL", "FAILOVER", MASTER_NAME);
    },
    async masterPort() {
      const [, port] = (await asked!.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)) as string[];
      return Number(port);
    },
    stop,
  };
}

/** Whoever enters without a name may do all but make it another's replica, which is how Sentinels demote. */
async function refuseOrders(port: number): Promise<void> {
  const client = new Redis(port, "127.0.0.1");
  await client.call("ACL", "SETUSER", "default", "-replicaof", "-slaveof", "-client|kill");
  client.disconnect();
}

async function startSentinel(masterPort: number): Promise<{ port: number; stop(): Promise<void> }> {
  const binary = findRedis();
  if (binary === undefined) throw new Error("no redis-server on the PATH: install redis-server");
  const dir = temporaryDir("sentinel");
  const port = await freePort();
  const file = join(dir, "sentinel.conf"); // Sentinels write into it
  writeFileSync(file, settings(dir, port, masterPort));
  const log = openSync(join(dir, "sentinel.log"), "a");
  const child = spawn(binary, [file, "--sentinel"], {
    cwd: dir,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.unref();
  const forget = reapAfterUs(child.pid!, dir);
  return {
    port,
    async stop() {
      await end(child);
      forget();
      removeDir(dir);
    },
  };
}

function settings(dir: string, port: number, masterPort: number): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${JSON.stringify(dir)}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} ${FAILOVER_TIMEOUT_MS}`,
    "",
  ].join("\n");
}

/** Does it know the other Sentinels, and a replica in sync? */
async function seesAll(client: Redis): Promise<boolean> {
  const facts = fieldsOf(await client.call("SENTINEL", "MASTER", MASTER_NAME));
  const replicas = (await client.call("SENTINEL", "REPLICAS", MASTER_NAME)) as unknown[];
  const inSync = replicas.filter((each) => fieldsOf(each)["master-link-status"] === "ok");
  return facts["num-other-sentinels"] === String(SENTINELS - 1) && inSync.length === 1;
}

/** RESP3 answers with a map, RESP2 with a flat list. */
function fieldsOf(answer: unknown): Record<string, string> {
  if (!Array.isArray(answer)) return answer as Record<string, string>;
  const flat = answer.map(String);
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]!]] : [])));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
