/** A real Redis Cluster of three masters on loopback. */
import { Redis } from "ioredis";
import { freePort } from "../../src/start/free-port.ts";
import { waitUntil } from "../../src/start/processes.ts";
import { startRedis, type TestRedis } from "./redis.ts";

const MASTERS = 3;
const SLOTS = 16_384;
/** How long a master may be silent before the others call it failed. */
const NODE_TIMEOUT_MS = 1_000;
const OK_WITHIN_MS = 20_000;

export type TestRedisCluster = {
  /** `redis://…` of each master. */
  readonly nodes: string[];
  /** To kill, freeze or restart one. */
  readonly servers: TestRedis[];
  stop(): Promise<void>;
};

type Master = { server: TestRedis; busPort: number };

/** Resolves when every master says that all slots are served. */
export async function startRedisCluster(): Promise<TestRedisCluster> {
  const masters = await Promise.all(Array.from({ length: MASTERS }, startMaster));
  const clients = masters.map(({ server }) => new Redis(server.url));
  const stop = async () => void (await Promise.all(masters.map(({ server }) => server.stop())));
  try {
    await meet(masters, clients);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  const servers = masters.map(({ server }) => server);
  return { nodes: servers.map((server) => server.url), servers, stop };
}

/** With a bus port of its own: the default, port + 10000, may be taken. */
async function startMaster(): Promise<Master> {
  const busPort = await freePort();
  const cluster = [
    "--cluster-enabled",
    "yes",
    "--cluster-port",
    String(busPort),
    "--cluster-node-timeout",
    String(NODE_TIMEOUT_MS),
  ];
  return { server: await startRedis({ args: cluster }), busPort };
}

async function meet(masters: readonly Master[], clients: readonly Redis[]): Promise<void> {
  const share = Math.ceil(SLOTS / MASTERS);
  for (const [i, client] of clients.entries()) {
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    await client.call("CLUSTER", "ADDSLOTSRANGE", i * share, Math.min(SLOTS, (i + 1) * share) - 1);
  }
  for (const { server, busPort } of masters.slice(1)) {
    await clients[0]?.call("CLUSTER", "MEET", "127.0.0.1", server.port, busPort);
  }
  const isWhole = async () => (await Promise.all(clients.map(seesAll))).every(Boolean);
  if (!(await waitUntil(isWhole, OK_WITHIN_MS)))
    throw new Error(`the Redis Cluster was not whole within ${OK_WITHIN_MS} ms`);
}

async function seesAll(client: Redis): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  return (
    info.includes("cluster_state:ok") &&
    info.includes(`cluster_known_nodes:${MASTERS}`) &&
    info.includes(`cluster_size:${MASTERS}`)
  );
}
