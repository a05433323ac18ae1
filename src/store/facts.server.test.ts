import { afterAll, beforeAll, expect, test } from "vitest";
import type { Channel } from "../../protocol/channel.ts";
import { messageId } from "../../protocol/ids.ts";
import type { Mention } from "../../protocol/message.ts";
import { migratedDatabase } from "../../test/support/servers.ts";
import { channelId, clientId, START_MS, TestLog, userId } from "./projector/test-log.ts";
import { openTestStore, project, type TestStore } from "./test-store.ts";

let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterAll(() => store.close());

test("all that is asked in one turn is one statement", async () => {
  const log = TestLog.of([]);
  const sent = log.send(0, 0);
  await project(store, log);
  const before = await store.statements("read");
  const { facts } = store;
  const message = (sent.event as Extract<typeof sent.event, { type: "message:new" }>).message;
  const [channel, nowhere, heads, member, stranger, found, unknown, ordinal, none] = await Promise.all([
    facts.channel(channelId(0)),
    facts.channel(channelId(50)),
    facts.heads([channelId(50), channelId(1), channelId(0)]),
    facts.member(channelId(0), userId(0)),
    facts.member(channelId(0), userId(9)),
    facts.sent(channelId(0), userId(0), message.clientId),
    facts.sent(channelId(0), userId(0), clientId(99)),
    facts.ordinalAt(channelId(0), 3),
    facts.ordinalAt(channelId(0), 2),
  ]);
  expect((await store.statements("read")) - before).toBe(1);
  expect(channel?.channel.seq).toBe(3);
  expect(heads).toEqual(
    new Map([
      [channelId(1), [2, 1]],
      [channelId(0), [3, 1]],
    ]),
  );
  expect(member).toMatchObject({
    lastClientId: message.clientId,
    lastSentAtMs: message.atMs,
    readCount: 1,
    readSeq: 3,
  });
  expect(found?.message).toEqual(message);
  expect([nowhere, stranger, unknown]).toEqual([undefined, undefined, undefined]);
  expect([ordinal, none]).toEqual([1, 0]);
});

test("a dm answers its two people, from its first message on", async () => {
  const dm = channelId(60);
  await projectDm(store, dm);
  expect((await store.facts.channel(dm))?.pair).toEqual([userId(1), userId(2)]);
  expect((await store.facts.channel(channelId(0)))?.pair).toBeUndefined();
});

test("a mute for ever, until a time, and none are three things", async () => {
  const log = new TestLog();
  log.create(61, 0);
  const id = channelId(61);
  const ends = [null, 5, undefined] as const;
  for (const [i, mutedUntilMs] of ends.entries()) {
    const member = {
      userId: userId(i),
      role: "member" as const,
      status: "active" as const,
      joinedAtMs: START_MS,
      mutedUntilMs,
    };
    log.happen(61, 0, { type: "member:updated", member, memberCount: 3 });
  }
  await project(store, log);
  const members = await Promise.all([0, 1, 2].map((i) => store.facts.member(id, userId(i))));
  expect(members.map((row) => row?.member.mutedUntilMs)).toEqual([null, 5, undefined]);
});

