import * as fc from "fast-check";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { LogRecord } from "../../../actors/ports.ts";
import type { Message } from "../../../protocol/message.ts";
import { migratedDatabase } from "../../../test/support/servers.ts";
import { type MessageRow, QUOTE_GONE, type QuoteGone, toMessage } from "../message-row.ts";
import { openPool } from "../pools.ts";
import { clear, dump, feed, openTestStore, project, reign, settled, type TestStore } from "../test-store.ts";
import { channelId, TestLog, userId } from "./test-log.ts";
import { TestSource } from "./test-source.ts";
import { CHANNELS, STEPS, type Step } from "./test-steps.ts";
import { type Share, writeBatch } from "./write-batch.ts";

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    channel: fc.constantFrom(...CHANNELS),
    user: fc.nat(3),
    what: fc.constantFrom(...STEPS),
    n: fc.nat(1_000),
  }),
  { minLength: 10, maxLength: 100, size: "max" },
);

let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterEach(async () => {
  await clear(store);
  store.said.length = 0;
});
afterAll(() => store.close());

/** Messages as Postgres has them, as `seen` by every reader. */
async function everyMessage(): Promise<Message[]> {
  const rows = await store.sql<MessageRow & QuoteGone>(
    `select m.*, ${QUOTE_GONE} as quote_gone from messages m order by m.channel_id, m.seq`,
  );
  return rows.map((row) => JSON.parse(JSON.stringify(toMessage(row))));
}

function seen(log: TestLog): Message[] {
  const messages = [0, 1, 2].flatMap((n) => [...log.messages(n).values()]);
  return JSON.parse(JSON.stringify(messages));
}

test("row A7, rule J1: any part of a log, written any number of times in any split, leaves the same rows", {
  timeout: 60_000,
}, async () => {
  const pool = openPool({
    name: "law",
    kind: "write",
    databaseUrl: store.databaseUrl,
    sizeMax: 1,
    metrics: store.metrics,
    log: pino({ level: "silent" }),
  });
  const deps = { pool, metrics: store.metrics, log: pino({ level: "silent" }), nowMs: Date.now };
  const sources = [new TestSource(0, 1), new TestSource(1, 1)];
  const write = (logged: TestLog["records"]) => {
    const share = (source: TestSource): Share => {
      const records = logged.filter(({ shard }) => shard === source.shard).map(({ record }) => record);
      return { source, records, from: [0, 0], to: [0, 0] };
    };
    return writeBatch(
      deps,
      sources.map(share).filter(({ records }) => records.length > 0),
    );
  };
  const clean = async () => {
    await clear(store);
    await store.sql("insert into shards (shard, epoch) values (0, 1), (1, 1)");
  };
  const windows = fc.array(fc.tuple(fc.nat(100), fc.nat(20)), { maxLength: 8 });
  const law = fc.asyncProperty(steps, windows, async (taken, cuts) => {
    const log = TestLog.of(taken);
    const { records } = log;
    await clean();
    for (const record of records) await write([record]);
    const onceEach = await dump(store);
    await clean();
    let done = 0;
    for (const [start, length] of cuts) {
      const from = start % (done + 1);
      await write(records.slice(from, from + length));
      done = Math.min(records.length, Math.max(done, from + length));
    }
    await write(records.slice(done));
    expect(await dump(store)).toEqual(onceEach);
    expect(await store.sql("select * from dead_events")).toEqual([]);
    const { channels, messages, ...drift } = await store.audit(100);
    expect(drift).toEqual({ messageCounts: 0, memberCounts: 0, replyCounts: 0, reactions: 0 });
    expect(await everyMessage()).toEqual(seen(log));
  });
  try {
    await fc.assert(law, { numRuns: 25 });
  } finally {
    await pool.close();
  }
});

