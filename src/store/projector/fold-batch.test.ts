import * as fc from "fast-check";
import { expect, test } from "vitest";
import { toMessage } from "../message-row.ts";
import { foldBatch, Unprojectable } from "./fold-batch.ts";
import type { Rows } from "./rows.ts";
import { channelId, TestLog, userId } from "./test-log.ts";
import { CHANNELS, STEPS, type Step } from "./test-steps.ts";
import { TestTables } from "./test-tables.ts";

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    channel: fc.constantFrom(...CHANNELS),
    user: fc.nat(3),
    what: fc.constantFrom(...STEPS),
    n: fc.nat(1_000),
  }),
  { minLength: 10, maxLength: 100, size: "max" },
);

type Logged = TestLog["records"];

function folded(logged: Logged): Rows {
  return foldBatch(logged.map(({ shard, record }) => ({ shard, records: [record] })));
}

function written(batches: readonly Logged[]): TestTables {
  const tables = new TestTables();
  for (const batch of batches) tables.write(folded(batch));
  return tables;
}

test("rule J1: a folded batch leaves what its records leave one by one", () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const { records } = TestLog.of(taken);
      expect(written([records])).toEqual(written(records.map((record) => [record])));
    }),
    { numRuns: 300 },
  );
});

test("rule J1: any part of a log written again, in any split, changes nothing", () => {
  const windows = fc.array(fc.tuple(fc.nat(100), fc.nat(20)), { maxLength: 12 });
  fc.assert(
    fc.property(steps, windows, (taken, cuts) => {
      const { records } = TestLog.of(taken);
      const batches: Logged[] = [];
      let done = 0;
      for (const [start, length] of cuts) {
        const from = start % (done + 1);
        batches.push(records.slice(from, from + length));
        done = Math.min(records.length, Math.max(done, from + length));
      }
      batches.push(records.slice(done));
      expect(written(batches)).toEqual(written(records.map((record) => [record])));
    }),
    { numRuns: 300 },
  );
});

test("no row occurs twice in a batch", () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const rows = folded(TestLog.of(taken).records);
      const { channels, members, messages, changes, versions, reactions, follows } = rows;
      const keys = [
        ...channels.map((row) => row.id),
        ...members.map((row) => `${row.channelId} ${row.userId}`),
        ...messages.map((row) => `message ${row.channel_id} ${row.seq}`),
        ...changes.map((row) => `change ${row.channelId} ${row.seq}`),
        ...versions.map((row) => `version ${row.channelId} ${row.seq} ${row.versionSeq}`),
        ...reactions.map((row) => `reaction ${row.channelId} ${row.seq} ${row.userId} ${row.emoji}`),
        ...follows.map((row) => `follow ${row.channelId} ${row.seq} ${row.userId}`),
      ];
      expect(new Set(keys).size).toBe(keys.length);
    }),
  );
});

test("rule E6: sending moves the author's own mark, a join starts at the head", () => {
  const log = TestLog.of([]);
  log.send(0, 0);
  log.send(0, 0);
  log.join(0, 1);
  const { members } = folded(log.records.slice(-3));
  const [author, newcomer] = [0, 1].map((n) =>
    members.find((row) => row.userId === userId(n) && row.channelId === channelId(0)),
  );
  expect(author).toMatchObject({ readSeq: 4, deliveredSeq: 4, readCount: 2 });
  expect(newcomer).toMatchObject({ readSeq: 5, readCount: 2 });
});

test("rule E6: a reply in a thread does not count in its channel", () => {
  const log = TestLog.of([
    { channel: 0, user: 0, what: "send", n: 1 },
    { channel: 0, user: 0, what: "reply", n: 0 },
  ]);
  const { channels, members, messages } = folded(log.records);
  expect(channels.find((row) => row.id === channelId(0))?.messageCount).toBe(1);
  expect(members.find((row) => row.channelId === channelId(0))).toMatchObject({ readCount: 1, readSeq: 4 });
  expect(messages[0]).toMatchObject({ reply_count: 1, updated_seq: 4 });
});

test("an event of a type that this version does not know is not passed over", () => {
  const log = TestLog.of([]);
  log.happen(0, 0, { type: "message:translated" } as never);
  expect(() => folded(log.records)).toThrow(Unprojectable);
  expect(() => folded(log.records.slice(0, -1))).not.toThrow();
});

test("rule I2: what stands in the log twice is folded once", () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const { records } = TestLog.of(taken);
      expect(written([[...records, ...records]])).toEqual(written([records]));
    }),
  );
});

test("a message is in the tables as every reader has folded it", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 10 }), (taken, size) => {
      const log = TestLog.of(taken);
      const batches: Logged[] = [];
      for (let at = 0; at < log.records.length; at += size) batches.push(log.records.slice(at, at + size));
      const tables = written(batches);
      const isGone = (id: string | undefined) =>
        (tables.messages.get(id ?? "")?.deleted_at_ms ?? null) !== null;
      const found = [...tables.messages.values()].map((row) =>
        toMessage({ ...row, quote_gone: isGone(row.reply_to?.id) }),
      );
      const everyone = [0, 1, 2].flatMap((n) => [...log.messages(n).values()]);
      expect(byId(found)).toEqual(byId(everyone.map((message) => ({ ...message }))));
    }),
    { numRuns: 300 },
  );
});

function byId<M extends { id: string }>(messages: M[]): M[] {
  return messages.sort((a, b) => (a.id < b.id ? -1 : 1));
}
