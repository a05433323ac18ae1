import { EventEmitter } from "node:events";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type RedisClient, Subscriptions } from "./subscriptions.ts";

/** A subscriber whose commands fail for as long as it is told to, and that records them. */
class SubscriberDouble extends EventEmitter {
  fails = false;
  readonly asked: string[] = [];
  ssubscribe(channel: string): Promise<number> {
    return this.#ask(`+${channel}`);
  }
  sunsubscribe(channel: string): Promise<number> {
    return this.#ask(`-${channel}`);
  }
  async #ask(command: string): Promise<number> {
    this.asked.push(command);
    if (this.fails) throw new Error("Command timed out");
    return 1;
  }
}

describe("rule H3: subscriptions", () => {
  let redis: SubscriberDouble;
  let subscriptions: Subscriptions;
  let confirmed: string[];
  beforeEach(() => {
    vi.useFakeTimers();
    redis = new SubscriberDouble();
    subscriptions = new Subscriptions(redis as unknown as RedisClient, pino({ level: "silent" }));
    confirmed = [];
    subscriptions.onSubscribed((channel) => confirmed.push(channel));
  });
  afterEach(() => vi.useRealTimers());

  it("never reject, and are tried again until they stand", async () => {
    redis.fails = true;
    await expect(redis.ssubscribe("a")).resolves.toBeUndefined();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(confirmed).toEqual([]);
    redis.fails = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(confirmed).toEqual(["a"]);
  });

  it("are not tried again when nobody wants them any more", async () => {
    redis.fails = true;
    await redis.ssubscribe("a");
    await redis.sunsubscribe("a");
    redis.asked.length = 0;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(redis.asked).toEqual([]);
  });

  it("are made again on every new connection, and told again", async () => {
    await redis.ssubscribe("a");
    await redis.ssubscribe("b");
    await redis.sunsubscribe("b");
    confirmed.length = 0;
    redis.emit("ready");
    await vi.advanceTimersByTimeAsync(0);
    expect(confirmed).toEqual(["a"]);
  });
});
