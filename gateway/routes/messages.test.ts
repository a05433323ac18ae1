import { describe, expect, test } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { refused, UPGRADING } from "../../protocol/refusals.ts";
import {
  createAsker,
  id,
  listHistory,
  type Owner,
  opens,
  someChannel,
  someMember,
  someMessage,
  tells,
} from "./rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const ANN = id<UserId>(1);
const BOB = id<UserId>(2);

describe("sending", () => {
  const message = someMessage(CHANNEL, 6);
  const sends: Owner = {
    send: (_id, { attempt }) => ({
      ok: true,
      message,
      durability: "logged",
      ...(attempt > 1 && { duplicate: true }),
    }),
  };

  test("rule H6: prepares in the gateway and asks the owner once", async () => {
    const { ask, asked } = await createAsker(sends);
    const { status, headers, body } = await ask(`POST /channels/${CHANNEL}/messages`, {
      clientId: id(7),
      content: "hi @bob",
      durability: "persisted",
    });
    expect(status).toBe(201);
    expect(body).toEqual({ message: JSON.parse(JSON.stringify(message)), durability: "logged" });
    expect(headers.ratelimit).toBe('"messages";r=99;t=60');
    expect(headers["ratelimit-policy"]).toBe('"messages";q=100;w=60');
    expect(asked).toMatchObject([
      {
        channelId: CHANNEL,
        command: {
          type: "send",
          by: ANN,
          attempt: 1,
          durability: "persisted",
          message: { mentions: [{ kind: "user", userId: BOB }] },
        },
      },
    ]);
  });

  test("a resend that finds the first answers 200", async () => {
    const { ask } = await createAsker(sends);
    expect(
      await ask(`POST /channels/${CHANNEL}/messages`, { clientId: id(7), content: "hi", attempt: 2 }),
    ).toMatchObject({ status: 200, body: { duplicate: true } });
  });

  test("row S3: over the rate nothing is asked, and the headers say when", async () => {
    const { ask, asked } = await createAsker(sends, {
      takeMessage: async () => ({ ok: false, retryAfterMs: 1_500, limit: 100 }),
    });
    const { status, headers, body } = await ask(`POST /channels/${CHANNEL}/messages`, {
      clientId: id(7),
      content: "hi",
    });
    expect(status).toBe(429);
    expect(body).toMatchObject({ code: "rate_limited", retry: "later", retryAfterMs: 1_500 });
    expect(headers).toMatchObject({ "retry-after": "2", ratelimit: '"messages";r=0;t=2' });
    expect(asked).toEqual([]);
  });

  test("what is not built is unsupported before anyone is asked", async () => {
    const { ask, asked } = await createAsker(sends);
    expect(
      await ask(`POST /channels/${CHANNEL}/messages`, { clientId: id(7), content: "hi", type: "image" }),
    ).toMatchObject({ status: 501, body: { code: "unsupported" } });
    expect(asked).toEqual([]);
  });
});

test("one message is asked of its owner, who marks what the asker has put on it", async () => {
  const reactions = [{ emoji: "👍", count: 1, me: true, recent: [ANN] }];
  const { ask, asked } = await createAsker(tells([someMessage(CHANNEL, 5, { reactions })]));
  expect((await ask(`GET /messages/${CHANNEL}.5`)).body).toMatchObject({
    message: { content: "m5", reactions },
  });
  expect(await ask(`GET /messages/${CHANNEL}.4`)).toMatchObject({ status: 404 });
  expect(asked.map(({ command }) => command)).toEqual(
    [5, 4].map((seq) => ({ type: "message", by: ANN, seq })),
  );
});

test("rule E7: one message is read with its page while owners may not know how to tell of it", async () => {
  const later = { message: () => refused("unavailable", { details: UPGRADING }) } satisfies Owner;
  const history = listHistory([4, 5].map((seq) => someMessage(CHANNEL, seq)));
  const { ask } = await createAsker({ ...later, ...opens(someChannel(CHANNEL), { seq: 5 }) }, { history });
  expect((await ask(`GET /messages/${CHANNEL}.5`)).body).toMatchObject({ message: { content: "m5" } });
  expect(await ask(`GET /messages/${CHANNEL}.3`)).toMatchObject({ status: 404 });
});

