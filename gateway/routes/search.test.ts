import { describe, expect, test } from "vitest";
import type { ChannelEvent } from "../../protocol/events.ts";
import { type ChannelId, messageId, type UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import type { Found, Search, SearchQuery } from "../ports.ts";
import { createAsker, id, type Owner, opens, someChannel, someMessage, someOpened } from "./rest-doubles.ts";

const [ONE, TWO, THREE] = [id<ChannelId>(9), id<ChannelId>(10), id<ChannelId>(11)];
const [ANN, BOB] = [id<UserId>(1), id<UserId>(2)];

const found = (channelId: ChannelId, seq: number): Found => ({
  channelId,
  seq,
  atMs: seq * 1_000,
  version: seq,
});
const page = [found(ONE, 5), found(TWO, 4), found(ONE, 3), found(THREE, 2)];

/** An engine that finds `page`, and tells what it was asked. */
function engine(older?: Found) {
  const queries: SearchQuery[] = [];
  const shown: Found[][] = [];
  const search: Search = {
    async find(query) {
      queries.push(query);
      return { found: page, older };
    },
    async hits(readable) {
      shown.push([...readable]);
      return readable.map(({ channelId, seq }) => ({
        // The first has no text, only a file.
        message: someMessage(channelId, seq, seq === 5 ? { content: "", type: "file" } : {}),
        excerpt: { text: `m${seq}`, marks: [[0, 1] as [number, number]] },
      }));
    },
  };
  return { search, queries, shown };
}

/** All three channels are open, with these events unflushed in the first. */
function owner(unflushed: ChannelEvent[] = []): Owner {
  return {
    open: (channelId, { by }) => {
      const more = { unflushed: channelId === ONE ? unflushed : [] };
      return { ok: true, ...someOpened(someChannel(channelId), by, more) };
    },
  };
}

const ids = (body: { hits: { message: { id: string } }[] }) => body.hits.map(({ message }) => message.id);
const all = page.map(({ channelId, seq }) => messageId(channelId, seq));

describe("row F4: search", () => {
  test("answers the hits in order, with plain excerpts, and not the query", async () => {
    const { search, queries } = engine();
    const { ask, asked } = await createAsker(owner(), { search });
    const { status, body } = await ask("GET /search?q=kiwi%20%22a%20b%22");
    expect([status, ids(body), Object.keys(body)]).toEqual([200, all, ["hits"]]);
    expect(body.hits[0]).toMatchObject({
      message: { content: "", type: "file" },
      excerpt: { text: "m5", marks: [[0, 1]] },
    });
    expect(queries).toEqual([{ reader: ANN, words: 'kiwi "a b"', limit: 20 }]);
    expect(asked.map(({ channelId }) => channelId)).toEqual([ONE, TWO, THREE]);
  });

  test("hands on every filter; times in milliseconds or ISO", async () => {
    const { search, queries } = engine();
    const { ask } = await createAsker(owner(), { search });
    const times = "before=2000&after=1970-01-01T00:00:01Z";
    await ask(
      `GET /search?spaceId=${TWO}&channelId=${ONE}&authorId=${BOB}&language=german&has=file,link&limit=7&${times}`,
    );
    await ask(`GET /channels/${ONE}/messages/search?has=code`);
    expect(queries).toEqual([
      {
        reader: ANN,
        spaceId: TWO,
        channelId: ONE,
        authorId: BOB,
        language: "german",
        has: ["file", "link"],
        beforeMs: 2_000,
        afterMs: 1_000,
        limit: 7,
      },
      { reader: ANN, channelId: ONE, has: ["code"], limit: 20 },
    ]);
  });

  test("a cursor goes on with its own query, however many are wanted, and with no other", async () => {
    const { search, queries } = engine(found(THREE, 2));
    const { ask, person, app } = await createAsker(owner(), { search });
    const { older } = (await ask("GET /search?q=kiwi&limit=2")).body;
    expect((await ask(`GET /search?q=kiwi&limit=3&older=${older}`)).status).toBe(200);
    expect(queries.at(-1)).toEqual({
      reader: ANN,
      words: "kiwi",
      limit: 3,
      older: { atMs: 2_000, channelId: THREE, seq: 2 },
    });
    const others = [`q=mango&older=${older}`, `q=kiwi&has=link&older=${older}`, `q=kiwi&older=${older}x`];
    for (const query of others)
      expect((await ask(`GET /search?${query}`)).body).toMatchObject({ status: 400, code: "malformed" });
    const { headers } = await person(3);
    const url = `/api/v1/search?q=kiwi&older=${older}`;
    expect((await app.inject({ url, headers })).json()).toMatchObject({ code: "malformed" });
  });
});

describe("rule H4: the owner's word counts", () => {
  test("channels that it does not open are left out before a message is read", async () => {
    for (const code of ["not_a_member", "banned", "not_found"] as const) {
      const { search, shown } = engine();
      const closed: Owner = {
        open: (channelId, command) => (channelId === ONE ? refused(code) : owner().open!(channelId, command)),
      };
      const { ask } = await createAsker(closed, { search });
      expect(ids((await ask("GET /search?q=kiwi")).body)).toEqual([all[1], all[3]]);
      expect(shown).toEqual([[page[1], page[3]]]);
    }
  });

  test("what only the log knows: deleted and edited messages are left out, other changes are laid over", async () => {
    const common = { atMs: 1, by: BOB };
    const unflushed: ChannelEvent[] = [
      { ...common, type: "message:deleted", seq: 6, messageId: messageId(ONE, 5) },
      { ...common, type: "message:pinned", seq: 7, messageId: messageId(ONE, 3) },
      { ...common, type: "message:new", seq: 8, message: someMessage(ONE, 8) },
    ];
    const { search } = engine();
    const { ask } = await createAsker(owner(unflushed), { search });
    const { body } = await ask("GET /search?q=kiwi");
    expect(ids(body)).toEqual(all.slice(1));
    expect(body.hits[1].message.pinned).toBe(true);
    const edit: ChannelEvent = {
      ...common,
      type: "message:updated",
      seq: 6,
      messageId: messageId(ONE, 3),
      content: "other",
      html: "other",
      editedAtMs: 1,
    };
    const edited = await createAsker(owner([edit]), { search });
    expect(ids((await edited.ask("GET /search?q=kiwi")).body)).toEqual([all[0], all[1], all[3]]);
  });

  test("an owner out of reach makes the page unavailable, since nobody knows what is missing", async () => {
    const away: Owner = {
      open: (_id, { by }) => (by === ANN ? refused("unavailable") : refused("not_found")),
    };
    const { ask } = await createAsker(away, engine());
    expect((await ask("GET /search?q=kiwi")).body).toMatchObject({ status: 503, code: "unavailable" });
  });

  test("in one channel it is asked first, and once", async () => {
    const { search, queries } = engine();
    const { ask, asked } = await createAsker(opens(someChannel(ONE)), { search });
    await ask(`GET /channels/${ONE}/messages/search?q=kiwi`);
    expect(asked).toEqual([{ channelId: ONE, command: { type: "open", by: ANN } }]);
    const closed = await createAsker({}, { search });
    expect((await closed.ask(`GET /channels/${ONE}/messages/search?q=kiwi`)).status).toBe(404);
    expect(queries).toHaveLength(1);
  });
});

describe("what makes no search is malformed", () => {
  test.each([
    ["nothing asked for", ""],
    ["only a limit", "limit=5"],
    ["257 characters", `q=${"x".repeat(257)}`],
    ["blanks", "q=%20%20"],
    ["NUL", "q=a%00b"],
    ["51 hits", "q=a&limit=51"],
    ["something that messages do not have", "has=soul"],
    ["a list with a hole", "has=file,"],
    ["a time without an offset", "q=a&before=2026-01-01T00:00:00"],
    ["a language that is none", "q=a&language=klingon"],
    ["an author who cannot be", "authorId=bob"],
    ["a cursor of nobody's", "q=a&older=AAAAAAAA"],
  ])("%s: ?%s", async (_what, query) => {
    const { search, queries } = engine();
    const { ask } = await createAsker(owner(), { search });
    for (const path of ["/search", `/channels/${ONE}/messages/search`]) {
      const { status, body } = await ask(`GET ${path}?${query}`);
      if (path === "/search" || !query.includes("language"))
        expect([status, body.code]).toEqual([400, "malformed"]);
    }
    expect(queries).toEqual([]);
  });
});