test("a log is in the tables, with its positions, as actors and gateways read it", async () => {
  const log = TestLog.of([]);
  const sent = log.send(0, 0, "hello", { mentioned: userId(1) });
  log.join(0, 1);
  log.mark(0, 1, 3);
  const [source] = await project(store, log);
  expect(source?.heard.at(-1)).toBe("flushed 1-7");
  const row = await store.facts.channel(channelId(0));
  expect(row).toMatchObject({
    messageCount: 1,
    reigns: [[1, 1]],
    channel: { seq: 4, epoch: 1, memberCount: 2, name: "room 0" },
  });
  expect(await store.facts.member(channelId(0), userId(1))).toMatchObject({
    readSeq: 4,
    readCount: 1,
    lastSentAtMs: 0,
  });
  const message = (sent.event as Extract<typeof sent.event, { type: "message:new" }>).message;
  expect(await store.facts.sent(channelId(0), userId(0), message.clientId)).toEqual({
    message,
    sentHash: sent.sentHash,
  });
  expect(await store.sql("select flushed_epoch, flushed_n from shards where shard = 0")).toEqual([
    { flushed_epoch: 1, flushed_n: 7 },
  ]);
});

test("rule I2: what stands in the log again, under another reign's ids, is in Postgres once", async () => {
  const log = TestLog.of([]);
  for (let i = 0; i < 5; i++) log.send(i % 2, 0);
  await project(store, log);
  const once = await dump(store);
  expect(once.messages).toHaveLength(5);
  await project(store, log);
  expect(await dump(store)).toEqual(once);
});

test("replies move their thread's first message forward, and a replay never back", async () => {
  const log = TestLog.of([]);
  const root = log.send(0, 0);
  for (let i = 0; i < 2; i++) log.reply(0, 0, 0);
  const [source] = await project(store, log);
  await store.sql("update shards set flushed_n = 0 where shard = 0");
  const late = new TestSource(0, source!.epoch, [0, 0]);
  late.append(
    log.records
      .filter(({ shard }) => shard === 0)
      .slice(0, -1)
      .map(({ record }) => record),
  );
  store.projector.add(late);
  store.projector.nudge(late, true);
  await settled([late]);
  const thread =
    "select seq, reply_count, updated_seq from messages where channel_id = $1 and thread_seq is null";
  expect(await store.sql(thread, [root.channelId])).toEqual([{ seq: 3, reply_count: 2, updated_seq: 5 }]);
  expect((await store.facts.channel(channelId(0)))?.messageCount).toBe(1);
});

test("the first position of each reign is kept, of the last 32", async () => {
  const log = TestLog.of([]);
  for (let i = 0; i < 40; i++) {
    log.reign();
    log.send(0, 0);
    log.send(0, 0);
  }
  await project(store, log);
  const reigns = (await store.facts.channel(channelId(0)))?.reigns;
  expect(reigns).toHaveLength(32);
  expect(reigns?.at(-1)).toEqual([81, 41]);
  expect(reigns?.[0]).toEqual([19, 10]);
});

test("rule P1: a foreign epoch fences the owner and lets nothing of it through", async () => {
  const [mine, other] = await reign(store);
  await store.reigns.claim(0, 0);
  const log = TestLog.of([]);
  feed(store, [mine!, other!], log.records);
  await expect.poll(() => mine!.heard).toEqual(["fenced"]);
  await settled([other!]);
  expect((await store.sql("select id from channels")).map((row) => row.id)).toEqual([channelId(1)]);
});

test("rule P1: Postgres at an older position has gone back, and the log is projected again", async () => {
  const log = TestLog.of([]);
  const [source] = await project(store, log);
  await store.sql("update shards set flushed_epoch = 1, flushed_n = 2 where shard = 0");
  await store.sql("delete from channel_members where channel_id = $1", [channelId(2)]);
  log.send(0, 0);
  feed(store, [source!], log.records.slice(-1));
  await expect.poll(() => source!.heard).toContain("rewound 1-2");
  await settled([source!]);
  expect(await store.sql("select * from channel_members where channel_id = $1", [channelId(2)])).toHaveLength(
    1,
  );
});

test("rule P1: Postgres that went back behind the claim ends the reign", async () => {
  const [source] = await reign(store);
  await store.sql("delete from shards");
  feed(store, [source!], TestLog.of([]).records);
  await expect.poll(() => source!.heard).toEqual(["fenced"]);
});

