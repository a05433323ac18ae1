import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { startPostgres, type TestPostgres } from "../../../test/support/servers.ts";
import { migrate } from "../migrate.ts";
import { feed, openTestStore, project, reign, settled, type TestStore } from "../test-store.ts";
import { TestLog } from "./test-log.ts";

test("rule P1: a commit whose answer was lost is recognised by its position", {
  timeout: 60_000,
}, async () => {
  await withServer({ synchronous_commit: "on" }, async (server, own) => {
    const sources = await reign(own);
    // A commit then waits, after it was written, for a standby that never comes: cut there, it is done and unanswered.
    await own.sql("alter system set synchronous_standby_names = 'nobody'");
    await own.sql("select pg_reload_conf()");
    const log = TestLog.of([]);
    feed(own, sources, log.records);
    const waiting = "select pid from pg_stat_activity where wait_event = 'SyncRep'";
    await expect.poll(() => own.sql(waiting), { timeout: 10_000 }).toHaveLength(1);
    const [{ pid }] = (await own.sql(waiting)) as [{ pid: number }];
    await own.sql("alter system reset synchronous_standby_names");
    await own.sql("select pg_terminate_backend($1)", [pid]);
    await own.sql("select pg_reload_conf()");
    await settled(sources);
    expect(sources.map((source) => source.heard)).toEqual([["flushed 1-4"], ["flushed 1-2"]]);
    expect(await own.sql("select count(*) from channels")).toEqual([{ count: 3 }]);
    expect(server.port).toBeGreaterThan(0);
  });
});

test("Postgres stopped and started: nothing is lost, nothing is doubled, and it is said once", {
  timeout: 60_000,
}, async () => {
  await withServer({}, async (server, own) => {
    const log = TestLog.of([]);
    const sources = await project(own, log);
    await server.stop();
    const start = log.records.length;
    for (let i = 0; i < 2_500; i++) log.send(i % 3, 0);
    feed(own, sources, log.records.slice(start));
    await expect.poll(() => own.said.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await own.ping()).toBe(false);
    await startAgain(server);
    await settled(sources);
    expect(await own.ping()).toBe(true);
    expect(await own.sql("select count(*) from messages")).toEqual([{ count: 2_500 }]);
    expect(own.said.map((line) => line.msg)).toEqual(["Postgres is away: events wait in the log"]);
  });
});

test("killed in the middle of a stream, Postgres ends with every event once", {
  timeout: 60_000,
}, async () => {
  await withServer({ fsync: "on", synchronous_commit: "on" }, async (server, own) => {
    const log = TestLog.of([]);
    const sources = await project(own, log);
    for (let i = 0; i < 5_000; i++) {
      log.send(i % 3, 0);
      feed(own, sources, log.records.slice(-1));
      if (i === 2_000) await server.kill();
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    await startAgain(server);
    await settled(sources);
    expect(await own.sql("select count(*), count(distinct client_id) as distinct from messages")).toEqual([
      { count: 5_000, distinct: 5_000 },
    ]);
    expect(await own.sql("select seq, message_count from channels order by id limit 1")).toEqual([
      { seq: 1_669, message_count: 1_667 },
    ]);
  });
});

async function withServer(
  settings: Record<string, string>,
  work: (server: TestPostgres, own: TestStore) => Promise<void>,
): Promise<void> {
  const server = await startPostgres({ settings });
  try {
    const databaseUrl = await server.createDatabase();
    await migrate(databaseUrl, pino({ level: "silent" }));
    const own = openTestStore(databaseUrl);
    try {
      await work(server, own);
    } finally {
      await own.close();
    }
  } finally {
    await server.remove();
  }
}

/** A server that was killed may be a zombie for a moment: it counts as running for the next one on its folder. */
async function startAgain(server: TestPostgres): Promise<void> {
  let why: unknown;
  const starts = () =>
    server.start().then(
      () => true,
      (error: unknown) => {
        why = error;
        return false;
      },
    );
  await vi.waitUntil(starts, { timeout: 15_000, interval: 100 }).catch(() => {
    throw why;
  });
}
