/** A real Redis Cluster of three masters on loopback, with a replica for each where a test wants one promoted. */
import keySlot from "cluster-key-slot";
import { Redis } from "ioredis";
import { freePort } from "../../src/start/free-port.ts";
import { waitUntil } from "../../src/start/processes.ts";
import { startRedis, type TestRedis } from "./redis.ts";

const MASTERS = 3;
const SLOTS = 16_384;
/** How long a master may be silent before the others call it failed. */
const NODE_TIMEOUT_MS = 1_000;
const OK_WITHIN_MS = 20_000;
/** Of one slot, in one step of its move. */
const KEYS_AT_ONCE = 100;
const MIGRATE_WITHIN_MS = 5_000;

export type TestRedisCluster = {
  /** As `REDIS_URL` names it. */
  readonly url: string;
  /** `redis://…` of each master of the beginning. */
  readonly nodes: string[];
  /** Those masters: to kill, freeze or restart one. */
  readonly servers: TestRedis[];
  /** Of each master in turn; none unless asked for. */
  readonly replicas: TestRedis[];
  /** Moves the slot of `key` with all keys in it to another master, as an operator's resharding does, and answers to which. */
  moveSlot(key: string): Promise<string>;
  stop(): Promise<void>;
};

type Member = { server: TestRedis; busPort: number };

/** Resolves when every server says that all slots are served, and every replica follows its master. */
export async function startRedisCluster(options: { replicas?: boolean } = {}): Promise<TestRedisCluster> {
  const count = options.replicas ? 2 * MASTERS : MASTERS;
  const members = await Promise.all(Array.from({ length: count }, startMember));
  const clients = members.map(({ server }) => new Redis(server.url));
  const stop = async () => void (await Promise.all(members.map(({ server }) => server.stop())));
  try {
    await meet(members, clients);
    await follow(clients);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  const servers = members.map(({ server }) => server);
  const masters = servers.slice(0, MASTERS);
  const hosts = masters.map(({ port }) => `127.0.0.1:${port}`).join(",");
  return {
    url: `redis://${hosts}?cluster`,
    nodes: masters.map(({ url }) => url),
    servers: masters,
    replicas: servers.slice(MASTERS),
    moveSlot: (key) => moveSlot(masters, keySlot(key)),
    stop,
  };
}

/** With a bus port of its own: the default, port + 10000, may be taken. */
async function startMember(): Promise<Member> {
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

/** Masters beyond the third become replicas of the first three. */
async function follow(clients: readonly Redis[]): Promise<void> {
  const replicas = clients.slice(MASTERS);
  const follows = async (client: Redis, i: number) => {
    const master = await clients[i]!.call("CLUSTER", "MYID");
    await client.call("CLUSTER", "REPLICATE", String(master));
    const inSync = async () => /master_link_status:up/.test(await client.info("replication"));
    if (!(await waitUntil(inSync, OK_WITHIN_MS)))
      throw new Error(`a replica was not in sync within ${OK_WITHIN_MS} ms`);
  };
  await Promise.all(replicas.map(follows));
}

async function moveSlot(masters: readonly TestRedis[], slot: number): Promise<string> {
  const clients = masters.map(({ url }) => new Redis(url));
  try {
    const ids = await Promise.all(clients.map((client) => client.call("CLUSTER", "MYID") as Promise<string>));
    const counts = await Promise.all(
      clients.map((client) => client.call("CLUSTER", "COUNTKEYSINSLOT", slot)),
    );
    const from = counts.findIndex((count) => Number(count) > 0);
    if (from < 0) throw new Error(`no key in slot ${slot}`);
    const to = (from + 1) % clients.length;
    const [source, target] = [clients[from]!, clients[to]!];
    await target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]!);
    await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]!);
    for (;;) {
      const keys = (await source.call("CLUSTER", "GETKEYSINSLOT", slot, KEYS_AT_ONCE)) as string[];
      if (keys.length === 0) break;
      const { port } = masters[to]!;
      await source.call("MIGRATE", "127.0.0.1", port, "", 0, MIGRATE_WITHIN_MS, "KEYS", ...keys);
    }
    for (const client of [target, source, ...clients])
      await client.call("CLUSTER", "SETSLOT", slot, "NODE", ids[to]!);
    return masters[to]!.url;
  } finally {
    for (const client of clients) client.disconnect();
  }
}

async function meet(members: readonly Member[], clients: readonly Redis[]): Promise<void> {
  const share = Math.ceil(SLOTS / MASTERS);
  for (const [i, client] of clients.entries()) {
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    if (i >= MASTERS) continue;
    await client.call("CLUSTER", "ADDSLOTSRANGE", i * share, Math.min(SLOTS, (i + 1) * share) - 1);
  }
  for (const { server, busPort } of members.slice(1)) {
    await clients[0]?.call("CLUSTER", "MEET", "127.0.0.1", server.port, busPort);
  }
  const isWhole = async () =>
    (await Promise.all(clients.map((client) => seesAll(client, clients.length)))).every(Boolean);
  if (!(await waitUntil(isWhole, OK_WITHIN_MS)))
    throw new Error(`the Redis Cluster was not whole within ${OK_WITHIN_MS} ms`);
}

async function seesAll(client: Redis, members: number): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  return (
    info.includes("cluster_state:ok") &&
    info.includes(`cluster_known_nodes:${members}`) &&
    info.includes(`cluster_size:${MASTERS}`)
  );
}