test("rule J2: what Postgres refuses is set aside with an alarm, and the rest goes on", async () => {
  const log = TestLog.of([]);
  for (let i = 0; i < 50; i++) log.send(0, 0);
  log.send(0, 0, "smuggled\0past");
  for (let i = 0; i < 50; i++) log.send(1, 0);
  const orphan = log.records.at(-1)!.record as { channelId: string };
  log.raw(1, { ...orphan, channelId: channelId(99) } as LogRecord);
  log.raw(1, { channelId: channelId(1), mark: { userId: "nobody" as never, read: 1 } });
  log.happen(0, 0, { type: "message:translated" } as never);
  log.send(0, 0);
  await project(store, log);
  const dead = await store.sql("select type, sqlstate, seq, record from dead_events order by type, sqlstate");
  expect(dead.map(({ type, sqlstate }) => [type, sqlstate])).toEqual([
    ["mark", "22P02"],
    ["message:new", "22021"],
    ["message:new", "23503"],
    ["message:translated", null],
  ]);
  expect(dead.map(({ record }) => JSON.stringify(record)).join()).toContain("smuggled\\u0000past");
  expect(await store.sql("select count(*) from messages")).toEqual([{ count: 101 }]);
  expect((await store.metrics.deadEvents.get()).values[0]?.value).toBe(4);
  expect(store.said.filter((line) => line.level === 50)).toHaveLength(4);
  expect(JSON.stringify(store.said)).not.toContain("smuggled");
});

test("rule J2: a replay buries an event once", async () => {
  const log = TestLog.of([]);
  log.send(0, 0, "\0");
  const [source] = await project(store, log);
  await store.sql("update shards set flushed_n = 0 where shard = 0");
  log.send(0, 0);
  feed(store, [source!], log.records.slice(-1));
  await settled([source!]);
  expect(source!.heard).toContain("rewound 1-0");
  expect(await store.sql("select seq from dead_events")).toEqual([{ seq: 3 }]);
});

test("1,000 messages over 100 channels and two shards cost few statements, and fewer than one in ten messages", async () => {
  const log = TestLog.of([]);
  for (let n = 3; n < 100; n++) log.create(n, 0);
  await project(store, log);
  const sources = await reign(store);
  const before = await store.statements("write");
  for (let tick = 0; tick < 20; tick++) {
    const start = log.records.length;
    for (let i = 0; i < 50; i++) log.send((tick * 50 + i) % 100, 0);
    feed(store, sources, log.records.slice(start));
    await settled(sources);
  }
  expect((await store.statements("write")) - before).toBeLessThanOrEqual(40);
});

test("rule S3: someone who waits for `persisted` does not wait for the interval, one statement for all of a turn", async () => {
  const log = TestLog.of([]);
  const sources = await project(store, log);
  await store.sql("select 1");
  const before = await store.statements("write");
  log.send(0, 0);
  log.send(1, 0);
  feed(store, sources, log.records.slice(-2), true);
  await settled(sources);
  expect((await store.statements("write")) - before).toBe(1);
});

test("what one shard has piled up does not keep another waiting", async () => {
  const log = TestLog.of([]);
  const sources = await project(store, log);
  const start = log.records.length;
  for (let i = 0; i < 3_000; i++) log.send(0, 0);
  log.send(1, 0);
  const [busy, quiet] = sources as [TestSource, TestSource];
  let leftOfBusy = 0;
  quiet.onFlushed = () => {
    leftOfBusy = busy.left;
  };
  feed(store, sources, log.records.slice(start));
  await settled(sources);
  expect(leftOfBusy).toBeGreaterThan(1_000);
});

test("a source that was removed hears nothing more", async () => {
  const sources = await reign(store);
  store.projector.remove(sources[0]!);
  feed(store, sources, TestLog.of([]).records);
  await settled([sources[1]!]);
  expect(sources[0]!.heard).toEqual([]);
});

test("a source that throws does not end the way to Postgres, its own or another's", async () => {
  const log = TestLog.of([]);
  const sources = await project(store, log);
  sources[0]!.onFlushed = () => {
    sources[0]!.onFlushed = () => {};
    throw new Error("planted");
  };
  log.send(0, 0);
  log.send(1, 0);
  feed(store, sources, log.records.slice(-2));
  await settled(sources);
  expect(await store.sql("select count(*) from messages")).toEqual([{ count: 2 }]);
  expect(store.said.map((line) => line.msg)).toEqual(["a source of the projector threw"]);
});
