/**
 * The subscriptions of the Redis adapter, kept alive (rule H3). The adapter drops the promises of `ssubscribe` and
 * `sunsubscribe`, and ioredis drops those of its own resubscription: here both are caught, a failed subscription is
 * tried again for as long as it is wanted, and every confirmed one is told, so that heads can be asked for (rule H1).
 */
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

export type RedisClient = Redis | Cluster;

/** First and longest wait before a failed subscription is tried again, milliseconds. Chosen. */
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 5_000;
/** Subscriptions sent at once after a reconnect: keeps the reply of a beat from standing behind 10,000 of them. */
const RESTORE_AT_ONCE = 500;

export class Subscriptions {
  readonly #client: RedisClient;
  readonly #log: Logger;
  readonly #wanted = new Set<string>();
  readonly #retries = new Map<string, NodeJS.Timeout>();
  readonly #ssubscribe: (channel: string) => Promise<unknown>;
  readonly #sunsubscribe: (channel: string) => Promise<unknown>;
  #onSubscribed: (channel: string) => void = () => {};
  #closed = false;
  readonly #onReady = () => void this.#restore();

  /** Takes `client` over: its `ssubscribe` and `sunsubscribe` never reject from here on. Give it no other use. */
  constructor(client: RedisClient, log: Logger) {
    this.#client = client;
    this.#log = log;
    this.#ssubscribe = client.ssubscribe.bind(client) as (channel: string) => Promise<unknown>;
    this.#sunsubscribe = client.sunsubscribe.bind(client) as (channel: string) => Promise<unknown>;
    const add = (channel: string | Buffer) => this.add(String(channel));
    const remove = (channel: string | Buffer) => this.remove(String(channel));
    Object.assign(client, { ssubscribe: add, sunsubscribe: remove });
    client.on("ready", this.#onReady);
    client.on("subscribersReady", this.#onReady);
  }

  /** Called with each channel whose subscription Redis has confirmed, the first time and again. */
  onSubscribed(listener: (channel: string) => void): void {
    this.#onSubscribed = listener;
  }

  /** Subscribes, and goes on trying until it is done or no longer wanted. Resolves after the first try. */
  async add(channel: string): Promise<void> {
    this.#wanted.add(channel);
    await this.#try(channel, RETRY_FIRST_MS);
  }

  /** Gives up. A failure leaves a subscription whose messages nobody takes; the next connection is without it. */
  async remove(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    clearTimeout(this.#retries.get(channel));
    this.#retries.delete(channel);
    await this.#sunsubscribe(channel).catch((cause: Error) => this.#failed("unsubscribe", channel, cause));
  }

  /** Subscribes again to what is wanted already: for a channel that should have been heard and was not. */
  renew(channel: string): void {
    if (this.#wanted.has(channel)) void this.#try(channel, RETRY_FIRST_MS);
  }

  /** Makes a new connection: for when nothing is heard over this one, whatever it says of itself. */
  repair(): void {
    if (!this.#closed) this.#client.disconnect(true);
  }

  close(): void {
    this.#closed = true;
    this.#wanted.clear();
    for (const timer of this.#retries.values()) clearTimeout(timer);
    this.#client.off("ready", this.#onReady);
    this.#client.off("subscribersReady", this.#onReady);
  }

  async #try(channel: string, retryMs: number): Promise<void> {
    try {
      await this.#ssubscribe(channel);
      if (this.#wanted.has(channel)) this.#onSubscribed(channel);
    } catch (cause) {
      this.#failed("subscribe", channel, cause as Error);
      if (this.#closed || !this.#wanted.has(channel)) return;
      clearTimeout(this.#retries.get(channel));
      const again = () => {
        this.#retries.delete(channel);
        void this.#try(channel, Math.min(retryMs * 2, RETRY_MAX_MS));
      };
      this.#retries.set(channel, setTimeout(again, retryMs).unref());
    }
  }

  /** A new connection knows no subscription, whatever the client believes. */
  async #restore(): Promise<void> {
    const channels = [...this.#wanted];
    for (let from = 0; from < channels.length && !this.#closed; from += RESTORE_AT_ONCE) {
      const some = channels
        .slice(from, from + RESTORE_AT_ONCE)
        .filter((channel) => this.#wanted.has(channel));
      await Promise.all(some.map((channel) => this.#try(channel, RETRY_FIRST_MS)));
    }
  }

  /** Without a connection nothing can succeed, which is said elsewhere; with one it is news. */
  #failed(what: string, channel: string, cause: Error): void {
    if (this.#closed) return;
    const level = this.#client.status === "ready" ? "warn" : "debug";
    this.#log[level]({ what, channel, reason: cause.message }, "subscription failed");
  }
}
