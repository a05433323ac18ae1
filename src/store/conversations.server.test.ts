import { afterAll, beforeAll, expect, test } from "vitest";
import { messageId } from "../../protocol/ids.ts";
import { migratedDatabase } from "../../test/support/servers.ts";
import { channelId, START_MS, TestLog, userId } from "./projector/test-log.ts";
import { openTestStore, project, type TestStore } from "./test-store.ts";

const id = channelId(30);
const [ada, bob, eve] = [userId(0), userId(1), userId(2)] as const;
const named = (seq: number) => messageId(id, seq);
const sentAtMs = (seq: number) => START_MS + 7 * seq;
let store: TestStore;
let log: TestLog;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
  log = new TestLog();
  log.create(30, 0); // seq 1 and 2
  log.join(30, 1); // 3
  log.send(30, 0, "first"); // 4
  log.send(30, 1, "second"); // 5
  for (const user of [1, 0, 1]) log.reply(30, user, 0); // 6 … 8, under 4
  log.send(30, 0, "third"); // 9
  log.reply(30, 0, 1); // 10, under 5
  log.react(30, 1, named(4), "👍", true); // 11
  log.react(30, 0, named(4), "🎉", true); // 12
  log.react(30, 0, named(4), "👍", true); // 13
  log.react(30, 1, named(7), "👍", true); // 14
  await project(store, log);
});
afterAll(() => store.close());

const page = (query: object) => store.history.page(id, { limit: 10, upToSeq: 99, reader: ada, ...query });
const seqs = ({ messages }: { messages: { seq: number }[] }) => messages.map(({ seq }) => seq);

test("row C7: a page of the channel leaves replies out, a page of a thread holds its replies alone", async () => {
  expect(seqs(await page({}))).toEqual([4, 5, 9]);
  expect(seqs(await page({ threadSeq: 4 }))).toEqual([6, 7, 8]);
  expect(await page({ threadSeq: 4, limit: 2 })).toMatchObject({ hasOlder: true, hasNewer: false });
  expect(seqs(await page({ threadSeq: 4, limit: 2, beforeSeq: 8 }))).toEqual([6, 7]);
  expect(seqs(await page({ threadSeq: 4, afterSeq: 6 }))).toEqual([7, 8]);
  expect(seqs(await page({ threadSeq: 5 }))).toEqual([10]);
  expect(seqs(await page({ threadSeq: 9 }))).toEqual([]);
  const changed = await store.history.changed(id, { seq: 5 }, 100, ada);
  expect(changed.map(({ seq }) => seq)).toEqual([6, 8, 9, 5, 10, 4, 7]);
});

test("row C8: whoever reads finds their own reactions marked, in the statement of the page", async () => {
  const before = await store.statements("read");
  const mine = async (reader: typeof ada) =>
    (await page({ reader })).messages[0]?.reactions.map(({ emoji, count, me }) => [emoji, count, me]);
  expect(await mine(ada)).toEqual([
    ["👍", 2, true],
    ["🎉", 1, true],
  ]);
  expect(await mine(bob)).toEqual([
    ["👍", 2, true],
    ["🎉", 1, undefined],
  ]);
  expect(await mine(eve)).toEqual([
    ["👍", 2, undefined],
    ["🎉", 1, undefined],
  ]);
  expect((await store.statements("read")) - before).toBe(3);
  expect(await store.history.reactors(id, 4, 2)).toEqual([
    { userId: bob, emoji: "👍" },
    { userId: ada, emoji: "🎉" },
  ]);
  const [, reply] = (await store.history.changed(id, { seq: 12 }, 10, bob)).reverse();
  expect(reply).toMatchObject({ seq: 4, reactions: [{ me: true }, {}] });
});

test("row C7: a thread knows who wrote in it, the earliest first, and how a reader stands to it", async () => {
  expect(await store.history.thread(id, 4, ada, 10)).toEqual({
    participants: [bob, ada],
    following: true,
    readCount: 2,
  });
  expect(await store.history.thread(id, 4, bob, 1)).toMatchObject({ participants: [bob], readCount: 3 });
  expect(await store.history.thread(id, 4, eve, 1)).toMatchObject({ following: false, readCount: 0 });
  expect(await store.history.thread(id, 9, eve, 1)).toEqual({
    participants: [],
    following: false,
    readCount: 0,
  });
});

test("row D7: receipts say who has got to a message, by user id", async () => {
  const own = new TestLog();
  own.create(31, 0); // seq 1 and 2
  for (const user of [1, 2, 3]) own.join(31, user); // 3 … 5
  own.send(31, 0); // 6
  const other = channelId(31);
  own.raw(31, { channelId: other, mark: { userId: userId(1), read: 6, readCount: 1 } });
  own.raw(31, { channelId: other, mark: { userId: userId(3), delivered: 6 } });
  await project(store, own);
  const all = await store.history.receipts(other, 6, { limit: 10 });
  expect(all).toEqual([
    { userId: userId(0), delivered: true, read: true },
    { userId: userId(1), delivered: true, read: true },
    { userId: userId(3), delivered: true, read: false },
  ]);
  expect(await store.history.receipts(other, 6, { afterUserId: userId(0), limit: 1 })).toEqual([all[1]]);
});

test("row C9: pins come the last pinned first, and those taken down or deleted are gone", async () => {
  const own = new TestLog();
  own.create(32, 0);
  const other = channelId(32);
  for (let i = 0; i < 4; i++) own.send(32, 0); // 3 … 6
  for (const seq of [4, 3, 6, 5])
    own.happen(32, 0, { type: "message:pinned", messageId: messageId(other, seq) });
  await project(store, own);
  own.happen(32, 0, { type: "message:unpinned", messageId: messageId(other, 3) });
  own.happen(32, 0, { type: "message:deleted", messageId: messageId(other, 6) });
  await project(store, own);
  const pins = await store.history.pins(other, ada);
  expect(pins.map(({ seq, pinned }) => [seq, pinned])).toEqual([
    [5, true],
    [4, true],
  ]);
  expect(await store.facts.pins(other)).toEqual({ seqs: [5, 4], asOfSeq: 12 });
});

