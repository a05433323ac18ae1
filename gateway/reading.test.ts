import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { messageId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import { refused } from "../protocol/refusals.ts";
import type { MessagePage } from "../protocol/requests.ts";
import { type AskMessage, changedMessages, composeRecent, readPage, readPins } from "./reading.ts";
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

const REPLY = { threadId: messageId(CHANNEL, 1) };
const replied = (seq: number, to = 1): ChannelEvent => ({
  type: "message:new",
  seq,
  atMs: seq * 1_000,
  by: ANN,
  message: someMessage(CHANNEL, seq, { threadId: messageId(CHANNEL, to) }),
  thread: { id: messageId(CHANNEL, to), authorId: ANN, replyCount: seq, lastReplyAtMs: seq * 1_000 },
});

describe("row C7: replies are read by thread, and not in the channel", () => {
  const rows = [...stored(1, 3), someMessage(CHANNEL, 4, REPLY), someMessage(CHANNEL, 5)];
  const at = opened(9, [replied(6), born(7), replied(8, 2), replied(9)]);

  test("rule H4: pages outside threads leave out unflushed replies, and take in what these say of the first message", async () => {
    const page = await composeRecent(listHistory(rows), at, 50);
    expect(seqs(page)).toEqual([1, 2, 3, 5, 7]);
    expect(page.messages.map(({ replyCount }) => replyCount)).toEqual([9, 8, 0, 0, 0]);
  });

  test("a page of a thread has its replies, stored and unflushed, and nothing else", async () => {
    const page = await read(listHistory(rows), at, { limit: 2, threadSeq: 1 });
    expect(seqs(page)).toEqual([6, 9]);
    expect(page.newer).toBeUndefined();
    const older = await read(listHistory(rows), at, { limit: 2, threadSeq: 1, before: page.older });
    expect(seqs(older)).toEqual([4]);
    expect(older.older).toBeUndefined();
  });

  test("replies do not make a channel's newest page look as if more followed", async () => {
    const page = await read(listHistory(stored(1, 5)), opened(6, [replied(6)]), {
      limit: 2,
      around: messageId(CHANNEL, 5),
    });
    expect(page.newer).toBeUndefined();
  });

  test("a cursor of one list continues no other", async () => {
    const history = listHistory(rows);
    const thread = await read(history, at, { limit: 1, threadSeq: 1 });
    const channel = await read(history, at, { limit: 1 });
    for (const query of [
      { before: thread.older },
      { before: channel.older, threadSeq: 1 },
      { before: thread.older, threadSeq: 2 },
    ]) {
      expect(await readPage(history, at, { limit: 1, ...query })).toMatchObject({
        error: { code: "malformed" },
      });
    }
  });
});

test("row C8: one's own unflushed reactions are marked, others' are not", async () => {
  const reacted = (seq: number, by: UserId, emoji: string, count: number): ChannelEvent => ({
    type: count > 0 ? "reaction:added" : "reaction:removed",
    seq,
    atMs: seq,
    by,
    messageId: messageId(CHANNEL, 1),
    emoji,
    count,
    recent: [],
  });
  const events = [reacted(2, ANN, "👍", 1), reacted(3, id<UserId>(2), "🎉", 1), reacted(4, ANN, "🔥", 1)];
  const page = await composeRecent(
    listHistory(stored(1, 1)),
    opened(5, [...events, reacted(5, ANN, "🔥", 0)]),
    1,
  );
  expect(page.messages[0]!.reactions).toEqual([
    { emoji: "👍", count: 1, recent: [], me: true },
    { emoji: "🎉", count: 1, recent: [] },
  ]);
});

test("the reader is told to History, for their own reactions and as the store promises", async () => {
  const asked: unknown[] = [];
  const history = listHistory(stored(1, 1), {
    page: async (_id, query) => {
      asked.push(query.reader);
      return { messages: [], hasOlder: false, hasNewer: false };
    },
    changed: async (_id, _since, _limit, reader) => {
      asked.push(reader);
      return [];
    },
    pins: async (_id, reader) => {
      asked.push(reader);
      return [];
    },
  });
  await composeRecent(history, opened(1), 1);
  await read(history, opened(1), { limit: 1 });
  await changedMessages(history, opened(1), { seq: 0 }, 1, async () => refused("not_found"));
  await readPins(history, opened(1), async () => refused("not_found"));
  expect(asked).toEqual([ANN, ANN, ANN, ANN]);
});

/** An owner who has these; `asked` is what it was asked for. */
function owner(messages: readonly Message[]): { ask: AskMessage; asked: number[] } {
  const asked: number[] = [];
  const ask: AskMessage = async (seq) => {
    asked.push(seq);
    const message = messages.find((each) => each.seq === seq);
    return message ? { ok: true, message } : refused("not_found");
  };
  return { ask, asked };
}

describe("row C9: pins", () => {
  const pin = (seq: number, of: number, type: "message:pinned" | "message:unpinned" = "message:pinned") =>
    ({ type, seq, atMs: seq, by: ANN, messageId: messageId(CHANNEL, of) }) as ChannelEvent;
  const pinned = [1, 2].map((seq) => someMessage(CHANNEL, seq, { pinned: true }));

  test("rule H4: the last pinned first, unflushed ones and what became of the stored ones", async () => {
    const history = listHistory([...pinned, ...stored(3, 4)]);
    const at = opened(12, [
      pin(6, 3),
      born(7),
      pin(8, 7),
      pin(9, 1, "message:unpinned"),
      pin(10, 4),
      deleted(11, 4),
      edited(12, 2),
    ]);
    const { ask, asked } = owner(stored(1, 4));
    const pins = await readPins(history, at, ask);
    expect(pins).toMatchObject({
      ok: true,
      messages: [{ seq: 7 }, { seq: 3 }, { seq: 2, content: "edited 12" }],
    });
    expect(asked).toEqual([3]);
  });

  test("pinned again is pinned last", async () => {
    const at = opened(4, [pin(3, 1, "message:unpinned"), pin(4, 1)]);
    const pins = await readPins(listHistory(pinned), at, owner([]).ask);
    expect(pins).toMatchObject({ messages: [{ seq: 1 }, { seq: 2 }] });
  });

  test("an owner who cannot be asked is the answer", async () => {
    const pins = await readPins(listHistory([]), opened(2, [pin(2, 1)]), async () => refused("unavailable"));
    expect(pins).toMatchObject({ ok: false, error: { code: "unavailable" } });
  });
});

describe("row D6: what changed since", () => {
  test("holds new and changed messages, stored and unflushed, up to the position", async () => {
    const at = opened(6, [edited(5, 1), born(6)]);
    const changed = await changedMessages(
      listHistory(stored(1, 4)),
      at,
      { seq: 3 },
      100,
      owner(stored(1, 4)).ask,
    );
    expect((changed as Message[]).map(({ seq, content }) => [seq, content])).toEqual([
      [1, "edited 5"],
      [4, "m4"],
      [6, "m6"],
    ]);
  });
  test("row C7: replies are among them, also those that only an unflushed event changed", async () => {
    const rows = [someMessage(CHANNEL, 2, REPLY), someMessage(CHANNEL, 4, REPLY)];
    const at = opened(6, [edited(5, 2), replied(6)]);
    const { ask, asked } = owner([...stored(1, 1), ...rows]);
    const changed = await changedMessages(listHistory(rows), at, { seq: 3 }, 100, ask);
    expect((changed as Message[]).map(({ seq }) => seq)).toEqual([1, 2, 4, 6]);
    expect(asked).toEqual([2, 1]);
  });
  test("is undefined when it is more than asked for", async () => {
    const { ask } = owner([]);
    expect(await changedMessages(listHistory(stored(1, 9)), opened(9), { seq: 0 }, 5, ask)).toBeUndefined();
  });
  test("is refused when the owner can no longer be asked", async () => {
    const changed = await changedMessages(
      listHistory([]),
      opened(6, [edited(5, 1)]),
      { seq: 3 },
      100,
      async () => refused("unavailable"),
    );
    expect(changed).toMatchObject({ error: { code: "unavailable" } });
  });
});
