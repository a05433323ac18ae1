import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { SearchQuery } from "../../gateway/ports.ts";
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { migratedDatabase } from "../../test/support/servers.ts";
import { channelId, clientId, userId } from "./projector/test-log.ts";
import { clear, openTestStore, type TestStore } from "./test-store.ts";

const [READER, OTHER] = [userId(1), userId(2)];
const SPACE = channelId(100);
const [GENERAL, SECRET, DM] = [channelId(1), channelId(2), channelId(3)];
const DAY_MS = 86_400_000;
const NOW_MS = 1_790_000_000_000;

let store: TestStore;
let sent = 0;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterAll(() => store.close());
beforeEach(async () => {
  sent = 0;
  await clear(store);
  await store.sql("truncate message_search, search_backlog");
  await channel(SPACE, { language: "english" });
  await channel(GENERAL, { spaceId: SPACE });
  await channel(SECRET, { spaceId: SPACE });
  await channel(DM);
  for (const id of [SPACE, GENERAL, DM]) await member(id, READER);
});

async function channel(
  id: ChannelId,
  { language, spaceId }: { language?: Channel["language"]; spaceId?: ChannelId } = {},
): Promise<void> {
  await store.sql(
    `insert into channels (id, kind, space_id, language, settings, archived, seq, epoch, reigns, member_count, message_count,
      last_message_at_ms, last_at_ms, created_at_ms)
     values ($1, $2, $3, $4, '{}', false, 1000, 1, '[]', 1, 1000, $5, $5, $6)`,
    [id, language ? "space" : "topic", spaceId, language, NOW_MS, NOW_MS - 1_000 * DAY_MS],
  );
}

async function member(id: ChannelId, user: UserId, status = "active"): Promise<void> {
  await store.sql(
    `insert into channel_members (channel_id, user_id, role, status, joined_at_ms, updated_seq) values ($1, $2, 'guest', $3, 1, 1)
     on conflict (channel_id, user_id) do update set status = excluded.status`,
    [id, user, status],
  );
}

type Said = { channelId?: ChannelId; authorId?: UserId; atMs?: number; type?: string; filename?: string };

/** As the projector stores a message; the channel's own number is its seq. */
async function say(
  content: string,
  said: Said & { attachments?: object[]; encryption?: object } = {},
): Promise<number> {
  const seq = ++sent;
  const { channelId: id = GENERAL, authorId = OTHER, atMs = NOW_MS - 1_000 + seq, type = "text" } = said;
  await store.sql(
    `insert into messages (channel_id, seq, epoch, updated_seq, updated_at_ms, ordinal, author_id, client_id, type, content, html,
      filename, attachments, encryption, at_ms)
     values ($1, $2, 1, $2, $3, $2, $4, $5, $6, $7, '', $8, $9, $10, $3)`,
    [
      id,
      seq,
      atMs,
      authorId,
      clientId(seq),
      type,
      content,
      said.filename,
      json(said.attachments),
      said.encryption,
    ],
  );
  return seq;
}

const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));

async function edit(seq: number, content: string, deletedAtMs: number | null = null): Promise<void> {
  await store.sql(
    "update messages set content = $2, deleted_at_ms = $3, updated_seq = updated_seq + 1000 where seq = $1",
    [seq, content, deletedAtMs],
  );
}

type Wanted = Partial<SearchQuery>;

/** The texts of a page. */
async function find(words: string | undefined, more: Wanted = {}): Promise<string[]> {
  return (await page(words, more)).map(({ message }) => message.content);
}

async function page(words: string | undefined, more: Wanted = {}) {
  const query = { reader: READER, words, limit: 20, ...more };
  const { found } = await store.search.find(query);
  return store.search.hits(found, READER, words);
}

