import { afterAll, beforeAll, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/servers.ts";
import { channelId, START_MS, TestLog, userId } from "./projector/test-log.ts";
import { openTestStore, project, type TestStore } from "./test-store.ts";

const id = channelId(62);
const seqs = (page: { messages: { seq: number }[] }) => page.messages.map(({ seq }) => seq);
const sentAtMs = (seq: number) => START_MS + 7 * seq;
let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
  const log = new TestLog();
  log.create(62, 0); // seq 1 and 2
  for (let i = 0; i < 10; i++) log.send(62, 0); // 3 … 12
  log.join(62, 1); // 13
  for (let i = 0; i < 7; i++) log.send(62, 0); // 14 … 20
  await project(store, log);
});
afterAll(() => store.close());

const reader = userId(0);
const all = { limit: 5, upToSeq: 20, reader };

test.each([
  ["the newest", all, [16, 17, 18, 19, 20], true, false],
  ["never beyond upToSeq", { ...all, upToSeq: 12 }, [8, 9, 10, 11, 12], true, false],
  ["before", { ...all, beforeSeq: 6 }, [3, 4, 5], false, true],
  ["before, with more", { ...all, beforeSeq: 15 }, [9, 10, 11, 12, 14], true, true],
  ["before the first", { ...all, beforeSeq: 3 }, [], false, true],
  ["before what is beyond upToSeq", { ...all, upToSeq: 12, beforeSeq: 20 }, [8, 9, 10, 11, 12], true, false],
  ["after", { ...all, afterSeq: 17 }, [18, 19, 20], true, false],
  ["after, with more", { ...all, afterSeq: 11 }, [12, 14, 15, 16, 17], true, true],
  ["after the start", { ...all, afterSeq: 0 }, [3, 4, 5, 6, 7], false, true],
  ["after, up to upToSeq", { ...all, upToSeq: 14, afterSeq: 11 }, [12, 14], true, false],
  ["around a message", { ...all, aroundSeq: 10 }, [8, 9, 10, 11, 12], true, true],
  ["around what is no message", { ...all, aroundSeq: 13 }, [11, 12, 14, 15, 16], true, true],
  ["around the first", { ...all, aroundSeq: 1 }, [3, 4, 5, 6, 7], false, true],
  ["around the last", { ...all, aroundSeq: 20 }, [16, 17, 18, 19, 20], true, false],
  [
    "around, all of it",
    { ...all, limit: 100, aroundSeq: 9 },
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20],
    false,
    false,
  ],
])("a page: %s", async (_name, query, expected, hasOlder, hasNewer) => {
  const page = await store.history.page(id, query);
  expect([seqs(page), page.hasOlder, page.hasNewer]).toEqual([expected, hasOlder, hasNewer]);
});

test("a page around a time begins its newer half with the first message of that time or later", async () => {
  const around = (aroundMs: number) => store.history.page(id, { ...all, aroundMs }).then(seqs);
  expect(await around(sentAtMs(10))).toEqual([8, 9, 10, 11, 12]);
  expect(await around(sentAtMs(10) - 1)).toEqual([8, 9, 10, 11, 12]);
  expect(await around(sentAtMs(10) + 1)).toEqual([9, 10, 11, 12, 14]);
  expect(await around(0)).toEqual([3, 4, 5, 6, 7]);
  expect(await around(sentAtMs(99))).toEqual([16, 17, 18, 19, 20]);
});

test("a page of a channel that is not there is empty", async () => {
  expect(await store.history.page(channelId(98), all)).toEqual({
    messages: [],
    hasOlder: false,
    hasNewer: false,
  });
});

test("changes after a seq or a time, oldest change first, at most so many", async () => {
  await store.sql(
    "update messages set updated_seq = 21, updated_at_ms = $2, edited_at_ms = $2 where channel_id = $1 and seq = 4",
    [id, sentAtMs(21)],
  );
  const changed = (since: { seq: number } | { atMs: number }, limit = 100) =>
    store.history.changed(id, since, limit, reader).then((messages) => messages.map(({ seq }) => seq));
  expect(await changed({ seq: 17 })).toEqual([18, 19, 20, 4]);
  expect(await changed({ seq: 17 }, 2)).toEqual([18, 19]);
  expect(await changed({ atMs: sentAtMs(18) })).toEqual([19, 20, 4]);
  expect(await changed({ atMs: sentAtMs(18) - 1 })).toEqual([18, 19, 20, 4]);
  expect(await changed({ atMs: sentAtMs(20) })).toEqual([4]);
  expect(await changed({ atMs: sentAtMs(21) })).toEqual([]);
  expect(await changed({ seq: 0 })).toHaveLength(17);
});

test("a replica serves what it has reached; the primary serves the rest, and when the replica is away", async () => {
  const behind = await migratedDatabase();
  const own = openTestStore(store.databaseUrl, { replicaUrl: behind });
  const copy = openTestStore(behind);
  const log = new TestLog();
  log.create(62, 0);
  log.send(62, 0, "from the replica");
  await project(copy, log);
  const content = async (upToSeq: number) =>
    (await own.history.page(id, { limit: 1, upToSeq, reader })).messages[0]?.content;
  expect(await content(3)).toBe("from the replica");
  expect(await content(4)).toBe("message 1");
  await Promise.all([own.close(), copy.close()]);
  const alone = openTestStore(store.databaseUrl, { replicaUrl: "postgres://nobody@127.0.0.1:1/none" });
  expect((await alone.history.page(id, { limit: 1, upToSeq: 3, reader })).messages[0]?.content).toBe(
    "message 0",
  );
  await alone.close();
});