test("a message with what is on it, and what hangs on it, is one statement with all else", async () => {
  const log = new TestLog();
  log.create(63, 0); // seq 1 and 2
  const id = channelId(63);
  const root = log.send(63, 0, "look", { mentioned: userId(1) }); // 3
  log.join(63, 1); // 4
  log.happen(63, 0, { type: "message:pinned", messageId: messageId(id, 3) }); // 5
  for (const [user, emoji] of [
    [1, "🎉"],
    [0, "👍"],
    [1, "👍"],
  ] as const)
    log.react(63, user, messageId(id, 3), emoji, true); // 6 … 8
  log.reply(63, 1, 0); // 9
  log.send(63, 0, "again", { mentioned: userId(1) }); // 10
  await project(store, log);
  await people(0, 1);
  await store.people.setBlock(userId(0), userId(1), true);
  const before = await store.statements("read");
  const { facts } = store;
  const answers = await Promise.all([
    facts.message(id, 3),
    facts.message(id, 4),
    facts.reactions(id, 3, userId(1)),
    facts.reactions(channelId(99), 3, userId(1)),
    facts.pins(id),
    facts.follow(id, 3, userId(1)),
    facts.follow(id, 3, userId(2)),
    facts.followers(id, 3, 10),
    facts.followers(id, 3, 1),
    facts.blockBetween(userId(0), userId(1)),
    facts.blockBetween(userId(1), userId(0)),
    facts.blockBetween(userId(1), userId(2)),
    facts.member(id, userId(1)),
    facts.channel(id),
    facts.mentionsAfter(id, userId(1), 2),
    facts.mentionsAfter(id, userId(1), 3),
    facts.mentionsAfter(id, userId(0), 0),
    facts.mentionsAfter(channelId(99), userId(0), 0),
  ]);
  const counts = answers.splice(-4);
  expect(counts).toEqual([
    { mentions: 2, asOfSeq: 10 },
    { mentions: 1, asOfSeq: 10 },
    { mentions: 0, asOfSeq: 10 },
    { mentions: 0, asOfSeq: 0 },
  ]);
  expect((await store.statements("read")) - before).toBe(1);
  expect(answers[0]).toEqual({ message: log.messages(63).get(messageId(id, 3)), asOfSeq: 10 });
  expect(answers.slice(1, -2)).toEqual([
    undefined,
    { emojis: ["🎉", "👍"], asOfSeq: 10 },
    { emojis: [], asOfSeq: 0 },
    { seqs: [3], asOfSeq: 10 },
    { following: true, atMs: 0, readCount: 1 },
    undefined,
    [userId(0), userId(1)],
    [userId(0)],
    true,
    true,
    false,
  ]);
  expect(answers.at(-2)).toMatchObject({ mentions: 1, asOfSeq: 10, readSeq: 9 });
  expect(answers.at(-1)).toMatchObject({ lastMessageAtMs: root.event.atMs + 7 * 7 });
});

test("rule E6: who is named, and called with everyone, is mentioned once by one message", async () => {
  const log = new TestLog();
  log.create(65, 0); // seq 1 and 2
  log.join(65, 1); // 3
  const { event } = log.send(65, 0) as { event: { message: { mentions: Mention[] } } }; // 4
  event.message.mentions = [{ kind: "user", userId: userId(1) }, { kind: "everyone" }];
  await project(store, log);
  const [named, called] = [1, 0].map((n) => store.facts.mentionsAfter(channelId(65), userId(n), 3));
  expect(await Promise.all([named, called])).toEqual(Array(2).fill({ mentions: 1, asOfSeq: 4 }));
});

test("row C11: a channel that slowed down by itself says so, until an event says otherwise", async () => {
  const log = new TestLog();
  log.create(64, 0);
  const slowed = { seconds: 5, untilMs: START_MS + 60_000 };
  const channel = log.records[0]!.record as unknown as { event: { channel: Channel } };
  log.happen(64, 0, { type: "channel:updated", channel: { ...channel.event.channel, slowed } });
  await project(store, log);
  expect((await store.facts.channel(channelId(64)))?.channel.slowed).toEqual(slowed);
  log.happen(64, 0, { type: "channel:updated", channel: channel.event.channel });
  await project(store, log);
  expect((await store.facts.channel(channelId(64)))?.channel.slowed).toBeUndefined();
});

async function people(...ns: number[]): Promise<void> {
  for (const n of ns)
    await store.accounts.create({
      id: userId(n),
      username: `user${n}`,
      displayName: `${n}`,
      passwordHash: "h",
    });
}

async function projectDm(on: TestStore, dm: ReturnType<typeof channelId>): Promise<void> {
  const log = new TestLog();
  log.create(60, 1);
  log.join(60, 2);
  const [created] = log.records;
  const { channel } = (created!.record as { event: { channel: { kind: string; id: string } } }).event;
  channel.kind = "dm";
  expect(channel.id).toBe(dm);
  await project(on, log);
}
