import { afterAll, beforeAll, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/servers.ts";
import { channelId, START_MS, TestLog, userId } from "./projector/test-log.ts";
import { openTestStore, project, type TestStore } from "./test-store.ts";

let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterAll(() => store.close());

test("a person's channels with what is unread and who mentioned them, by space and kind", async () => {
  const log = new TestLog();
  log.create(70, 0);
  const space = channelId(70);
  const asSpace = {
    id: space,
    kind: "space" as const,
    settings: {},
    archived: false,
    seq: 0,
    epoch: 1,
    memberCount: 1,
  };
  log.happen(70, 0, { type: "channel:updated", channel: asSpace });
  log.create(72, 0);
  const topic = {
    id: channelId(72),
    spaceId: space,
    kind: "topic" as const,
    name: "talk",
    settings: { slowModeSeconds: 5 },
    archived: false,
    seq: 0,
    epoch: 1,
    memberCount: 1,
  };
  log.happen(72, 0, { type: "channel:updated", channel: topic });
  log.send(72, 0);
  log.join(70, 5);
  log.join(72, 5);
  log.send(72, 0, "hey", { mentioned: userId(5) });
  log.send(72, 0, "hey you two");
  const everyone = log.records.at(-1)!.record as { event: { message: { mentions: unknown[] } } };
  everyone.event.message.mentions = [{ kind: "everyone" }, { kind: "here" }];
  log.create(74, 5);
  await project(store, log);
  const { ofUser, listed } = store.memberships;
  const [joined, own] = await ofUser(userId(5));
  expect(joined).toMatchObject({
    messageCount: 3,
    unread: 2,
    mentions: 2,
    readSeq: 5,
    channel: { ...topic, seq: 7, memberCount: 2 },
  });
  expect(own).toMatchObject({ unread: 0, mentions: 0, channel: { id: channelId(74), kind: "group" } });
  expect(await ofUser(userId(5), { spaceId: space })).toEqual([joined]);
  expect(await ofUser(userId(5), { kind: "group" })).toEqual([own]);
  expect((await ofUser(userId(0), { kind: "space" })).map(({ channel }) => channel.id)).toEqual([space]);
  expect((await ofUser(userId(0))).map(({ channel }) => channel.kind)).not.toContain("space");
  expect((await listed(space, userId(5))).map(({ name }) => name)).toEqual(["talk"]);

  const put = (n: number, status: "active" | "removed", bannedUntilMs?: number | null) =>
    log.happen(n, 0, {
      type: "member:updated",
      member: { userId: userId(5), role: "member", status, joinedAtMs: START_MS, bannedUntilMs },
      memberCount: 1,
    });
  // Banned from the topic: it is listed to them no more, until the ban has ended.
  put(72, "removed", null);
  await project(store, log);
  expect(await listed(space, userId(5))).toEqual([]);
  expect((await listed(space, userId(0))).map(({ name }) => name)).toEqual(["talk"]);
  put(72, "removed", START_MS);
  await project(store, log);
  expect((await listed(space, userId(5))).map(({ name }) => name)).toEqual(["talk"]);
  // Banned from the space, and still in the topic: in none of its channels.
  put(72, "active");
  put(70, "removed", null);
  await project(store, log);
  expect(await ofUser(userId(5))).toEqual([own]);
  expect(await ofUser(userId(5), { spaceId: space })).toEqual([]);
});

test("a dm names the other of the two, and each channel what its member wants to be told", async () => {
  const log = new TestLog();
  log.create(80, 8);
  log.join(80, 9);
  const { event } = log.records[0]!.record as { event: { channel: { kind: string } } };
  event.channel.kind = "dm";
  log.create(82, 8);
  await project(store, log);
  const other = await store.accounts.create({
    id: userId(9),
    username: "other",
    displayName: "O",
    passwordHash: "h",
  });
  await store.people.setNotify(userId(8), channelId(82), "mentions");
  const before = await store.statements("read");
  const [dm, group] = await store.memberships.ofUser(userId(8));
  expect((await store.statements("read")) - before).toBe(1);
  expect(dm).toMatchObject({ notify: "all", peer: other });
  expect(group).toMatchObject({ notify: "mentions" });
  expect(group).not.toHaveProperty("peer");
  expect((await store.memberships.ofUser(userId(9)))[0]).not.toHaveProperty("peer");
});

test("row C13: a channel in which nothing happened for so many days is listed as archived, before anyone comes by", async () => {
  let nowMs = START_MS;
  const own = openTestStore(store.databaseUrl, { nowMs: () => nowMs });
  const log = new TestLog();
  log.create(84, 7);
  const { event } = log.records[0]!.record as { event: { channel: { settings: object } } };
  event.channel.settings = { autoArchiveDays: 30 };
  log.send(84, 7);
  await project(own, log);
  const archived = async () => (await own.memberships.ofUser(userId(7)))[0]?.channel.archived;
  const dueMs = START_MS + 3 * 7 + 30 * 86_400_000;
  nowMs = dueMs - 1;
  expect(await archived()).toBe(false);
  nowMs = dueMs;
  expect(await archived()).toBe(true);
  await own.close();
});

test("members are paged by id, or looked up among others, without those who left", async () => {
  const own = openTestStore(await migratedDatabase());
  const log = new TestLog();
  log.create(0, 0);
  for (const n of [1, 2, 3]) log.join(0, n);
  const left = {
    userId: userId(2),
    role: "member" as const,
    status: "left" as const,
    joinedAtMs: START_MS,
  };
  log.happen(0, 2, { type: "member:left", userId: userId(2), member: left, memberCount: 3 });
  for (const n of [0, 1, 2, 3]) {
    await own.accounts.create({
      id: userId(n),
      username: `user${n}`,
      displayName: `${n}`,
      passwordHash: "h",
    });
  }
  await project(own, log);
  const page = async (afterUserId?: ReturnType<typeof userId>) =>
    (await own.memberships.members(channelId(0), { afterUserId, limit: 2 })).map(({ user, member }) => [
      user.username,
      member.status,
    ]);
  expect(await page()).toEqual([
    ["user0", "active"],
    ["user1", "active"],
  ]);
  expect(await page(userId(1))).toEqual([["user3", "active"]]);
  const among = [userId(3), userId(2), userId(0), userId(7)];
  const chosen = await own.memberships.members(channelId(0), { among, limit: 4 });
  expect(chosen.map(({ user }) => user.username)).toEqual(["user0", "user3"]);
  await own.close();
});