/** The same log, in one batch and event by event. */
test.each(["at once", "one by one"])(
  "rows C5 and C6, %s: every text is kept, and deletion leaves a stub",
  async (how) => {
    const n = how === "at once" ? 33 : 34;
    const other = channelId(n);
    const own = new TestLog();
    own.create(n, 0); // seq 1 and 2
    for (const text of ["as sent", "never changed", "gone"]) own.send(n, 0, text, { mentioned: bob }); // 3 … 5
    own.edit(n, 0, messageId(other, 3), "edited"); // 6
    own.react(n, 1, messageId(other, 3), "👍", true); // 7
    own.edit(n, 1, messageId(other, 3), "edited again"); // 8
    const versions = (seq: number) => store.history.versions(other, seq);
    const logs = how === "at once" ? [own.records] : own.records.map((record) => [record]);
    for (const records of logs) await project(store, Object.assign(new TestLog(), { records }));
    const texts = [
      { content: "as sent", by: ada, atMs: sentAtMs(3) },
      { content: "edited", by: ada, atMs: sentAtMs(6) },
      { content: "edited again", by: bob, atMs: sentAtMs(8) },
    ];
    expect(await versions(3)).toEqual(texts);
    expect(await versions(4)).toEqual([{ content: "never changed", by: ada, atMs: sentAtMs(4) }]);
    own.happen(n, 0, { type: "message:deleted", messageIds: [messageId(other, 3), messageId(other, 5)] }); // 9
    await project(store, own);
    expect(await versions(3)).toEqual(texts);
    expect(await versions(5)).toEqual([{ content: "gone", by: ada, atMs: sentAtMs(5) }]);
    const { messages } = await store.history.page(other, { limit: 10, upToSeq: 99, reader: ada });
    expect(messages).toEqual([...own.messages(n).values()]);
    expect(messages.map(({ deletedAtMs }) => deletedAtMs)).toEqual([sentAtMs(9), undefined, sentAtMs(9)]);
    const [row] = await store.sql(
      "select content, html, mentions, metadata, reactions from messages where channel_id = $1 and seq = 3",
      [other],
    );
    expect(row).toEqual({ content: "", html: "", mentions: null, metadata: null, reactions: null });
    const rest = "select count(*) from reactions where channel_id = $1";
    expect(await store.sql(rest, [other])).toEqual([{ count: 0 }]);
  },
);

test("row C6: what quotes a deleted message quotes nothing, in every view and in as many statements as before", async () => {
  const own = new TestLog();
  const other = channelId(35);
  own.create(35, 0); // seq 1 and 2
  own.send(35, 0, "said"); // 3
  const quoted = own.messages(35).get(messageId(other, 3))!;
  own.send(35, 1, "answer", { quoted }); // 4
  own.send(35, 1, "another", { quoted }); // 5
  own.happen(35, 0, { type: "message:pinned", messageId: messageId(other, 4) }); // 6
  await project(store, own);
  const views = async () => {
    const before = await store.statements("read");
    const { messages: listed } = await store.history.page(other, { limit: 10, upToSeq: 99, reader: ada });
    const statements = (await store.statements("read")) - before;
    const asked = [
      (await store.facts.message(other, 4))?.message,
      (await store.facts.sent(other, bob, own.messages(35).get(messageId(other, 4))!.clientId))?.message,
      (await store.history.changed(other, { seq: 3 }, 10, ada)).find(({ seq }) => seq === 4),
      (await store.history.pins(other, ada))[0],
      ...listed.filter(({ seq }) => seq > 3),
    ];
    return { statements, excerpts: asked.map((message) => message?.replyTo?.excerpt), listed };
  };
  expect(await views()).toMatchObject({ statements: 1, excerpts: Array(6).fill("said") });
  own.edit(35, 0, messageId(other, 3), "said better"); // 7
  await project(store, own);
  expect(await views()).toMatchObject({ excerpts: Array(6).fill("said") });
  own.happen(35, 0, { type: "message:deleted", messageId: messageId(other, 3) }); // 8
  await project(store, own);
  const { statements, excerpts, listed } = await views();
  expect([statements, ...excerpts]).toEqual([1, ...Array(6).fill("")]);
  expect(listed).toEqual([...own.messages(35).values()]);
});

test("row C12: the auditor finds no drift, and what somebody changed by hand", async () => {
  const none = { messageCounts: 0, memberCounts: 0, replyCounts: 0, reactions: 0 };
  expect(await store.audit(100)).toMatchObject(none);
  await store.sql("update channels set message_count = message_count + 1, member_count = 7 where id = $1", [
    id,
  ]);
  await store.sql("update messages set reply_count = 1 where channel_id = $1 and seq in (4, 9)", [id]);
  await store.sql("delete from reactions where channel_id = $1 and user_id = $2", [id, bob]);
  const drifted = { messageCounts: 1, memberCounts: 1, replyCounts: 2, reactions: 2 };
  expect(await store.audit(100)).toMatchObject(drifted);
  const rounds = [await store.audit(1), await store.audit(1)];
  expect(rounds.map(({ channels }) => channels)).toEqual([1, 1]);
  expect(rounds.reduce((sum, { memberCounts }) => sum + memberCounts, 0)).toBe(1);
});
