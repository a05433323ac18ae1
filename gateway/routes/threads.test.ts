import { describe, expect, test } from "vitest";
import type { ChannelEvent } from "../../protocol/events.ts";
import { type ChannelId, messageId, type UserId } from "../../protocol/ids.ts";
import {
  createAsker,
  id,
  listHistory,
  type Owner,
  opens,
  someChannel,
  someMessage,
  tells,
} from "./rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const [ANN, BOB] = [id<UserId>(1), id<UserId>(2)];
const ROOT = messageId(CHANNEL, 1);

describe("row C7: a thread", () => {
  const reply = (seq: number, authorId = ANN) =>
    someMessage(CHANNEL, seq, { authorId, threadId: ROOT, ordinal: seq - 1 });
  const root = someMessage(CHANNEL, 1, { replyCount: 4 });
  const unflushed: ChannelEvent[] = [
    { type: "message:new", seq: 5, atMs: 5, by: BOB, message: reply(5, BOB) },
    { type: "message:new", seq: 6, atMs: 6, by: id(3), message: someMessage(CHANNEL, 6) },
  ];
  const owner: Owner = {
    ...opens(someChannel(CHANNEL, { seq: 6 }), { unflushed }),
    ...tells([root, reply(2), reply(5)]),
    follow: (_id, { following }) => ({ ok: true, unread: following === false ? 0 : 1 }),
  };
  const history = listHistory([root, reply(2), reply(3), reply(4)], {
    thread: async (_channelId, seq, reader) => ({
      participants: seq === 1 && reader === ANN ? [ANN] : [],
      following: true,
      readCount: 0,
    }),
  });

  test("is read by page, with its first message, its people, and how the reader stands to it", async () => {
    const { ask } = await createAsker(owner, { history });
    const { body } = await ask(`GET /threads/${ROOT}/messages?limit=2`);
    expect(body).toMatchObject({
      root: { id: ROOT, replyCount: 4 },
      messages: [{ seq: 4 }, { seq: 5 }],
      seq: 6,
      participants: [ANN, BOB],
      following: true,
      unread: 1,
    });
    const older = await ask(`GET /threads/${ROOT}/messages?limit=2&before=${body.older}`);
    expect(older.body.messages).toMatchObject([{ seq: 2 }, { seq: 3 }]);
    expect(await ask(`GET /channels/${CHANNEL}/messages?before=${body.older}`)).toMatchObject({
      status: 400,
    });
  });

  test("is not begun by a reply, nor by what is not there", async () => {
    const { ask } = await createAsker(owner, { history });
    expect(await ask(`GET /threads/${CHANNEL}.2/messages`)).toMatchObject({ body: { code: "malformed" } });
    expect(await ask(`GET /threads/${CHANNEL}.7/messages`)).toMatchObject({ body: { code: "not_found" } });
  });

  test("is followed, or no longer", async () => {
    const { ask, asked } = await createAsker(owner, { history });
    expect((await ask(`PUT /threads/${ROOT}/follow`, { following: true })).body).toEqual({ unread: 1 });
    expect((await ask(`PUT /threads/${ROOT}/follow`, { following: false })).body).toEqual({ unread: 0 });
    expect(asked.map(({ command }) => command)).toEqual(
      [true, false].map((following) => ({ type: "follow", by: ANN, seq: 1, following })),
    );
  });
});

test("row C8: who has reacted, what is unflushed included; of what is not there nobody", async () => {
  const added: ChannelEvent = {
    type: "reaction:added",
    seq: 3,
    atMs: 3,
    by: BOB,
    messageId: ROOT,
    emoji: "🎉",
    count: 1,
    recent: [BOB],
  };
  const owner = {
    ...opens(someChannel(CHANNEL, { seq: 3 }), { unflushed: [added] }),
    ...tells([someMessage(CHANNEL, 1)]),
  };
  const history = listHistory([], { reactors: async () => [{ userId: ANN, emoji: "👍" }] });
  const { ask } = await createAsker(owner, { history });
  expect((await ask(`GET /messages/${ROOT}/reactions`)).body).toEqual({
    reactors: [
      { userId: ANN, emoji: "👍" },
      { userId: BOB, emoji: "🎉" },
    ],
  });
  expect(await ask(`GET /messages/${CHANNEL}.2/reactions`)).toMatchObject({ status: 404 });
});

test("row C9: pins, the last pinned first, with what Postgres lacks", async () => {
  const pinned: ChannelEvent = {
    type: "message:pinned",
    seq: 4,
    atMs: 4,
    by: BOB,
    messageId: messageId(CHANNEL, 3),
  };
  const owner = {
    ...opens(someChannel(CHANNEL, { seq: 4 }), { unflushed: [pinned] }),
    ...tells([someMessage(CHANNEL, 3)]),
  };
  const { ask } = await createAsker(owner, {
    history: listHistory([someMessage(CHANNEL, 1, { pinned: true })]),
  });
  expect((await ask(`GET /channels/${CHANNEL}/pins`)).body).toMatchObject({
    messages: [{ seq: 3, pinned: true }, { seq: 1 }],
  });
});

describe("row D7: whom a message has reached", () => {
  const all = [1, 2, 3].map((n) => ({ userId: id<UserId>(n), delivered: true, read: n > 1 }));
  const history = listHistory([], {
    receipts: async (_channelId, seq, { afterUserId = "", limit }) =>
      seq === 2 ? all.filter(({ userId }) => userId > afterUserId).slice(0, limit) : [],
  });
  const path = `GET /channels/${CHANNEL}/receipts?messageId=${CHANNEL}.2`;

  test("by page", async () => {
    const { ask } = await createAsker(opens(someChannel(CHANNEL, { seq: 5 })), { history });
    const first = await ask(`${path}&limit=2`);
    expect(first.body).toEqual({ receipts: all.slice(0, 2), next: expect.any(String) });
    const second = await ask(`${path}&limit=2&after=${first.body.next}`);
    expect(second.body).toEqual({ receipts: all.slice(2) });
    const other = `GET /channels/${CHANNEL}/receipts?messageId=${CHANNEL}.3&after=${first.body.next}`;
    for (const line of [other, `${path}&after=${first.body.next}A`, `GET /channels/${CHANNEL}/receipts`])
      expect(await ask(line)).toMatchObject({ status: 400, body: { code: "malformed" } });
  });

  test("of another channel's message is malformed", async () => {
    const { ask, asked } = await createAsker();
    expect(await ask(`GET /channels/${CHANNEL}/receipts?messageId=${id(8)}.2`)).toMatchObject({
      status: 400,
    });
    expect(asked).toEqual([]);
  });
});
