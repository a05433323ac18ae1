/** Connections to Redis for control, publishing and subscribing: apart, so that none waits behind another. */
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import {
  clusterEntry,
  endpointOf,
  type RedisAddress,
  sentinelOptions,
  serverOptions,
} from "../lib/redis-address.ts";
import { leaveFormerMasters } from "./sentinel-watch.ts";

export type RedisClient = Redis | Cluster;

/** An answer later than this is none: long for Redis, short against a lease of 6 s. */
const COMMAND_TIMEOUT_MS = 1_500;
const CONNECT_TIMEOUT_MS = 2_000;
/** A lease has to be renewed soon after Redis is back, so no longer pauses between tries. */
const RECONNECT_MAX_MS = 500;
const ASK_AGAIN_MS = 200;

/** ioredis says this of a command that it never wrote. */
const NEVER_SENT = "Stream isn't writeable";

/**
 * Opens a client that fails fast: nothing is queued while disconnected (in a Redis Cluster: for no longer than a command
 * may take), nothing is sent twice, and everything unanswered is rejected when the connection closes. It reconnects for
 * ever. A subscriber has no time-out and does not subscribe again by itself: ioredis drops those promises (see
 * `Subscription`). A publisher writes all commands of a turn at once; in a Redis Cluster such a pipeline may be sent
 * twice, so it is for what may be heard twice.
 */
export function openRedis(
  address: RedisAddress,
  purpose: "commands" | "publisher" | "subscriber",
): RedisClient {
  const common: RedisOptions = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    keepAlive: 5_000,
    ...(purpose === "subscriber"
      ? { autoResubscribe: false }
      : { commandTimeout: COMMAND_TIMEOUT_MS, socketTimeout: 2 * COMMAND_TIMEOUT_MS }),
    enableAutoPipelining: purpose === "publisher",
  };
  const pauseMs = (tries: number) => Math.min(20 * 2 ** Math.min(tries, 6), RECONNECT_MAX_MS);
  if (address.kind === "standalone")
    return new Redis({ ...common, ...serverOptions(address), retryStrategy: pauseMs });
  if (address.kind === "sentinel") {
    const client = new Redis({
      ...common,
      ...sentinelOptions(address),
      retryStrategy: pauseMs,
      sentinelRetryStrategy: () => RECONNECT_MAX_MS,
      sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    });
    leaveFormerMasters(client, address);
    return client;
  }
  return new Cluster(address.urls.map(endpointOf), {
    redisOptions: { ...common, ...clusterEntry(address) },
    // Connections to the cluster's nodes are made on demand; without the queue all but their first command fail.
    enableOfflineQueue: true,
    shardedSubscribers: purpose === "subscriber",
    enableAutoPipelining: purpose === "publisher",
    clusterRetryStrategy: pauseMs,
    retryDelayOnFailover: 0, // else a publish whose connection closed is sent again (rule B1)
    slotsRefreshInterval: 5_000,
  });
}

/** Resolves when the client can take commands; waits for ever, since a node without Redis has nothing else to do. */
export async function whenReady(client: RedisClient): Promise<void> {
  if (client.status === "ready") return;
  await new Promise<void>((resolve) => client.once("ready", () => resolve()));
}

/** Asks until Redis answers: for a node that cannot begin without. `failed` hears why it has to ask again. */
export async function untilAnswered<T>(ask: () => Promise<T>, failed: (error: unknown) => void): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      failed(error);
      await sleep(ASK_AGAIN_MS);
    }
  }
}

/** Has Redis certainly not executed the command that failed with `error`? */
export function certainlyNotDone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "ReplyError" || error.message.startsWith(NEVER_SENT);
}
