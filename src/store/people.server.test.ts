import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { DEFAULT_SETTINGS } from "../../protocol/people.ts";
import { migratedDatabase } from "../../test/support/servers.ts";
import { BLOCKS_MAX } from "./people.ts";
import { userId } from "./projector/test-log.ts";
import { openTestStore, type TestStore } from "./test-store.ts";

let store: TestStore;
const [ADA, BOB, CAT] = [1, 2, 3].map((n) => userId(n)) as [UserId, UserId, UserId];
const NOBODY = userId(99_999);

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
  for (const [id, username] of [
    [ADA, "ada"],
    [BOB, "bob"],
    [CAT, "cat"],
  ] as const)
    await store.accounts.create({ id, username, displayName: username, passwordHash: "h" });
});
afterAll(() => store.close());

describe("row P2: a profile", () => {
  test("changes where it is told to; null takes away, absent stays", async () => {
    const { people } = store;
    const full = { displayName: "Ada L.", bio: "First.", avatarUrl: "https://a.example/1.png" };
    expect(await people.update(ADA, full)).toMatchObject({ username: "ada", ...full });
    expect(await people.update(ADA, { bio: "Second." })).toMatchObject({ ...full, bio: "Second." });
    const bare = await people.update(ADA, { bio: null, avatarUrl: null });
    expect(bare).toMatchObject({ displayName: "Ada L." });
    expect(Object.keys(bare!)).not.toContain("bio");
    expect(Object.keys(bare!)).not.toContain("avatarUrl");
    expect(await store.accounts.users([ADA])).toEqual([bare]);
    expect(await people.update(NOBODY, full)).toBeUndefined();
  });
});

describe("row N3: settings", () => {
  test("are the defaults until they are changed, and each change leaves the others", async () => {
    const { people } = store;
    expect(await people.settings(BOB)).toEqual(DEFAULT_SETTINGS);
    const quietHours = { fromMinute: 1_320, toMinute: 420 };
    await people.setSettings(BOB, { quietHours, timeZone: "Europe/Berlin" });
    expect(await people.setSettings(BOB, { keywords: ["deploy"] })).toEqual({
      ...DEFAULT_SETTINGS,
      quietHours,
      timeZone: "Europe/Berlin",
      keywords: ["deploy"],
    });
    expect(await people.setSettings(BOB, { quietHours: null })).toMatchObject({ quietHours: null });
    expect(await people.setSettings(BOB, {})).toEqual(await people.settings(BOB));
  });

  test("are checked on the way in and on the way out", async () => {
    await expect(store.people.setSettings(CAT, { timeZone: "Mars/Olympus" })).rejects.toThrow(/time zone/);
    // What a newer version keeps beside ours is not shown; what contradicts the schema is a broken promise.
    await store.people.setSettings(CAT, { digest: "daily" });
    await store.sql(
      `update user_settings set settings = settings || '{"ofTomorrow": 1}' where user_id = $1`,
      [CAT],
    );
    expect(await store.people.settings(CAT)).toEqual({ ...DEFAULT_SETTINGS, digest: "daily" });
    await store.sql(`update user_settings set settings = '{"digest": "never"}' where user_id = $1`, [CAT]);
    await expect(store.people.settings(CAT)).rejects.toThrow();
  });

  test("of a channel are the last that were chosen", async () => {
    const channelId = "01890000-0000-7000-8000-00000000c001" as ChannelId;
    for (const notify of ["none", "mentions"] as const) await store.people.setNotify(ADA, channelId, notify);
    expect(await store.sql("select user_id, channel_id, notify from channel_preferences")).toEqual([
      { user_id: ADA, channel_id: channelId, notify: "mentions" },
    ]);
  });
});

test("row S6: a public key is what was last put there", async () => {
  const key = { keyId: "k1", algorithm: "x25519", key: "AAAA" };
  expect(await store.people.key(ADA)).toBeUndefined();
  await store.people.setKey(ADA, key);
  await store.people.setKey(ADA, { ...key, keyId: "k2" });
  expect(await store.people.key(ADA)).toEqual({ ...key, keyId: "k2" });
});

