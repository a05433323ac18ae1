/**
 * What Redis takes on this machine for the least that a message needs: a bare loop that appends to a stream and, after
 * the answer, publishes to one subscriber. No leases, no placement, no requests between nodes.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { redisSpent } from "./cost.ts";

export type RedisFloorOptions = {
  redisUrl: string;
  /** Each with a connection for appends and one for publishing, as a node has them. */
  writers: number;
  /** Channels published to, all with the same one subscriber. */
  channels: number;
  /** Messages per second over all writers. */
  rate: number;
  seconds: number;
  /** Characters of a message. */
  size: number;
};

/** One log per shard. */
const SHARDS = 256;
/** Bytes of a record in the log, and of a broadcast, beside the text that stands in both twice (as sent, and as HTML): as nodes write them. */
const RECORD_BYTES = 640;
const BROADCAST_BYTES = 755;
const TICK_MS = 1;
const HEARD_WITHIN_MS = 5_000;

/** Answers microseconds of Redis's CPU per message. Removes its keys. Throws where an append fails or a broadcast is lost. */
export async function redisFloor(options: RedisFloorOptions): Promise<number> {
  const { redisUrl, rate, seconds } = options;
  const names = namesUnder(`floor-${randomBytes(4).toString("hex")}`);
  const logs = Array.from({ length: SHARDS }, (_, shard) => names.log(shard));
  const keeper = new Redis(redisUrl);
  const subscriber = new Subscriber(redisUrl);
  const writers = Array.from({ length: options.writers }, () => new Writer(options, names));
  try {
    for (let c = 0; c < options.channels; c++) await subscriber.listen(names.channel(c));
    for (const log of logs) await keeper.xadd(log, "0-1", "v", "1");
    const before = await redisSpent(redisUrl);
    const sent = await evenly(rate, seconds, writers);
    const heard = await subscriber.heardWithin(sent, HEARD_WITHIN_MS);
    const after = await redisSpent(redisUrl);
    for (const { failure } of writers) if (failure !== undefined) throw failure;
    if (heard < sent) throw new Error(`${heard} of ${sent} broadcasts were heard`);
    return ((after.redisCpuSeconds - before.redisCpuSeconds) * 1e6) / sent;
  } finally {
    await keeper.unlink(logs);
    for (const connected of [keeper, subscriber, ...writers]) connected.disconnect();
  }
}

function shardOf(n: number): number {
  return n % SHARDS;
}

type Names = ReturnType<typeof namesUnder>;

function namesUnder(prefix: string) {
  return {
    log: (shard: number) => `${prefix}:{${shard}}:log`,
    channel: (channel: number) => `${prefix}:channel:${channel}`,
  };
}

/** As a node writes: all appends of a tick in one pipeline, the publishes of a turn in another. */
class Writer {
  /** The first. */
  failure: Error | undefined;
  readonly #names: Names;
  readonly #channels: number;
  readonly #record: string;
  readonly #broadcast: string;
  readonly #appends: Redis;
  readonly #publisher: Redis;
  #waiting: number[] = [];

  constructor({ redisUrl, channels, size }: RedisFloorOptions, names: Names) {
    this.#names = names;
    this.#channels = channels;
    this.#record = "x".repeat(RECORD_BYTES + 2 * size);
    this.#broadcast = "x".repeat(BROADCAST_BYTES + 2 * size);
    this.#appends = new Redis(redisUrl);
    this.#publisher = new Redis(redisUrl, { enableAutoPipelining: true });
  }

  /** The n-th message of all: it names shard and channel. Those of one shard come in order, so its ids grow. */
  add(n: number): void {
    this.#waiting.push(n);
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const pipeline = this.#appends.pipeline();
    for (const n of this.#waiting.splice(0)) {
      const fields = ["v", "1", "token", "abcdefghijkl", "prev", "1-1", "records", this.#record];
      pipeline.xadd(this.#names.log(shardOf(n)), "NOMKSTREAM", `${n + 1}-1`, ...fields, (error, id) => {
        if (error || id === null) this.#failed(error ?? new Error("a log is gone"));
        else this.#publish(n);
      });
    }
    pipeline.exec().catch((error: Error) => this.#failed(error));
  }

  disconnect(): void {
    this.#appends.disconnect();
    this.#publisher.disconnect();
  }

  #publish(n: number): void {
    const published = this.#publisher.spublish(this.#names.channel(n % this.#channels), this.#broadcast);
    published.catch((error: Error) => this.#failed(error));
  }

  #failed(error: Error): void {
    this.failure ??= error;
  }
}

class Subscriber {
  #heard = 0;
  readonly #redis: Redis;

  constructor(redisUrl: string) {
    this.#redis = new Redis(redisUrl);
    this.#redis.on("smessage", () => {
      this.#heard += 1;
    });
  }

  async listen(channel: string): Promise<void> {
    await this.#redis.ssubscribe(channel);
  }

  /** How many it has heard once they are `count`, or so much time has passed. */
  async heardWithin(count: number, ms: number): Promise<number> {
    const deadlineMs = performance.now() + ms;
    while (this.#heard < count && performance.now() < deadlineMs) await sleep(50);
    return this.#heard;
  }

  disconnect(): void {
    this.#redis.disconnect();
  }
}

/** Sends `rate` messages a second, each by the writer of its shard. Answers how many. */
async function evenly(rate: number, seconds: number, writers: readonly Writer[]): Promise<number> {
  const fromMs = performance.now();
  const all = Math.round(rate * seconds);
  for (let sent = 0; sent < all; ) {
    const due = Math.min(all, Math.floor(((performance.now() - fromMs) * rate) / 1_000));
    for (; sent < due; sent++) writers[shardOf(sent) % writers.length]!.add(sent);
    for (const writer of writers) writer.flush();
    await sleep(TICK_MS);
  }
  return all;
}
