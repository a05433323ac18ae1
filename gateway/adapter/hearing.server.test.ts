/** What went wrong: a subscriber whose server had forgotten it stayed open and silent, and the node was deaf for ever. */
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TestProxy } from "../../test/support/proxy.ts";
import { sharedRedisUrl } from "../../test/support/servers.ts";
import { adapterHearing } from "./hearing.ts";
import { Subscriptions } from "./subscriptions.ts";

let proxy: TestProxy;
let publisher: Redis;
let subscriber: Redis;
let hearing: ReturnType<typeof adapterHearing>;

/** Monotonic, as the test turns it. */
let now = 1_000;

beforeEach(async () => {
  const redisUrl = sharedRedisUrl();
  const { hostname, port } = new URL(redisUrl);
  proxy = await TestProxy.before({ host: hostname, port: Number(port) });
  publisher = new Redis(redisUrl);
  subscriber = new Redis(proxy.via(redisUrl), { autoResubscribe: false, enableOfflineQueue: false });
  for (const client of [publisher, subscriber]) client.on("error", () => {});
  await new Promise((resolve) => subscriber.once("ready", resolve));
  const logger = pino({ level: "silent" });
  const subscriptions = new Subscriptions(subscriber, logger);
  const channel = `hearing-${process.pid}-${Math.random()}`;
  hearing = adapterHearing({ publisher, subscriber, subscriptions, channel, logger, nowMs: () => now });
});
afterEach(() => {
  hearing.close();
  for (const client of [publisher, subscriber]) client.disconnect();
  proxy.close();
});

/** Beats, and answers when the last one that came back was sent. */
function beat(): number {
  hearing.speak();
  return hearing.lastHeardAtMs();
}

it("rule P4: hears itself again when its subscriber's connection leads nowhere, over a new one", async () => {
  await expect.poll(beat, { timeout: 5_000 }).toBe(now);
  proxy.halfOpen();
  now += 4_000;
  beat();
  // Two beats unheard: only then is it more than lateness.
  now += 1;
  await expect.poll(beat, { timeout: 10_000 }).toBe(now);
});
