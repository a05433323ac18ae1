/** How often an address may register, how often anyone may guess at one account, and how often a person may ask. */
import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Cluster, Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";

const MINUTE_S = 60;
/** Guesses at one account from one address; from all addresses together; and by one address at all accounts. Chosen. */
export const LOGINS_PER_MINUTE = 10;
export const LOGINS_OF_ACCOUNT_PER_HOUR = 100;
export const LOGINS_OF_ADDRESS_PER_MINUTE = 120;
/** Requests of one person on one node: as many as events of one connection. */
export const REQUESTS_PER_SECOND = 50;

export type AccountRateOptions = {
  /** Shared by all nodes; while it is away, each node counts for itself. */
  redis: Redis | Cluster;
  /** Of keys; they live under `<prefix>:rate:`. */
  prefix: string;
  /** Registrations of one address per minute. */
  registrationsPerMinute: number;
  /** `HUBBUB_RATE_LIMITS`: false lets everything through. */
  enabled: boolean;
};

/** Each call counts. `rate_limited` says when to come back. */
export interface AccountRates {
  takeRegistration(address: string): Promise<Answer>;
  takeLogin(address: string, login: string): Promise<Answer>;
  /** Any request of a person who is logged in; `requests`: as many as it is worth. Default 1. */
  takeRequest(userId: UserId, requests?: number): Promise<Answer>;
}

export function createAccountRates(options: AccountRateOptions): AccountRates {
  if (!options.enabled) return { takeRegistration: through, takeLogin: through, takeRequest: through };
  const limiter = (name: string, points: number, duration: number) =>
    new RateLimiterRedis({
      storeClient: options.redis,
      keyPrefix: `${options.prefix}:rate:${name}`,
      points,
      duration,
      rejectIfRedisNotReady: true,
      insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points, duration }),
    });
  const registrations = limiter("register", options.registrationsPerMinute, MINUTE_S);
  const logins = limiter("login", LOGINS_PER_MINUTE, MINUTE_S);
  const ofAccount = limiter("login-account", LOGINS_OF_ACCOUNT_PER_HOUR, 60 * MINUTE_S);
  const ofAddress = limiter("login-address", LOGINS_OF_ADDRESS_PER_MINUTE, MINUTE_S);
  const requests = new RateLimiterMemory({ points: REQUESTS_PER_SECOND, duration: 1 });

  return {
    takeRegistration: (address) => take(registrations, network(address)),
    takeRequest: (userId, worth) => take(requests, userId, worth),
    async takeLogin(address, login) {
      const account = digest(login.toLowerCase());
      const first = await take(ofAddress, network(address));
      if (!first.ok) return first;
      const second = await take(logins, `${network(address)}:${account}`);
      // Counted last, so that one address alone cannot lock others out of an account.
      return second.ok ? take(ofAccount, account) : second;
    },
  };
}

async function through(): Promise<Answer> {
  return { ok: true };
}

async function take(
  limiter: RateLimiterRedis | RateLimiterMemory,
  key: string,
  points?: number,
): Promise<Answer> {
  try {
    await limiter.consume(key, points);
    return { ok: true };
  } catch (error) {
    // The library rejects with its result when the points are used up, and with an Error for all else.
    if (error instanceof RateLimiterRes)
      return refused("rate_limited", { retryAfterMs: Math.max(1, error.msBeforeNext) });
    throw error;
  }
}

/** A login may be an e-mail address: Redis need not know it. */
function digest(login: string): string {
  return createHash("sha256").update(login).digest("base64url").slice(0, 22);
}

/**
 * Whom an address stands for: IPv4 itself; of IPv6 the /64, which one household has whole. Undefined, whatever Node's types
 * say, where the client had cut the connection before anyone looked: all of those are one.
 */
export function network(address: string | undefined): string {
  if (address === undefined) return "gone";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  const bare = address.split("%")[0]!;
  if (!isIPv6(bare)) return address;
  const [head = "", tail] = bare.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
