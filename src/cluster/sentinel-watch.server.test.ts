/**
 * Row A5: clients behind Sentinels. With ioredis's own detector of failovers, a client that was reconnecting when a Sentinel spoke of
 * one had ended for ever: its node neither heard nor was heard again.
 */
import { Redis } from "ioredis";
import { pino } from "pino";
import { expect, it } from "vitest";
import { addressOf } from "../../test/support/redis-at.ts";
import { startRedisSentinel, type TestRedisSentinel } from "../../test/support/redis-sentinel.ts";
import { freshPrefix } from "../../test/support/servers.ts";
import type { RedisAddress } from "../lib/redis-address.ts";
import { RedisLog } from "./log/redis-log.ts";
import { openRedis } from "./redis.ts";

const PATIENCE = { timeout: 90_000 };
const WITHIN = { timeout: 40_000, interval: 50 };

type OnFinished = (then: () => void | Promise<void>) => void;

/** Clients of each kind, and a log. `stands` answers the ports of the clients that are ready, and the server of the log. */
async function stage(onTestFinished: OnFinished): Promise<{
  servers: TestRedisSentinel;
  stands(): unknown[];
}> {
  const servers = await startRedisSentinel();
  onTestFinished(() => servers.stop());
  const address = addressOf(servers.url) as Extract<RedisAddress, { kind: "sentinel" }>;
  const clients = (["commands", "publisher", "subscriber"] as const).map((purpose) =>
    openRedis(address, purpose).on("error", () => {}),
  ) as Redis[];
  const logger = pino({ level: "silent" });
  const log = new RedisLog({ servers: { kind: "sentinel", address }, prefix: freshPrefix(), logger });
  onTestFinished(() => {
    log.close();
    for (const client of clients) client.disconnect();
  });
  const portOf = (client: Redis) => (client.status === "ready" ? client.stream.remotePort : undefined);
  return { servers, stands: () => [...clients.map(portOf), log.link(0)?.server.runId] };
}

/** What all of a stage stands at when it stands there. */
async function at({ url, port }: { url: string; port: number }): Promise<unknown[]> {
  const client = new Redis(url);
  const runId = /^run_id:(\w+)/m.exec(await client.info("server"))?.[1];
  client.disconnect();
  return [port, port, port, runId];
}

it("stand at the master, and at the next one when it has died", PATIENCE, async ({ onTestFinished }) => {
  const { servers, stands } = await stage(onTestFinished);
  await expect.poll(stands, WITHIN).toEqual(await at(servers.master));
  await servers.master.kill();
  await expect.poll(stands, WITHIN).toEqual(await at(servers.replica));
});

it(
  "rule L3: leave a master that lives on when Sentinels call another one",
  PATIENCE,
  async ({ onTestFinished }) => {
    const { servers, stands } = await stage(onTestFinished);
    await expect.poll(stands, WITHIN).toEqual(await at(servers.master));
    await servers.failOver({ silently: true });
    await expect.poll(stands, WITHIN).toEqual(await at(servers.replica));
    const former = new Redis(servers.master.url);
    expect((await former.role())[0]).toBe("master");
    former.disconnect();
  },
);