describe("row P7: a block", () => {
  test("stands between the two, is the one's alone to lift, and a repeat changes nothing", async () => {
    const { people, userFacts } = store;
    expect(await people.setBlock(ADA, BOB, true)).toBe(true);
    const [first] = await store.sql("select * from blocks");
    expect(await people.setBlock(ADA, BOB, true)).toBe(true);
    expect(await store.sql("select * from blocks")).toEqual([first]);
    expect((await people.blocked(ADA)).map(({ username }) => username)).toEqual(["bob"]);
    expect(await people.blocked(BOB)).toEqual([]);
    expect(await people.blockedAmong(BOB, [ADA, CAT])).toEqual(new Set([ADA]));
    expect(await people.blockedAmong(ADA, [BOB, CAT, NOBODY])).toEqual(new Set([BOB]));
    expect(await userFacts.person(ADA)).toMatchObject({ blocked: [BOB], blockedBy: [] });
    expect(await userFacts.person(BOB)).toMatchObject({ blocked: [], blockedBy: [ADA] });
    await people.setBlock(BOB, ADA, false);
    expect(await people.blockedAmong(BOB, [ADA])).toEqual(new Set([ADA]));
    await people.setBlock(ADA, BOB, false);
    await people.setBlock(ADA, BOB, false);
    expect(await people.blockedAmong(BOB, [ADA])).toEqual(new Set());
  });

  test("of nobody, or beyond as many as one may have, is not made", async () => {
    expect(await store.people.setBlock(ADA, NOBODY, true)).toBe(false);
    await store.sql(
      `insert into users (id, username, display_name, created_at_ms)
       select ('01890000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'crowd' || n, 'x', 1
       from generate_series(1, $1) as n`,
      [BLOCKS_MAX],
    );
    await store.sql(
      "insert into blocks (user_id, other_id, at_ms) select $1, id, 1 from users where username like 'crowd%'",
      [CAT],
    );
    expect(await store.people.setBlock(CAT, ADA, true)).toBe(false);
    expect(await store.people.setBlock(CAT, "01890000-0000-7000-9000-000000000001" as UserId, true)).toBe(
      true,
    );
    expect(await store.people.blocked(CAT)).toHaveLength(BLOCKS_MAX);
  });
});

describe("rule E4: presence", () => {
  test("is kept as it was chosen, and last seen only grows", async () => {
    const { people, userFacts } = store;
    const nothing = { blocked: [], blockedBy: [CAT] };
    await store.sql(
      "delete from blocks; insert into blocks (user_id, other_id, at_ms) select u.id, o.id, 1 from users u, users o where u.username = 'cat' and o.username = 'bob'",
    );
    expect(await userFacts.person(BOB)).toEqual({ status: "online", ...nothing });
    await people.choosePresence(BOB, { status: "dnd", text: "in a meeting" });
    await Promise.all([userFacts.seen(BOB, 2_000), userFacts.seen(BOB, 3_000), userFacts.seen(ADA, 1_000)]);
    await userFacts.seen(BOB, 2_500);
    expect(await userFacts.person(BOB)).toEqual({
      status: "dnd",
      text: "in a meeting",
      lastSeenAtMs: 3_000,
      ...nothing,
    });
    await people.choosePresence(BOB, { status: "invisible" });
    expect(await userFacts.person(BOB)).toEqual({ status: "invisible", lastSeenAtMs: 3_000, ...nothing });
    expect(await userFacts.person(NOBODY)).toBeUndefined();
  });

  test("asked of many in one turn is one statement", async () => {
    const before = await store.statements("read");
    const found = await Promise.all([ADA, NOBODY, CAT, ADA].map((id) => store.userFacts.person(id)));
    expect(found.map((person) => person !== undefined)).toEqual([true, false, true, true]);
    expect((await store.statements("read")) - before).toBe(1);
  });
});

describe("row P1: the person of another issuer's token", () => {
  const ISSUER = "https://id.example";
  const claims = { issuer: ISSUER, subject: "42", username: "dora", displayName: "Dora" };

  test("is made once, however many tokens arrive at once, under whatever names", async () => {
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, n) => store.people.fromIssuer({ ...claims, username: `dora${n % 3}` })),
    );
    expect(new Set(all.map((user) => (user as { id: UserId }).id)).size).toBe(1);
    expect(await store.sql("select 1 from users where username like 'dora%'")).toHaveLength(1);
    expect(await store.people.fromIssuer({ ...claims, username: "renamed" })).toEqual(all[0]);
    expect(all[0]).toMatchObject({ displayName: "Dora", bot: false });
  });

  test("is another one of another issuer or subject, and never someone else's name", async () => {
    const other = await store.people.fromIssuer({ ...claims, subject: "43", username: "eve" });
    const elsewhere = await store.people.fromIssuer({
      ...claims,
      issuer: "https://b.example",
      username: "fay",
    });
    expect(new Set([other, elsewhere].map((user) => (user as { id: UserId }).id)).size).toBe(2);
    const taken = { ...claims, subject: "44", username: "ADA" };
    expect(await store.people.fromIssuer(taken)).toBe("taken");
    // Nothing of the failed try is left: another name goes through.
    expect(await store.people.fromIssuer({ ...taken, username: "ada_44" })).toMatchObject({
      username: "ada_44",
    });
  });

  test("has no password: nobody logs in as them", async () => {
    expect(await store.accounts.byLogin("eve")).toBeUndefined();
  });
});

test("each rejects with StoreAway when Postgres is away", async () => {
  const lost = openTestStore("postgres://nobody@127.0.0.1:1/none");
  await expect(lost.people.settings(ADA)).rejects.toBeInstanceOf(StoreAway);
  await expect(lost.people.search("a", ADA, 1)).rejects.toBeInstanceOf(StoreAway);
  await expect(lost.userFacts.person(ADA)).rejects.toBeInstanceOf(StoreAway);
  await expect(lost.userFacts.seen(ADA, 1)).rejects.toBeInstanceOf(StoreAway);
  await lost.close();
});
