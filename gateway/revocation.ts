/**
 * Tokens that are void before they expire (rule E3): Postgres knows them all, a Redis stream tells every gateway within a
 * second, memory judges. When the stream forgot something, it is rebuilt from Postgres.
 */
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { StoreAway } from "../actors/ports.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Accounts } from "./ports.ts";

const POLL_MS = 1_000;
/** Longer than any access token lives: what is older voids nothing that has not expired. */
export const REVOCATIONS_KEPT_MS = 86_400_000;
/** Entries in one read; a crowd of revocations takes some reads, one after the other. */
const READ_MAX = 1_000;
const START = "0-0";

/**
 * Appends one revocation with the ID of the entry before it, so that a reader sees when something is missing in between;
 * trims what is older than ARGV[3] ms, and lets the key go when nothing is added for as long.
 * KEYS[1] the stream; ARGV user, valid after (ms), kept (ms). Answers the entry's ID.
 */
const APPEND = `
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local prev = tail[1] and tail[1][1] or '${START}'
local now = redis.call('TIME')
local oldest = string.format('%.0f', now[1] * 1000 - ARGV[3])
local id = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'user', ARGV[1], 'after', ARGV[2], 'prev', prev)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return id`;

export type RevocationOptions = {
  redis: Redis | Cluster;
  /** Of the stream: `{<prefix>}:revoked`. */
  prefix: string;
  accounts: Pick<Accounts, "revocations">;
  /** Unix milliseconds of the cluster. */
  nowMs(): number;
  log: Logger;
  /** Tokens of this user issued up to `validAfterMs` are void from now on. */
  onRevoked(userId: UserId, validAfterMs: number): void;
};

export class Revocations {
  readonly #options: RevocationOptions;
  readonly #key: string;
  readonly #validAfterMs = new Map<UserId, number>();
  /** Written here and not yet taken by Redis. */
  readonly #unsent = new Map<UserId, number>();
  /** What the stream says, as far as it was read. */
  readonly #streamed = new Map<UserId, number>();
  #lastId = START;
  #mustRebuild = true;
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: RevocationOptions) {
    this.#options = options;
    this.#key = `{${options.prefix}}:revoked`;
  }

  /** Reads all that is known, then goes on every second. Resolves after the first try, whatever came of it. */
  async start(): Promise<void> {
    await this.#poll();
    this.#timer ??= setInterval(() => void this.#poll(), POLL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Was a token of this user that was issued at `issuedAtMs` voided since? */
  isRevoked(token: { userId: UserId; issuedAtMs: number }): boolean {
    return token.issuedAtMs <= (this.#validAfterMs.get(token.userId) ?? Number.NEGATIVE_INFINITY);
  }

  /**
   * Voids all tokens issued up to `atMs`, here at once, elsewhere with the next read. Postgres must know it already. Never
   * rejects: what Redis does not take now is tried again every second.
   */
  async revoke(userId: UserId, atMs: number): Promise<void> {
    this.#apply(userId, atMs);
    this.#unsent.set(userId, atMs);
    await this.#poll();
  }

  /** One round at a time; a call during one waits for the next. */
  async #poll(): Promise<void> {
    while (this.#polling) await this.#polling;
    this.#polling = this.#round().finally(() => {
      this.#polling = undefined;
    });
    await this.#polling;
  }

  async #round(): Promise<void> {
    try {
      if (this.#mustRebuild) await this.#rebuild();
      for (const [userId, atMs] of this.#unsent) {
        await this.#append(userId, atMs);
        if (this.#unsent.get(userId) === atMs) this.#unsent.delete(userId);
      }
      if (!(await this.#read())) {
        this.#options.log.warn("the stream of revocations went back; rebuilding it from Postgres");
        this.#mustRebuild = true;
      }
    } catch (error) {
      // Redis is away: the next round goes by Postgres, whatever happens meanwhile.
      const level = this.#mustRebuild ? "debug" : "warn";
      this.#mustRebuild = true;
      this.#options.log[level]({ reason: messageOf(error) }, "revocations not read; trying every second");
    }
    this.#forgetOld();
  }

  /** Everything from Postgres; the stream gets what it lacks, for the other nodes. Without Postgres, the next round tries again. */
  async #rebuild(): Promise<void> {
    this.#lastId = START;
    const sinceMs = this.#options.nowMs() - REVOCATIONS_KEPT_MS;
    let known: { userId: UserId; validAfterMs: number }[];
    try {
      known = await this.#options.accounts.revocations(sinceMs);
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      return this.#options.log.debug({ reason: error.message }, "revocations wait for Postgres");
    }
    for (const { userId, validAfterMs } of known) this.#apply(userId, validAfterMs);
    await this.#read();
    for (const { userId, validAfterMs } of known)
      if ((this.#streamed.get(userId) ?? 0) < validAfterMs) await this.#append(userId, validAfterMs);
    this.#mustRebuild = false;
  }

  /** Takes what is new in the stream; false when it lost entries that were read, or that one of them follows on. */
  async #read(): Promise<boolean> {
    const [tail] = (await this.#options.redis.xrevrange(this.#key, "+", "-", "COUNT", 1)) as StreamEntry[];
    if (isBefore(tail?.[0] ?? START, this.#lastId)) return false;
    if (this.#lastId === START) this.#streamed.clear();
    if (tail?.[0] === this.#lastId) return true;
    for (let entries = await this.#next(); entries.length > 0; entries = await this.#next()) {
      for (const { id, user, afterMs, prev } of entries) {
        if (this.#lastId !== START && prev !== this.#lastId) return false;
        this.#lastId = id;
        this.#streamed.set(user, Math.max(afterMs, this.#streamed.get(user) ?? 0));
        this.#apply(user, afterMs);
      }
    }
    return true;
  }

  #next(): Promise<Revoked[]> {
    return this.#entries(this.#lastId === START ? "-" : `(${this.#lastId}`);
  }

  async #entries(from: string): Promise<Revoked[]> {
    const entries = (await this.#options.redis.xrange(
      this.#key,
      from,
      "+",
      "COUNT",
      READ_MAX,
    )) as StreamEntry[];
    return entries.map(([id, fields]) => {
      const field = (name: string) => fields[fields.indexOf(name) + 1]!;
      return { id, user: field("user") as UserId, afterMs: Number(field("after")), prev: field("prev") };
    });
  }

  async #append(userId: UserId, atMs: number): Promise<void> {
    await this.#options.redis.eval(APPEND, 1, this.#key, userId, atMs, REVOCATIONS_KEPT_MS);
  }

  #apply(userId: UserId, validAfterMs: number): void {
    if (validAfterMs <= (this.#validAfterMs.get(userId) ?? Number.NEGATIVE_INFINITY)) return;
    this.#validAfterMs.set(userId, validAfterMs);
    this.#options.onRevoked(userId, validAfterMs);
  }

  #forgetOld(): void {
    const oldestMs = this.#options.nowMs() - REVOCATIONS_KEPT_MS;
    for (const known of [this.#validAfterMs, this.#streamed])
      for (const [userId, validAfterMs] of known) if (validAfterMs < oldestMs) known.delete(userId);
  }
}

type StreamEntry = [id: string, fields: string[]];
type Revoked = { id: string; user: UserId; afterMs: number; prev: string };

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Stream IDs are `<ms>-<n>`. */
function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aN = 0] = a.split("-").map(Number);
  const [bMs = 0, bN = 0] = b.split("-").map(Number);
  return aMs < bMs || (aMs === bMs && aN < bN);
}