describe("row C5: editing", () => {
  test("row S3: counts as a message", async () => {
    const { ask, asked } = await createAsker(tells([someMessage(CHANNEL, 5)]), {
      takeMessage: async () => ({ ok: false, retryAfterMs: 1_500, limit: 100 }),
    });
    expect(await ask(`PATCH /messages/${CHANNEL}.5`, { content: "x" })).toMatchObject({
      status: 429,
      headers: { "retry-after": "2" },
    });
    expect(asked).toEqual([]);
  });

  test.each([
    ["text", 4_001],
    ["code", 16_001],
  ] as const)("a %s of %i characters is malformed, and nothing is asked to change", async (type, length) => {
    const { ask, asked } = await createAsker(tells([someMessage(CHANNEL, 5, { type })]));
    expect(await ask(`PATCH /messages/${CHANNEL}.5`, { content: "x".repeat(length) })).toMatchObject({
      body: { code: "malformed" },
    });
    expect(asked.map(({ command }) => command.type)).not.toContain("edit");
  });
});

describe("row C5: history", () => {
  const versions = [{ content: "first", by: BOB, atMs: 1 }];
  const history = listHistory([], { versions: async () => versions });
  const path = `GET /messages/${CHANNEL}.5/history`;
  const owner = (authorId: UserId, role: "member" | "moderator"): Owner => ({
    ...opens(someChannel(CHANNEL), {
      membership: someMember(ANN, { role }),
      unflushed: [
        {
          type: "message:updated",
          seq: 6,
          atMs: 2,
          by: BOB,
          messageId: `${CHANNEL}.5` as never,
          content: "second",
        },
      ],
    }),
    ...tells([someMessage(CHANNEL, 5, { authorId })]),
  });

  test.each([
    ["its author", ANN, "member"],
    ["a moderator", BOB, "moderator"],
  ] as const)("is read by %s, with what Postgres lacks (rule H4)", async (_who, author, role) => {
    const { ask } = await createAsker(owner(author, role), { history });
    expect((await ask(path)).body).toEqual({
      versions: [...versions, { content: "second", by: BOB, atMs: 2 }],
    });
  });

  test("is forbidden to others", async () => {
    const { ask } = await createAsker(owner(BOB, "member"), { history });
    expect(await ask(path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("of what is not there is not_found", async () => {
    const { ask } = await createAsker({ ...owner(ANN, "member"), message: () => refused("not_found") });
    expect(await ask(path)).toMatchObject({ status: 404 });
  });
});

describe("row C6: many at once", () => {
  test("are all of the one channel", async () => {
    const { ask, asked } = await createAsker({ delete: () => ({ ok: true }) });
    const path = `POST /channels/${CHANNEL}/messages/delete`;
    expect(await ask(path, { messageIds: [`${CHANNEL}.1`, `${id(8)}.2`] })).toMatchObject({
      status: 400,
      body: { code: "malformed" },
    });
    expect(asked).toEqual([]);
    const messageIds = Array.from({ length: 101 }, (_, i) => `${CHANNEL}.${i + 1}`);
    expect(await ask(path, { messageIds })).toMatchObject({ status: 400 });
    expect(await ask(path, { messageIds: messageIds.slice(1) })).toMatchObject({ status: 200, body: {} });
  });
});

test("rows C7, D7: reading up to a reply moves the mark of its thread, else the channel's", async () => {
  const threadId = `${CHANNEL}.2` as never;
  const { ask, asked } = await createAsker({
    ...tells([someMessage(CHANNEL, 5), someMessage(CHANNEL, 6, { threadId, ordinal: 3 })]),
    mark: () => ({ ok: true, unread: 1 }),
    follow: () => ({ ok: true, unread: 2 }),
  });
  expect((await ask(`PUT /messages/${CHANNEL}.5/read`)).body).toEqual({ unread: 1 });
  expect((await ask(`PUT /messages/${CHANNEL}.6/read`)).body).toEqual({ unread: 2 });
  expect(await ask(`PUT /messages/${CHANNEL}.7/read`)).toMatchObject({ status: 404 });
  expect(asked.map(({ command }) => command).filter(({ type }) => type !== "message")).toEqual([
    { type: "mark", by: ANN, read: 5 },
    { type: "follow", by: ANN, seq: 2, readCount: 3 },
  ]);
});
