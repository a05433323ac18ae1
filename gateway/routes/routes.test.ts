import { describe, expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import {
  createAsker,
  id,
  listHistory,
  type Owner,
  opens,
  someChannel,
  someMember,
  someMessage,
  someOpened,
} from "./rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const SPACE = id<ChannelId>(8);
const ANN = id<UserId>(1);
const BOB = id<UserId>(2);
const HERE = someChannel(CHANNEL, { seq: 5, epoch: 2 });
const creates: Owner = {
  create: (channelId, { by, channel }) => ({
    ok: true,
    channel: someChannel(channelId, channel),
    membership: someMember(by, { role: "owner" }),
    created: true,
  }),
};

describe("making things", () => {
  test("a space is a channel of kind space under the id that the client made", async () => {
    const { ask, asked } = await createAsker(creates);
    const { status, body } = await ask("POST /spaces", { id: SPACE, name: "one", slug: "one" });
    expect(status).toBe(201);
    expect(body).toEqual({
      space: expect.objectContaining({ id: SPACE, kind: "space", slug: "one", language: "english" }),
    });
    expect(asked).toEqual([
      {
        channelId: SPACE,
        command: {
          type: "create",
          by: ANN,
          memberIds: [],
          channel: { kind: "space", name: "one", slug: "one", language: "english", settings: {} },
        },
      },
    ]);
  });

  test("a repeat answers 200 with what is there", async () => {
    const { ask } = await createAsker({
      create: (channelId, { by }) => ({
        ok: true,
        channel: someChannel(channelId),
        membership: someMember(by),
        created: false,
      }),
    });
    expect(await ask("POST /channels", { id: CHANNEL, kind: "private", name: "one" })).toMatchObject({
      status: 200,
      body: { channel: { id: CHANNEL } },
    });
  });

  test("members of a new channel must be people; each counts once, and the maker not", async () => {
    const { ask, asked } = await createAsker(creates);
    expect(
      await ask("POST /channels", { kind: "private", name: "one", memberIds: [BOB, BOB, ANN] }),
    ).toMatchObject({ status: 201 });
    expect(asked[0]!.command).toMatchObject({ type: "create", memberIds: [BOB] });
    expect(await ask("POST /channels", { kind: "private", name: "one", memberIds: [id(77)] })).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
    expect(asked).toHaveLength(1);
  });

  test("rule E2: a dm's id follows from its two people", async () => {
    const { ask, asked } = await createAsker(creates);
    expect(await ask("POST /dm", { userId: BOB })).toMatchObject({
      status: 201,
      body: { channel: { id: dmId(ANN, BOB) } },
    });
    expect(asked[0]).toMatchObject({
      channelId: dmId(BOB, ANN),
      command: { channel: { kind: "dm" }, memberIds: [BOB] },
    });
    expect(await ask("POST /dm", { userId: id(77) })).toMatchObject({ status: 404 });
  });

  test("the owner's refusal is the answer", async () => {
    const { ask } = await createAsker({ create: () => refused("conflict") });
    expect(await ask("POST /spaces", { name: "one" })).toMatchObject({
      status: 409,
      body: { code: "conflict", retry: "never" },
    });
  });
});

describe("spaces", () => {
  test("are joined by whoever comes; what is no space is not there", async () => {
    const joins = (kind: "space" | "topic" | undefined): Owner => ({
      member: () => ({ ok: true, kind }),
      join: (channelId, { by }) => ({ ok: true, ...someOpened(someChannel(channelId, { kind }), by) }),
    });
    const open = await createAsker(joins("space"));
    expect(await open.ask(`POST /spaces/${SPACE}/join`)).toMatchObject({
      status: 200,
      body: { space: { id: SPACE }, membership: { userId: ANN } },
    });
    for (const kind of ["topic", undefined] as const) {
      const { ask, asked } = await createAsker(joins(kind));
      expect(await ask(`POST /spaces/${SPACE}/join`)).toMatchObject({ status: 404 });
      expect(asked.map(({ command }) => command.type)).toEqual(["member"]);
    }
  });

  test("row C13: are changed and archived as channels are, where they are spaces", async () => {
    const owner = (kind: "space" | "topic"): Owner => ({
      member: () => ({ ok: true, kind }),
      update: (channelId, { archived = false }) => ({
        ok: true,
        channel: someChannel(channelId, { kind, archived }),
      }),
    });
    const { ask, asked } = await createAsker(owner("space"));
    expect(await ask(`PATCH /spaces/${SPACE}`, { name: "two", settings: { memberLimit: 9 } })).toMatchObject({
      status: 200,
      body: { space: { id: SPACE, archived: false } },
    });
    expect(await ask(`DELETE /spaces/${SPACE}`)).toMatchObject({ body: { space: { archived: true } } });
    expect(asked.map(({ command }) => command).filter(({ type }) => type !== "member")).toEqual([
      { type: "update", by: ANN, name: "two", settings: { memberLimit: 9 } },
      { type: "update", by: ANN, archived: true },
    ]);
    const other = await createAsker(owner("topic"));
    for (const line of [
      `PATCH /spaces/${SPACE}`,
      `DELETE /spaces/${SPACE}`,
      `POST /spaces/${SPACE}/leave`,
      `POST /spaces/${SPACE}/members`,
      `PATCH /spaces/${SPACE}/members/${BOB}`,
      `DELETE /spaces/${SPACE}/members/${BOB}`,
    ]) {
      const body = { ...(/^POST.*members/.test(line) ? { userId: BOB } : {}) };
      expect(await other.ask(line, body)).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
    expect(other.asked.map(({ command }) => command.type)).toEqual(Array(6).fill("member"));
  });

  test("only a space is one: a channel's id answers not_found", async () => {
    const { ask } = await createAsker(opens(HERE));
    expect(await ask(`GET /spaces/${CHANNEL}`)).toMatchObject({ status: 404 });
    expect(await ask(`GET /spaces/${CHANNEL}/members`)).toMatchObject({ status: 404 });
    expect(await ask(`GET /channels?spaceId=${CHANNEL}`)).toMatchObject({ status: 404 });
  });
});

describe("rule H4: reading asks the owner first", () => {
  test.each([
    `/channels/${CHANNEL}`,
    `/channels/${CHANNEL}/members`,
    `/channels/${CHANNEL}/messages`,
    `/channels/${CHANNEL}/pins`,
    `/channels/${CHANNEL}/receipts?messageId=${CHANNEL}.1`,
    `/messages/${CHANNEL}.1/history`,
    `/messages/${CHANNEL}.1/reactions`,
    `/threads/${CHANNEL}.1/messages`,
    `/spaces/${SPACE}`,
    `/spaces/${SPACE}/members`,
    `/channels?spaceId=${SPACE}`,
  ])("GET %s", async (path) => {
    for (const code of ["banned", "not_a_member", "not_found", "unavailable"] as const) {
      const { ask, asked } = await createAsker(
        { open: () => refused(code) },
        { history: listHistory([someMessage(CHANNEL, 1)]) },
      );
      const { body } = await ask(`GET ${path}`);
      expect(body).toMatchObject({ code });
      expect(asked.map(({ command }) => command)).toEqual([{ type: "open", by: ANN }]);
    }
  });

  test("a page of messages holds what Postgres lacks", async () => {
    const born: ChannelEvent = {
      type: "message:new",
      seq: 5,
      atMs: 1,
      by: BOB,
      message: someMessage(CHANNEL, 5),
    };
    const { ask } = await createAsker(opens(HERE, { unflushed: [born] }), {
      history: listHistory([1, 2, 3].map((seq) => someMessage(CHANNEL, seq))),
    });
    const { body } = await ask(`GET /channels/${CHANNEL}/messages?limit=2`);
    expect(body).toMatchObject({
      seq: 5,
      epoch: 2,
      messages: [{ seq: 3 }, { seq: 5 }],
      older: expect.any(String),
    });
    const before = await ask(`GET /channels/${CHANNEL}/messages?limit=2&before=${body.older}`);
    expect(before.body.messages).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    expect(await ask(`GET /channels/${CHANNEL}/messages?before=AAAAAAAA`)).toMatchObject({
      status: 400,
      body: { code: "malformed" },
    });
  });

  test("Postgres away is unavailable, and says when to come back", async () => {
    const away = listHistory([], { page: () => Promise.reject(new StoreAway()) });
    const { ask } = await createAsker(opens(HERE), { history: away });
    const { status, headers, body } = await ask(`GET /channels/${CHANNEL}/messages`);
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: "unavailable", retry: "later", retryAfterMs: 2_000 });
    expect(headers["retry-after"]).toBe("2");
  });
});
