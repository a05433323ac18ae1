/** Row A5: several servers of a database, on a real primary and a real standby. */
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestStandby, withAdmin } from "../../test/support/postgres.ts";
import { startPostgres, type TestPostgres } from "../../test/support/servers.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { migrate } from "./migrate.ts";
import { channelId, TestLog, userId } from "./projector/test-log.ts";
import { openStore } from "./store.ts";
import { openTestStore, project } from "./test-store.ts";

const WITHIN = { timeout: 20_000 };
const id = channelId(62);
const log = pino({ level: "silent" });
let primary: TestPostgres;
let standby: TestStandby;
let database: string;

beforeAll(async () => {
  primary = await startPostgres();
  database = new URL(await primary.createDatabase()).pathname;
  await migrate(urlOn(primary), log);
  standby = await primary.startStandby();
});
afterAll(async () => {
  await standby.remove();
  await primary.remove();
});

function urlOn(...servers: { port: number }[]): string {
  return `postgres://postgres@${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}${database}`;
}

it("rule H4: a replica serves what it has reached, and the primary the rest", async () => {
  const store = openTestStore(urlOn(primary), { replicaUrl: urlOn(standby) });
  const written = new TestLog();
  written.create(62, 0); // seq 1 and 2
  written.send(62, 0);
  await project(store, written);
  const page = async (upToSeq: number) => {
    const before = await store.statements("read");
    const { messages } = await store.history.page(id, { limit: 5, upToSeq, reader: userId(0) });
    return [messages.map(({ seq }) => seq), (await store.statements("read")) === before];
  };
  // By the replica alone, as soon as it has got there.
  await expect.poll(() => page(3), WITHIN).toEqual([[3], true]);

  await withAdmin(standby.adminUrl, (admin) => admin.query("select pg_wal_replay_pause()"));
  written.send(62, 0);
  await project(store, written);
  expect(await page(4)).toEqual([[3, 4], false]);
  expect(await page(3)).toEqual([[3], true]);
  await withAdmin(standby.adminUrl, (admin) => admin.query("select pg_wal_replay_resume()"));
  await expect.poll(() => page(4), WITHIN).toEqual([[3, 4], true]);
  await store.close();
});

it("row A5: uses the one of several that is no standby, and the next one when it is gone", async () => {
  const url = urlOn(standby, primary);
  await migrate(url, log);
  const metrics = createMetrics({ defaults: false });
  const node = openStore({ databaseUrl: url, metrics, log });
  expect(await node.ping()).toBe(true);
  await primary.kill();
  await expect.poll(() => node.ping(), WITHIN).toBe(false);
  await withAdmin(standby.adminUrl, (admin) => admin.query("select pg_promote(true)"));
  await expect.poll(() => node.ping(), WITHIN).toBe(true);
  expect(await node.secret()).toBe(await node.secret());
  await node.close();
});
