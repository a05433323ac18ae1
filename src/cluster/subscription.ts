/** The channels that a node hears: subscribed on every new connection, and by force when silence shows that none stands. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { RedisClient } from "./redis.ts";

export type SubscriptionOptions = {
  subscriber: RedisClient;
  /** This node's inbox (sharded). */
  inbox: string;
  /** Where new table versions are announced (to all nodes, hence not sharded). */
  announcements: string;
  onInbox: (text: string) => void;
  onAnnounced: (text: string) => void;
  /** Something may have been missed up to now. */
  onSubscribed: () => void;
  logger: Logger;
};

/** Between two tries on one connection. */
const RETRY_MS = 250;
/** Redis answers at once, or not at all. */
const STOP_WITHIN_MS = 500;

export class Subscription {
  readonly #options: SubscriptionOptions;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    const { subscriber, inbox, announcements, onInbox, onAnnounced, logger } = options;
    subscriber.on("smessage", (channel: string, text: string) => {
      if (channel === inbox) onInbox(text);
    });
    subscriber.on("message", (channel: string, text: string) => {
      if (channel === announcements) onAnnounced(text);
    });
    subscriber.on("ready", () => void this.#subscribe());
    subscriber.on("error", (error: Error) => logger.debug({ err: error }, "subscriber: connection error"));
    if (subscriber.status === "ready") void this.#subscribe();
  }

  /** Makes a new connection: for when nothing is heard although Redis answers. */
  repair(): void {
    const { subscriber } = this.#options;
    // One that is connecting needs no other; through Sentinels, ioredis would give it up.
    if (!this.#stopped && subscriber.status === "ready") subscriber.disconnect(true);
  }

  /** What was published before is still heard; what is published after finds nobody, and its sender knows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    const { subscriber, inbox, logger } = this.#options;
    try {
      if (subscriber.status === "ready")
        await Promise.race([subscriber.sunsubscribe(inbox), sleep(STOP_WITHIN_MS)]);
    } catch (error) {
      logger.debug({ err: error }, "subscriber: the connection closed first");
    }
    subscriber.disconnect();
  }

  async #subscribe(): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#stopped) return;
    const { subscriber, inbox, announcements, onSubscribed, logger } = this.#options;
    try {
      await Promise.all([subscriber.ssubscribe(inbox), subscriber.subscribe(announcements)]);
      onSubscribed();
    } catch (error) {
      // A connection that closed in between, or slots on the move: the next `ready` or this timer tries again.
      if (this.#stopped) return;
      logger.warn({ err: error }, "subscribing failed; trying again");
      this.#retry = setTimeout(() => void this.#subscribe(), RETRY_MS);
    }
  }
}
