import { expect, test } from "vitest";
import { foldBatch } from "./fold-batch.ts";
import { channelId, START_MS, TestLog, userId } from "./test-log.ts";
import { TestTables } from "./test-tables.ts";

/** Follows of the thread that the first message (seq 3, by user 0) began, each record written by itself. */
function follows(log: TestLog): Record<number, { following: boolean; readCount: number }> {
  const tables = new TestTables();
  for (const { shard, record } of log.records) tables.write(foldBatch([{ shard, records: [record] }]));
  const people = [0, 1, 2].flatMap((n) => {
    const row = tables.follows.get(`${channelId(0)}.3 ${userId(n)}`);
    return row ? [[n, { following: row.following, readCount: row.readCount }]] : [];
  });
  return Object.fromEntries(people);
}

function threadOf(replies: readonly number[]): TestLog {
  const log = TestLog.of([]);
  log.send(0, 0);
  for (const user of replies) log.reply(0, user, 0);
  return log;
}

test("row C7: who began a thread and who replies follow it; who replies has read it up to there", () => {
  expect(follows(threadOf([]))).toEqual({});
  expect(follows(threadOf([1, 2, 1]))).toEqual({
    0: { following: true, readCount: 0 },
    1: { following: true, readCount: 3 },
    2: { following: true, readCount: 2 },
  });
});

test("row C7: the last word counts, and a reply is none: who said that they do not follow does not", () => {
  const log = threadOf([1]);
  log.follow(0, 1, { seq: 3, following: false, atMs: START_MS + 1_000 });
  expect(follows(log)[1]).toEqual({ following: false, readCount: 1 });
  log.follow(0, 1, { seq: 3, following: true, atMs: START_MS + 500 });
  expect(follows(log)[1]).toEqual({ following: false, readCount: 1 });
  const again = threadOf([1]);
  again.follow(0, 1, { seq: 3, following: false, atMs: START_MS });
  again.reply(0, 1, 0);
  expect(follows(again)[1]).toEqual({ following: false, readCount: 2 });
  const read = threadOf([]);
  read.follow(0, 1, { seq: 3, atMs: START_MS + 1_000, readCount: 0 });
  read.reply(0, 1, 0);
  expect(follows(read)[1]).toEqual({ following: true, readCount: 1 });
});

test("row C7: who began a thread and does not follow it is left alone, whoever replies", () => {
  const log = threadOf([1]);
  log.follow(0, 0, { seq: 3, following: false, atMs: START_MS });
  log.reply(0, 2, 0);
  expect(follows(log)[0]).toEqual({ following: false, readCount: 0 });
});

test("rule E6: reading a thread is not following it, and goes only forward", () => {
  const log = threadOf([1, 1]);
  log.follow(0, 2, { seq: 3, atMs: 100, readCount: 2 });
  log.follow(0, 2, { seq: 3, atMs: 200, readCount: 1 });
  expect(follows(log)[2]).toEqual({ following: false, readCount: 2 });
});
