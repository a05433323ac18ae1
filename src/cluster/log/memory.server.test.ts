/** Rule L5 against a real Redis: the logs' share of its memory. */
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterEach, expect, it } from "vitest";
import { freshPrefix, startRedis } from "../../../test/support/servers.ts";
import { RedisLog } from "./redis-log.ts";

const WITHIN = { timeout: 15_000, interval: 50 };
const SHARE = 0.6;
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function logOn(args: readonly string[]) {
  const server = await startRedis({ args });
  const redis = new Redis(server.url);
  const log = new RedisLog({
    servers: { kind: "single", redis: { host: "127.0.0.1", port: server.port } },
    prefix: freshPrefix(),
    memoryShare: SHARE,
    logger: pino({ level: "silent" }),
  });
  closing.push(
    () => server.stop(),
    () => redis.disconnect(),
    () => log.close(),
  );
  await expect.poll(() => log.link(0)?.alive, WITHIN).toBe(true);
  return { log, redis };
}

it("rule L5: a link is pressed while its server uses more than the logs' share of maxmemory", async () => {
  const { log, redis } = await logOn(["--maxmemory", "100mb"]);
  expect(log.link(0)!.isPressed).toBe(false);
  await redis.setrange("filler", 70 * 1_048_576, "x");
  await expect.poll(() => log.link(0)!.isPressed, WITHIN).toBe(true);
  await redis.del("filler");
  await expect.poll(() => log.link(0)!.isPressed, WITHIN).toBe(false);
});

it("rule L5: without a maxmemory no link is ever pressed", async () => {
  const { log, redis } = await logOn([]);
  await redis.setrange("filler", 70 * 1_048_576, "x");
  const infos = () =>
    redis.info("commandstats").then((text) => Number(/cmdstat_info:calls=(\d+)/.exec(text)![1]));
  const before = await infos();
  await expect.poll(infos, WITHIN).toBeGreaterThan(before + 6); // it has looked
  expect(log.link(0)!.isPressed).toBe(false);
});