describe("row F4: a search finds", () => {
  test.each([
    ["words in any order", "kiwis green", ["green kiwi"]],
    ["a word in another form of its language", "meetings", ["we met, the meeting was long"]],
    ["a phrase, and only as it stands", '"green kiwi"', ["green kiwi"]],
    ["no phrase the other way round", '"kiwi green"', []],
    ["what lacks a word", "kiwi -green", ["red kiwi"]],
    ["one word or another", "meeting or red", ["we met, the meeting was long", "red kiwi"]],
    ["nothing by words that every text has", "the of and", []],
    ["nothing by signs alone", "!&|<->:*()'\\", []],
    ["nothing by a mark of the index", "' s00000064'", []],
    ["names of files", "budget", ["see this"]],
  ])("%s: %s", async (_what, words, expected) => {
    await say("green kiwi");
    await say("red kiwi");
    await say("we met, the meeting was long");
    await say("see this", { type: "file", attachments: [{ filename: "budget 2026.pdf" }] });
    expect(await find(words)).toEqual(expected);
  });

  test("words as they are where there is no space, and so no language", async () => {
    await say("meeting", { channelId: DM });
    expect(await find("meetings")).toEqual([]);
    expect(await find("Meeting")).toEqual(["meeting"]);
  });

  test("each space in its own language, all of them at once", async () => {
    const [space, topic] = [channelId(101), channelId(10)];
    await channel(space, { language: "german" });
    await channel(topic, { spaceId: space });
    for (const id of [space, topic]) await member(id, READER);
    await say("running houses");
    await say("Häuser", { channelId: topic });
    await say("houses", { channelId: DM });
    expect(await find("haus or house")).toEqual(["Häuser", "running houses"]);
    expect(await find("houses", { language: "simple" })).toEqual(["houses"]);
    expect(await find("haus", { language: "german" })).toEqual(["Häuser"]);
    expect(await find("haus", { language: "english" })).toEqual([]);
  });

  test("by author, channel, space, time and what a message carries, with words and without", async () => {
    await say("kiwi one", { authorId: READER });
    await say("kiwi two https://kiwi.example/two", { atMs: NOW_MS - 5 * DAY_MS });
    await say("kiwi three", { type: "code" });
    await say("kiwi four", { channelId: DM, attachments: [{ filename: "four.png" }] });
    const all = ["kiwi four", "kiwi three", "kiwi one", "kiwi two https://kiwi.example/two"];
    for (const words of ["kiwi", undefined]) {
      expect(await find(words)).toEqual(all);
      expect(await find(words, { authorId: READER })).toEqual(["kiwi one"]);
      expect(await find(words, { channelId: DM })).toEqual(["kiwi four"]);
      expect(await find(words, { spaceId: SPACE })).toEqual(all.slice(1));
      expect(await find(words, { beforeMs: NOW_MS - DAY_MS })).toEqual(all.slice(3));
      expect(await find(words, { afterMs: NOW_MS - DAY_MS })).toEqual(all.slice(0, 3));
      expect(await find(words, { has: ["link"] })).toEqual(all.slice(3));
      expect(await find(words, { has: ["code"] })).toEqual(["kiwi three"]);
      expect(await find(words, { has: ["file"] })).toEqual(["kiwi four"]);
      expect(await find(words, { has: ["file", "code"] })).toEqual([]);
    }
    expect(await find("kiwi", { beforeMs: NOW_MS - 1_000 + 2, afterMs: NOW_MS - 1_000 + 1 })).toEqual([
      "kiwi one",
    ]);
  });
});

describe("row F4: an excerpt", () => {
  const excerptOf = async (words: string | undefined) => (await page(words))[0]!.excerpt;

  test("marks the words in plain text, whatever stands in it", async () => {
    const said = "a \u0002kiwi\u0003 and <b>KIWIS</b> & </mark><script>kiwi</script> Map<kiwi>";
    await say(said);
    const { text, marks } = await excerptOf("kiwi");
    expect(marks.map(([from, to]) => text.slice(from, to))).toEqual(["kiwi", "KIWIS", "kiwi", "kiwi"]);
    expect(text).toBe(said.replaceAll(/[^ -~]/g, ""));
  });

  test("is a part of a long text, around the words; without words its beginning", async () => {
    await say(`${"lorem ipsum dolor ".repeat(100)}kiwi ${"sit amet ".repeat(100)}`);
    const { text, marks } = await excerptOf("kiwi");
    expect(text.length).toBeLessThan(400);
    expect(marks).toHaveLength(1);
    const plain = await excerptOf(undefined);
    expect(plain.text.length).toBeLessThan(210);
    expect(plain.marks).toEqual([]);
  });
});

