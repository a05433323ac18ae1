import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { atLeast, type ChannelKind, type Member, ROLES } from "../../protocol/channel.ts";
import { messageId, type UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import { channel, client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import type { EventRecord } from "../ports.ts";
import { permits } from "./access.ts";
import { apply } from "./apply.ts";
import { mayGrant } from "./membership.ts";
import { restore } from "./state.ts";

const people = [1, 2, 3, 4, 5].map(user);
const [owner] = people as [UserId];
/** The owner more often than others: what they send is not refused. */
const person = fc.constantFrom(owner, owner, ...people);

const messageOfRoom = fc.integer({ min: 3, max: 12 }).map((seq) => messageId(channel(1), seq));
const mention = fc.oneof(
  person.map((userId) => ({ kind: "user" as const, userId })),
  fc.constant({ kind: "everyone" as const }),
);
/** What a message may be besides its text; dms have another id, and refuse to refer to this channel. */
const form = fc.oneof(
  { weight: 3, arbitrary: fc.record({ mentions: fc.array(mention, { maxLength: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ threadId: messageOfRoom }) },
  { weight: 1, arbitrary: fc.record({ replyTo: messageOfRoom }) },
);

const command: fc.Arbitrary<ChannelCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("send" as const),
      by: person,
      attempt: fc.constantFrom(1, 1, 2, 99),
      message: fc
        .tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom("a", "b"), form)
        .map(([n, content, more]) => ({ ...said(client(n), content), ...more })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom("join" as const, "leave" as const), by: person }),
  },
  fc.record({
    type: fc.constant("invite" as const),
    by: person,
    userId: person,
    role: fc.option(fc.constantFrom(...ROLES), { nil: undefined }),
    overrides: fc.option(fc.record({ send: fc.boolean(), addMembers: fc.boolean() }), { nil: undefined }),
  }),
  fc.record({ type: fc.constant("mark" as const), by: person, read: fc.nat(30) }),
  fc.record(
    {
      type: fc.constant("follow" as const),
      by: person,
      seq: fc.integer({ min: 1, max: 20 }),
      following: fc.boolean(),
      readCount: fc.nat(5),
    },
    { requiredKeys: ["type", "by", "seq"] },
  ),
  fc.record({
    type: fc.constant("create" as const),
    by: person,
    memberIds: fc.uniqueArray(person, { maxLength: 2 }),
    channel: fc
      .constantFrom<ChannelKind>("group", "private", "space")
      .map((kind) => ({ kind, settings: {} })),
  }),
);
const step = fc.oneof(
  { weight: 12, arbitrary: command },
  { weight: 2, arbitrary: fc.constant("flush" as const) },
);
const kind = fc.constantFrom<ChannelKind>("topic", "announcement", "private", "group", "dm", "space");

function begun(of: ChannelKind): Played {
  const played = Played.of(of, owner, { other: people[1], settings: { slowModeSeconds: 10 } });
  for (const userId of people.slice(0, 4)) played.inSpace.set(userId, "member");
  return played;
}

function run(of: ChannelKind, steps: (ChannelCommand | "flush")[]): Played {
  const played = begun(of);
  for (const each of steps) {
    played.nowMs += 7_000;
    if (each === "flush") played.flush();
    else played.do(each);
  }
  return played;
}

const law = (check: (played: Played) => void) => () =>
  fc.assert(
    fc.property(kind, fc.array(step, { maxLength: 80 }), (of, steps) => check(run(of, steps))),
    { numRuns: 300 },
  );

/** Members before each event, counted anew from the events alone. */
function* recounted(log: readonly EventRecord[]): Generator<[EventRecord["event"], Map<UserId, Member>]> {
  const members = new Map<UserId, Member>();
  for (const { event } of log) {
    yield [event, members];
    if ("member" in event) members.set(event.member.userId, event.member);
  }
}

