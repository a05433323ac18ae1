import { afterAll, beforeAll, expect, test } from "vitest";
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