describe("row F4: nobody finds", () => {
  test("what a channel says in which they are not active, or whose space they have left", async () => {
    await say("kiwi", { channelId: SECRET });
    expect(await find("kiwi")).toEqual([]);
    for (const status of ["pending", "left", "removed"]) {
      await member(SECRET, READER, status);
      expect([await find("kiwi"), await find(undefined, { channelId: SECRET })]).toEqual([[], []]);
    }
    await member(SECRET, READER);
    expect(await find("kiwi")).toEqual(["kiwi"]);
    await member(SPACE, READER, "removed");
    expect(await find("kiwi")).toEqual([]);
  });

  test("what a channel says in which they are not, where their space is named instead of each channel", async () => {
    for (let n = 0; n < 40; n++) {
      await channel(channelId(200 + n), { spaceId: SPACE });
      await member(channelId(200 + n), READER);
    }
    await say("kiwi", { channelId: SECRET });
    await say("kiwi too", { channelId: channelId(230) });
    expect(await find("kiwi")).toEqual(["kiwi too"]);
    expect(await find(undefined)).toEqual(["kiwi too"]);
  });

  test("deleted and encrypted messages, or edited ones by their old words", async () => {
    const edited = await say("kiwi");
    const deleted = await say("kiwi gone");
    const purged = await say("nothing yet");
    await say("kiwi", { encryption: { keyId: "one", algorithm: "x" } });
    await edit(edited, "mango");
    await edit(deleted, "", NOW_MS);
    await edit(purged, "kiwi");
    await edit(purged, "", NOW_MS);
    expect(await find("kiwi")).toEqual([]);
    expect(await find("mango")).toEqual(["mango"]);
    expect(await find(undefined)).toEqual(["mango"]);
  });

  test("rule H4: what was edited or deleted between the search and its reading", async () => {
    const [edited, deleted, same] = [await say("kiwi 1"), await say("kiwi 2"), await say("kiwi 3")];
    const { found } = await store.search.find({ reader: READER, words: "kiwi", limit: 20 });
    expect(found.map(({ seq }) => seq)).toEqual([same, deleted, edited]);
    await edit(edited, "mango");
    await edit(deleted, "", NOW_MS);
    const hits = await store.search.hits(found, READER, "kiwi");
    expect(hits.map(({ message }) => message.content)).toEqual(["kiwi 3"]);
  });
});

test("a replica looks while it answers", async () => {
  await say("kiwi");
  for (const [replicaUrl, asked] of [
    [store.databaseUrl, 3],
    ["postgres://postgres@127.0.0.1:1/nothing", 0],
  ] as const) {
    const own = openTestStore(store.databaseUrl, { replicaUrl });
    const { found } = await own.search.find({ reader: READER, words: "kiwi", limit: 20 });
    expect([found.length, await own.statements("replica")]).toEqual([1, asked]);
    await own.close();
  }
});

describe("row F4: pages", () => {
  const days = fc.array(fc.nat(900), { minLength: 1, maxLength: 40 });

  test("together they are all that fits, newest first, each once", { timeout: 60_000 }, async () => {
    const law = fc.asyncProperty(days, fc.integer({ min: 1, max: 7 }), async (ages, limit) => {
      await store.sql("truncate messages, message_search");
      const said: { atMs: number; seq: number }[] = [];
      for (const age of ages) {
        const atMs = NOW_MS - age * DAY_MS;
        said.push({ atMs, seq: await say("kiwi", { atMs }) });
      }
      const expected = said.sort((a, b) => b.atMs - a.atMs || b.seq - a.seq).map(({ seq }) => seq);
      const seen: number[] = [];
      let older: SearchQuery["older"];
      do {
        const next = await store.search.find({ reader: READER, words: "kiwi", limit, older });
        seen.push(...next.found.map(({ seq }) => seq));
        older = next.older;
      } while (older);
      expect(seen).toEqual(expected);
    });
    await fc.assert(law, { numRuns: 15 });
  });
});

describe("the index of words", () => {
  /** What stands in it, against what would be put in anew. */
  const drift = `
    select m.seq from messages m left join channels c on c.id = m.channel_id left join channels p on p.id = c.space_id
    left join message_search s on s.channel_id = m.channel_id and s.seq = m.seq
    where s.words is distinct from search_entry(m.channel_id, c.space_id, m.author_id, m.at_ms, p.language, m.type, m.content,
      m.filename, m.attachments, m.deleted_at_ms)`;

  async function catchUp(): Promise<void> {
    while (await store.search.catchUp());
  }

  test("takes in what was there before it, and knows by the version what is newer", async () => {
    const [first, second] = [await say("kiwi"), await say("mango")];
    for (let n = 0; n < 600; n++) await say("many");
    await store.sql("truncate message_search");
    await store.sql("insert into search_backlog values ($1, 1000)", [GENERAL]);
    await edit(second, "", NOW_MS);
    await catchUp();
    expect(await store.sql(drift)).toEqual([]);
    expect(await store.sql("select * from search_backlog")).toEqual([]);
    await store.sql("update message_search set version = 9000, words = 'newer' where seq = $1", [first]);
    await store.sql("insert into search_backlog values ($1, 1000)", [GENERAL]);
    await catchUp();
    expect(await store.sql("select words from message_search where seq = $1", [first])).toEqual([
      { words: "'newer'" },
    ]);
  });

  test("is put right when a space's row comes after its messages", async () => {
    const [space, topic] = [channelId(102), channelId(11)];
    await channel(topic, { spaceId: space });
    await say("meetings", { channelId: topic });
    await catchUp();
    expect(await store.sql("select channel_id from search_backlog")).toEqual([{ channel_id: topic }]);
    await channel(space, { language: "english" });
    for (const id of [space, topic]) await member(id, READER);
    await catchUp();
    expect(await find("meeting")).toEqual(["meetings"]);
    expect(await store.sql("select * from search_backlog")).toEqual([]);
  });
});