describe("rows D1, A1: any run of commands by any people", () => {
  it(
    "leaves positions without a gap from 1, and time that never runs backwards",
    law(({ log }) => {
      expect(log.map(({ event }) => event.seq)).toEqual(log.map((_, i) => i + 1));
      expect(log.every(({ event }, i) => i === 0 || event.atMs >= log[i - 1]!.event.atMs)).toBe(true);
    }),
  );

  it(
    "replays to the same state",
    law(({ log, state }) => {
      const replayed = restore(state.id, state.reign, undefined, state.recent);
      for (const record of log) apply(replayed, record);
      expect(replayed.fold).toEqual(state.fold);
      expect(replayed.reigns).toEqual(state.reigns);
      for (const [userId, { member, lastSentAtMs, lastClientId }] of replayed.members.byUser) {
        expect(state.members.byUser.get(userId)).toMatchObject({ member, lastSentAtMs, lastClientId });
      }
    }),
  );

  it("is answered the same whether or not the channel left memory meanwhile (rule A1, rule A2, rule S1, rule E5)", () =>
    fc.assert(
      fc.property(kind, fc.array(step, { maxLength: 80 }), (of, steps) => {
        const [kept, forgetful] = [begun(of), begun(of)];
        for (const each of steps) {
          for (const played of [kept, forgetful]) played.nowMs += 7_000;
          if (each === "flush") {
            kept.flush();
            forgetful.forget();
          } else expect(forgetful.do(each)).toEqual(kept.do(each));
        }
        expect(forgetful.log).toEqual(kept.log);
      }),
      { numRuns: 300 },
    ));

  it(
    "never holds a clientId twice, whatever `attempt` said (rule S1)",
    law(({ log }) => {
      const sends = log.flatMap(({ event }) =>
        event.type === "message:new" ? [`${event.by} ${event.message.clientId}`] : [],
      );
      expect(new Set(sends).size).toBe(sends.length);
    }),
  );

  it(
    "numbers messages 1, 2, 3 …, and the replies of each thread, whose count its first message shows",
    law((played) => {
      const counts = new Map<string, number>();
      for (const { event } of played.log) {
        if (event.type !== "message:new") continue;
        const { threadId = "", ordinal } = event.message;
        expect(ordinal).toBe((counts.get(threadId) ?? 0) + 1);
        expect(event.thread?.replyCount ?? ordinal).toBe(ordinal);
        counts.set(threadId, ordinal);
      }
      expect(played.state.fold.messageCount).toBe(counts.get("") ?? 0);
      played.flush();
      for (const { id, replyCount } of played.store.messages.values())
        expect(replyCount).toBe(counts.get(id) ?? 0);
    }),
  );

  it(
    "counts active members as a recount does",
    law(({ log, state }) => {
      const members = new Map<UserId, Member>();
      for (const { event } of log) {
        if (!("member" in event)) continue;
        members.set(event.member.userId, event.member);
        expect(event.memberCount).toBe(
          [...members.values()].filter(({ status }) => status === "active").length,
        );
      }
      expect(state.fold.channel?.kind !== "dm" || state.fold.memberCount === 2).toBe(true);
    }),
  );

  it(
    "lets only those post and invite who may",
    law(({ log, state }) => {
      const of = state.fold.channel!.kind;
      for (const [event, members] of recounted(log)) {
        const by = members.get(event.by);
        if (event.type === "message:new")
          expect(by?.status === "active" && permits(of, by, "post")).toBe(true);
        if (event.type === "member:updated")
          expect(by?.status === "active" && permits(of, by, "invite")).toBe(true);
      }
    }),
  );

  it(
    "never widens what anyone may, but by the hand of who may grant it",
    law(({ log, state }) => {
      const of = state.fold.channel!.kind;
      const owners = log.filter(({ event }) => "member" in event && event.member.role === "owner");
      expect(owners.every(({ event }) => "member" in event && event.member.userId === owner)).toBe(true);
      for (const [event, members] of recounted(log)) {
        if (event.seq <= 3 || !("member" in event) || event.type === "member:left") continue;
        const before = members.get(event.member.userId);
        const own = members.get(event.by)!;
        if (event.type === "member:updated") expect(mayGrant(own.role, event.member.role)).toBe(true);
        else if (before?.status === "pending") expect(event.member).toMatchObject({ role: before.role });
        else {
          expect(["topic", "announcement", "space"]).toContain(of);
          expect(atLeast("member", event.member.role)).toBe(true);
          expect(Object.values(event.member.overrides ?? {})).not.toContain(true);
        }
      }
    }),
  );
});
