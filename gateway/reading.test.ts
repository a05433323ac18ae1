import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { messageId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { MessagePage } from "../protocol/requests.ts";
import { changedMessages, composeRecent, readMessage, readPage } from "./reading.ts";
import { id, listHistory, someChannel, someMessage, someOpened } from "./routes/rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const ANN = id<UserId>(1);
const stored = (from: number, to: number): Message[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => someMessage(CHANNEL, from + i));
const born = (seq: number): ChannelEvent => ({
  type: "message:new",
  seq,
  atMs: seq * 1_000,
  by: ANN,
  message: someMessage(CHANNEL, seq),
});
const edited = (seq: number, of: number): ChannelEvent => ({
  type: "message:updated",
  seq,
  atMs: seq * 1_000,
  by: ANN,
  messageId: messageId(CHANNEL, of),
  content: `edited ${seq}`,
  html: `edited ${seq}`,
  editedAtMs: seq * 1_000,
});
const deleted = (seq: number, of: number): ChannelEvent => ({
  type: "message:deleted",
  seq,
  atMs: seq * 1_000,
  by: ANN,
  messageId: messageId(CHANNEL, of),
});
const opened = (seq: number, unflushed: ChannelEvent[] = []) =>
  someOpened(someChannel(CHANNEL, { seq, epoch: 3 }), ANN, { unflushed });
const seqs = (page: { messages: Message[] }) => page.messages.map((message) => message.seq);

async function read(...args: Parameters<typeof readPage>): Promise<MessagePage> {
  const page = await readPage(...args);
  if (!page.ok) throw new Error(page.error.message);
  return page;
}

describe("rule H4: a page is Postgres with what is unflushed on top", () => {
  test("new messages that Postgres lacks are on the newest page, which says where it stands", async () => {
    const page = await composeRecent(listHistory(stored(1, 5)), opened(7, [born(6), born(7)]), 4);
    expect(seqs(page)).toEqual([4, 5, 6, 7]);
    expect(page).toMatchObject({ seq: 7, epoch: 3, older: expect.any(String) });
    expect(page.newer).toBeUndefined();
  });

  test("what Postgres has meanwhile is there once", async () => {
    const page = await composeRecent(listHistory(stored(1, 7)), opened(7, [born(6), born(7)]), 4);
    expect(seqs(page)).toEqual([4, 5, 6, 7]);
  });

  test("nothing is beyond the position, in Postgres or unflushed", async () => {
    const page = await composeRecent(listHistory(stored(1, 9)), opened(7, [born(7), born(8)]), 50);
    expect(seqs(page)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("edits and deletions reach stored messages, and neither events nor rows are changed in place", async () => {
    const rows = stored(1, 3);
    const first = born(4);
    const page = await composeRecent(
      listHistory(rows),
      opened(7, [first, edited(5, 2), deleted(6, 3), edited(7, 4)]),
      50,
    );
    expect(page.messages.map((message) => message.content)).toEqual(["m1", "edited 5", "", "edited 7"]);
    expect(page.messages[2]).toMatchObject({ html: "", deletedAtMs: 6_000 });
    expect(rows.map((message) => message.content)).toEqual(["m1", "m2", "m3"]);
    expect(first).toEqual(born(4));
  });

  test("a deletion that Postgres knows already is not undone by an older event", async () => {
    const gone = someMessage(CHANNEL, 1, { content: "", html: "", deletedAtMs: 9_000 });
    const page = await composeRecent(listHistory([gone]), opened(2, [born(1), edited(2, 1)]), 50);
    expect(page.messages).toEqual([gone]);
  });

  test("an empty channel has an empty page without cursors", async () => {
    expect(await composeRecent(listHistory([]), opened(2), 50)).toEqual({ messages: [], seq: 2, epoch: 3 });
  });
});

describe("row F5: pages follow on each other", () => {
  test("whatever is flushed when: back and forth, each message once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.nat(30),
        fc.integer({ min: 1, max: 9 }),
        async (flushed, unflushed, limit) => {
          const head = flushed + unflushed;
          const history = listHistory(stored(1, flushed));
          const at = opened(
            head,
            stored(flushed + 1, head).map(({ seq }) => born(seq)),
          );
          const all = stored(1, head).map(({ seq }) => seq);
          const back: number[] = [];
          let page = await composeRecent(history, at, limit);
          for (back.unshift(...seqs(page)); page.older; back.unshift(...seqs(page)))
            page = await read(history, at, { limit, before: page.older });
          expect(back).toEqual(all);
          const forth: number[] = seqs(page);
          for (; page.newer; forth.push(...seqs(page)))
            page = await read(history, at, { limit, after: page.newer });
          expect(forth).toEqual(all);
        },
      ),
    );
  });

  test.each([
    ["a stored message", 3, [1, 2, 3, 4]],
    ["an unflushed one", 7, [5, 6, 7, 8]],
    ["the first", 1, [1, 2, 3, 4]],
    ["the last", 8, [5, 6, 7, 8]],
  ])("around %s", async (_what, seq, expected) => {
    const history = listHistory(stored(1, 5));
    const at = opened(8, [born(6), born(7), born(8)]);
    expect(seqs(await read(history, at, { limit: 4, around: messageId(CHANNEL, seq) }))).toEqual(expected);
    expect(seqs(await read(history, at, { limit: 4, around: seq * 1_000 }))).toEqual(expected);
  });

  test("a cursor that was changed, or is of another channel, is malformed; so are two at once", async () => {
    const history = listHistory(stored(1, 9));
    const { older } = await composeRecent(history, opened(9), 2);
    expect(older).toMatch(/^[\w-]+$/);
    const flipped = older!.slice(0, -1) + (older!.endsWith("A") ? "B" : "A");
    const elsewhere = someOpened(someChannel(id<ChannelId>(8), { seq: 9 }), ANN);
    for (const [at, query] of [
      [opened(9), { before: flipped }],
      [opened(9), { before: "NQ" }],
      [opened(9), { after: "" }],
      [opened(9), { before: `${older}=` }],
      [elsewhere, { before: older }],
      [opened(9), { before: older, after: older }],
      [opened(9), { around: messageId(id<ChannelId>(8), 1) }],
    ] as const) {
      expect(await readPage(history, at, { limit: 2, ...query })).toMatchObject({
        ok: false,
        error: { code: "malformed" },
      });
    }
  });
});

describe("one message", () => {
  const history = listHistory(stored(1, 3));
  test("is read as it stands, from either side", async () => {
    expect(await readMessage(history, opened(5, [edited(4, 2), born(5)]), 2)).toMatchObject({
      content: "edited 4",
    });
    expect(await readMessage(history, opened(5, [born(5)]), 5)).toMatchObject({ content: "m5" });
  });
  test("is not there where its seq is another event's, or beyond the head", async () => {
    expect(await readMessage(history, opened(5, [edited(4, 2), born(5)]), 4)).toBeUndefined();
    expect(await readMessage(listHistory(stored(1, 9)), opened(5), 6)).toBeUndefined();
  });
});

describe("row D6: what changed since", () => {
  test("holds new and changed messages, stored and unflushed, up to the position", async () => {
    const at = opened(6, [edited(5, 1), born(6)]);
    const changed = await changedMessages(listHistory(stored(1, 4)), at, { seq: 3 }, 100);
    expect(changed!.map(({ seq, content }) => [seq, content])).toEqual([
      [1, "edited 5"],
      [4, "m4"],
      [6, "m6"],
    ]);
  });
  test("is undefined when it is more than asked for", async () => {
    expect(await changedMessages(listHistory(stored(1, 9)), opened(9), { seq: 0 }, 5)).toBeUndefined();
  });
});
