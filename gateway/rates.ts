/**
 * How much one connection, person or address may ask. Messages and connects are counted in Redis, for all nodes together,
 * and in memory while Redis is away; events of a connection here, since they never leave it.
 */
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { UserId } from "../protocol/ids.ts";
import type { RedisClient } from "./adapter/subscriptions.ts";
import type { Connection } from "./connections.ts";
import { network } from "./http/account-rates.ts";
import type { Taken } from "./routes/rest-options.ts";

const MINUTE_S = 60;
/** Times the allowed events in one second: no client of ours, and not worth its refusals. */
const FLOOD_FACTOR = 20;
/** Packets of any kind per event of a flood: who floods with events is to hear why, and more is cut without a word. */
const PACKETS_PER_EVENT = 2;

export type RateOptions = {
  /** False: nothing is counted, everything may pass. For load and tests. */
  enabled: boolean;
  redis: RedisClient;
  /** Of keys; they live under `<prefix>:rate:`. */
  prefix: string;
  eventsPerSecond: number;
  messagesPerMinute: number;
  connectsPerMinute: number;
};

export interface Rates {
  /** `flood`: the connection should be ended. Synchronous, so that requests keep their order. */
  takeEvent(
    connection: Connection,
    nowMs: number,
  ): { ok: true } | { ok: false; retryAfterMs: number } | "flood";
  /** A request that was let through is worth so many events more: they count in this second. */
  charge(connection: Connection, events: number): void;
  /** One message of a person, on whatever way. */
  takeMessage(userId: UserId): Promise<Taken>;
  takeConnect(address: string): Promise<Taken>;
}

/** Packets that one connection may send in a second before it is cut (`guardEngine`). */
export function packetsPerSecond({
  enabled,
  eventsPerSecond,
}: Pick<RateOptions, "enabled" | "eventsPerSecond">): number {
  return enabled ? eventsPerSecond * FLOOD_FACTOR * PACKETS_PER_EVENT : Number.POSITIVE_INFINITY;
}

export function createRates(options: RateOptions): Rates {
  const pass = async (): Promise<Taken> => ({ ok: true });
  if (!options.enabled)
    return { takeEvent: () => ({ ok: true }), charge() {}, takeMessage: pass, takeConnect: pass };
  const { eventsPerSecond } = options;
  const messages = limiter(options, "message", options.messagesPerMinute);
  const connects = limiter(options, "connect", options.connectsPerMinute);
  return {
    takeEvent(connection, nowMs) {
      const second = Math.floor(nowMs / 1_000);
      if (connection.eventsSecond !== second) {
        connection.eventsSecond = second;
        connection.eventsInSecond = 0;
      }
      connection.eventsInSecond += 1;
      if (connection.eventsInSecond <= eventsPerSecond) return { ok: true };
      if (connection.eventsInSecond > eventsPerSecond * FLOOD_FACTOR) return "flood";
      return { ok: false, retryAfterMs: 1_000 - Math.floor(nowMs % 1_000) };
    },
    charge(connection, events) {
      // No more than a second is worth: it must not look like a flood.
      connection.eventsInSecond += Math.min(events, eventsPerSecond);
    },
    takeMessage: (userId) => take(messages, userId, options.messagesPerMinute),
    takeConnect: (address) => take(connects, network(address), options.connectsPerMinute),
  };
}

function limiter({ redis, prefix }: RateOptions, name: string, points: number): RateLimiterRedis {
  return new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `${prefix}:rate:${name}`,
    points,
    duration: MINUTE_S,
    rejectIfRedisNotReady: true,
    // Who is over the limit is refused from memory until the minute is over.
    inMemoryBlockOnConsumed: points + 1,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points, duration: MINUTE_S }),
  });
}

async function take(from: RateLimiterRedis, key: string, limit: number): Promise<Taken> {
  try {
    const { remainingPoints: remaining, msBeforeNext: resetMs } = await from.consume(key);
    return { ok: true, limit, remaining, resetMs };
  } catch (error) {
    // The library rejects with its result when the points are used up, and with an Error for all else.
    if (error instanceof RateLimiterRes)
      return { ok: false, retryAfterMs: Math.max(1, error.msBeforeNext), limit };
    throw error;
  }
}
