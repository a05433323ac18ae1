import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { LogRecord } from "../../../actors/ports.ts";
import {
  type ChannelChange,
  foldBatch,
  type MemberChange,
  type MessageInsert,
  type Rows,
  Unprojectable,
} from "./fold-batch.ts";
import { channelId, STEPS, type Step, TestLog, userId } from "./test-log.ts";

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ channel: fc.nat(2), user: fc.nat(3), what: fc.constantFrom(...STEPS), n: fc.nat(1_000) }),
  { maxLength: 40 },
);

/** The tables of Postgres in memory, written as the flush statement writes them. */
class TestTables {
  readonly channels = new Map<string, ChannelChange & { messageCount: number }>();
  readonly members = new Map<string, MemberChange & { updated: NonNullable<MemberChange["updated"]> }>();
  readonly messages = new Map<string, MessageInsert>();
  readonly mentions = new Set<string>();

  write(rows: Rows): void {
    const before = new Map(
      [...this.channels].map(([id, row]) => [id, { seq: row.seq, count: row.messageCount }]),
    );
    for (const row of rows.channels) this.writeChannel(row);
    for (const row of rows.members) this.writeMember(row, before.get(row.channelId));
    for (const row of rows.threads) this.writeThread(row);
    for (const row of rows.messages) {
      const key = `${row.channel_id}.${row.seq}`;
      if (!this.messages.has(key)) this.messages.set(key, { ...row });
    }
    for (const row of rows.mentions) this.mentions.add(`${row.channelId} ${row.seq} ${row.userId}`);
  }

  private writeChannel(row: ChannelChange): void {
    const old = this.channels.get(row.id);
    if (old && old.seq >= row.seq) return;
    expect(old ?? row.channel, "a channel has a row or brings one").toBeDefined();
    const newReigns = row.reigns.filter(([, epoch]) => epoch > (old?.epoch ?? 0));
    this.channels.set(row.id, {
      ...row,
      channel: { ...(row.channel ?? old!.channel!), seq: 0, epoch: 0, memberCount: 0 },
      createdAtMs: old?.createdAtMs ?? row.createdAtMs,
      memberCount: row.memberCount ?? old?.memberCount,
      messageCount: Math.max(row.messageCount ?? 0, old?.messageCount ?? 0),
      lastMessageAtMs: row.lastMessageAtMs ?? old?.lastMessageAtMs,
      reigns: [...(old?.reigns ?? []), ...newReigns],
    });
  }

  private writeMember(row: MemberChange, channel: { seq: number; count: number } | undefined): void {
    const key = `${row.channelId} ${row.userId}`;
    const old = this.members.get(key);
    const updated = old && (!row.updated || row.updated.seq <= old.updated.seq) ? old.updated : row.updated;
    if (!updated) return;
    const head = row.headSeq !== undefined && channel && channel.seq < row.headSeq ? channel.count : 0;
    this.members.set(key, {
      ...row,
      updated,
      headSeq: undefined,
      lastSentAtMs: Math.max(row.lastSentAtMs, old?.lastSentAtMs ?? 0),
      deliveredSeq: Math.max(row.deliveredSeq, old?.deliveredSeq ?? 0),
      readSeq: Math.max(row.readSeq, old?.readSeq ?? 0),
      readCount: Math.max(row.readCount, head, old?.readCount ?? 0),
    });
  }

  private writeThread(row: Rows["threads"][number]): void {
    const first = this.messages.get(`${row.channelId}.${row.seq}`);
    if (!first || first.updated_seq >= row.updatedSeq) return;
    first.reply_count = row.replyCount;
    first.last_reply_at_ms = first.updated_at_ms = row.lastReplyAtMs;
    first.updated_seq = row.updatedSeq;
  }
}

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
      const { channels, members, messages, threads } = folded(TestLog.of(taken).records);
      const keys = [
        ...channels.map((row) => row.id),
        ...members.map((row) => `${row.channelId} ${row.userId}`),
        ...messages.map((row) => `message ${row.channel_id} ${row.seq}`),
        ...threads.map((row) => `thread ${row.channelId} ${row.seq}`),
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

test("an event of a kind that has no rows yet is not passed over", () => {
  const log = TestLog.of([]);
  const id = log.send(0, 0);
  log.happen(0, 0, { type: "message:pinned", messageId: `${id.channelId}.3` as never });
  expect(() => folded(log.records)).toThrow(Unprojectable);
  const pinned: LogRecord[] = log.records.map(({ record }) => record);
  expect(() => foldBatch([{ shard: 0, records: pinned.slice(0, -1) }])).not.toThrow();
});
