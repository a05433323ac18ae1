import { describe, expect, it } from "vitest";
import type { Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Mention, Message } from "../../protocol/message.ts";
import type { Notice, PreparedMessage } from "../commands.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import type { Decision } from "./decision.ts";
import { BLOCK_FACT_MAX_AGE_MS } from "./facts.ts";
import { MENTION_ALL_FREE_MAX, MENTION_ALL_MAX, mayMentionAll, NAMED_MAX } from "./mentions.ts";

const ada = user(1);
const bob = user(2);
const cid = user(3);
const dan = user(4);

let sends = 0;
const send = (by: UserId, form: Partial<PreparedMessage> = {}) =>
  ({ type: "send", by, attempt: 1, message: { ...said(client(++sends)), ...form } }) as const;
const named = (...userIds: UserId[]): Mention[] => userIds.map((userId) => ({ kind: "user", userId }));
const everyone: Mention[] = [{ kind: "everyone" }];

const messageOf = (decision: Decision) => (decision.answer as never as { message: Message }).message;
const told = ({ notices = [] }: Decision): [UserId, Notice["kind"] | undefined][] =>
  notices.map(({ userId, notice }) => [userId, notice?.kind]);

/** ada owns it; bob, cid and dan are members. */
function group(): Played {
  const played = Played.of("group", ada);
  for (const userId of [bob, cid, dan]) played.admit(ada, userId);
  return played;
}

describe("row C10: calling everyone", () => {
  const cases: [Role, number, boolean][] = [
    ["member", MENTION_ALL_FREE_MAX, true],
    ["member", MENTION_ALL_FREE_MAX + 1, false],
    ["moderator", MENTION_ALL_FREE_MAX + 1, true],
    ["moderator", MENTION_ALL_MAX, true],
    ["moderator", MENTION_ALL_MAX + 1, false],
    ["admin", MENTION_ALL_MAX + 1, true],
    ["owner", MENTION_ALL_MAX + 1, true],
  ];
  it.each(cases)("by a %s, in a channel of %i: %s", (role, memberCount, may) => {
    expect(mayMentionAll("topic", role, memberCount)).toBe(may);
    expect(mayMentionAll("dm", role, 2)).toBe(true);
  });

  it.each(["everyone", "here", "channel"] as const)(
    "is refused where it is not allowed, and never sent without: @%s",
    (kind) => {
      const played = group();
      expect(played.do(send(bob, { mentions: [{ kind }] })).ok).toBe(true);
      played.state.fold.memberCount = MENTION_ALL_FREE_MAX + 1;
      const before = played.log.length;
      expect(played.do(send(bob, { mentions: [{ kind }] })).error?.code).toBe("forbidden");
      expect(played.log).toHaveLength(before);
      expect(played.do(send(ada, { mentions: [{ kind }] })).ok).toBe(true);
    },
  );

  it("tells nobody by name, and counts for all", () => {
    const played = group();
    expect(told(played.decide(send(ada, { mentions: everyone })))).toEqual([]);
    const next = played.decide(send(ada, { mentions: named(bob) }));
    expect(next.notices).toMatchObject([{ userId: bob, unread: { unread: 2, mentions: 2 } }]);
  });
});

describe("row C10: naming people", () => {
  it("keeps those who are active members, each once; who names themself is not told", () => {
    const played = group();
    played.do({ type: "leave", by: dan });
    played.do({ type: "invite", by: ada, userId: user(9) });
    const decision = played.decide(
      send(ada, { mentions: named(bob, ada, cid, dan, user(9), user(10), bob) }),
    );
    expect(messageOf(decision).mentions).toEqual(named(bob, cid));
    expect(told(decision)).toEqual([
      [bob, "mention"],
      [cid, "mention"],
    ]);
  });

  it("tells nobody beyond so many, whatever a gateway found", () => {
    const played = group();
    const crowd = Array.from({ length: NAMED_MAX + 5 }, (_, n) => user(100 + n));
    for (const userId of crowd) played.admit(ada, userId);
    const decision = played.decide(send(ada, { mentions: named(...crowd) }));
    expect(decision.notices).toHaveLength(NAMED_MAX);
    expect(messageOf(decision).mentions).toHaveLength(NAMED_MAX);
  });

  it("says in the notice what they have not read", () => {
    const played = group();
    played.say(ada);
    played.do({ type: "mark", by: bob, read: played.log.length });
    played.say(ada);
    const decision = played.decide(send(ada, { mentions: named(bob) }));
    const { id, channelId } = messageOf(decision);
    expect(decision.notices).toEqual([
      {
        userId: bob,
        notice: { kind: "mention", channelId, messageId: id, by: ada },
        unread: { channelId, unread: 2, mentions: 1, lastReadSeq: played.log.length - 2 },
      },
    ]);
  });
});

describe("whom a message is brought to the notice of", () => {
  it("each person once, for the first of mention, reply and thread", () => {
    const played = group();
    const root = messageOf(played.decide(send(bob)));
    const first = messageOf(played.decide(send(cid, { threadId: root.id })));
    const decision = played.decide(
      send(ada, { threadId: root.id, replyTo: first.id, mentions: named(bob, dan) }),
    );
    expect(told(decision)).toEqual([
      [bob, "mention"],
      [dan, "mention"],
      [cid, "reply"],
    ]);
    expect(decision.followersOf).toMatchObject({
      seq: root.seq,
      notice: { kind: "thread", by: ada },
      except: [ada, bob, dan, cid],
    });
    expect(told(played.decide(send(ada, { threadId: root.id })))).toEqual([[bob, "thread"]]);
  });

  it("not its author, nor who left", () => {
    const played = group();
    const own = messageOf(played.decide(send(bob)));
    expect(told(played.decide(send(bob, { replyTo: own.id, threadId: own.id })))).toEqual([]);
    played.do({ type: "leave", by: bob });
    expect(told(played.decide(send(ada, { replyTo: own.id, threadId: own.id })))).toEqual([]);
  });

  it("not who began the thread and follows it no longer", () => {
    const played = group();
    const root = messageOf(played.decide(send(bob)));
    played.do({ type: "follow", by: bob, seq: root.seq, following: false });
    for (let round = 0; round < 2; round++) {
      expect(told(played.decide(send(ada, { threadId: root.id })))).toEqual([]);
      played.forget();
      played.do(send(bob, { threadId: root.id }));
    }
    played.do({ type: "follow", by: bob, seq: root.seq, following: true });
    expect(told(played.decide(send(ada, { threadId: root.id })))).toEqual([[bob, "thread"]]);
  });

  it("in a dm the other person, from its first message on", () => {
    const played = Played.of("dm", ada, { other: bob });
    const first = played.decide(send(ada));
    expect(first.notices).toMatchObject([
      { userId: bob, notice: { kind: "dm" }, unread: { unread: 1, mentions: 0, lastReadSeq: 3 } },
    ]);
    played.forget();
    expect(told(played.decide(send(bob)))).toEqual([[ada, "dm"]]);
    expect(told(played.decide(send(bob, { mentions: named(ada) })))).toEqual([[ada, "mention"]]);
    const born = new Played(played.state.id);
    expect(born.decide({ ...send(ada), pair: [ada, bob] }).notices).toEqual(first.notices);
  });

  it("nobody, of a message that changes nothing: a resend", () => {
    const played = group();
    const command = send(ada, { mentions: named(bob) });
    played.do(command);
    expect(played.decide(command).notices).toBeUndefined();
  });
});

describe("row P7: a block", () => {
  const block = (played: Played, by: UserId, other: UserId) => played.store.blocks.add(`${by} ${other}`);

  it("ends the dm for both, within 5 s, and does not say who blocked whom", () => {
    const played = Played.of("dm", ada, { other: bob });
    expect(played.do(send(ada)).ok).toBe(true);
    block(played, bob, ada);
    played.nowMs += BLOCK_FACT_MAX_AGE_MS;
    expect(played.do(send(ada)).ok).toBe(true);
    played.nowMs += 1;
    for (const one of [ada, bob])
      expect(played.do(send(one)).error).toMatchObject({
        code: "forbidden",
        message: expect.not.stringMatching(/block/i),
      });
    played.store.blocks.clear();
    played.nowMs += BLOCK_FACT_MAX_AGE_MS + 1;
    expect(played.do(send(ada)).ok).toBe(true);
  });

  it("lets both take back what they said, and neither edit, react, pin nor type", () => {
    const played = Played.of("dm", ada, { other: bob });
    const mine = messageOf(played.decide(send(ada)));
    played.do(send(ada));
    const answer = send(bob);
    const theirs = messageOf(played.decide(answer));
    played.do(answer);
    played.do({ type: "pin", by: bob, seq: mine.seq, pinned: true });
    block(played, bob, ada);
    played.nowMs += BLOCK_FACT_MAX_AGE_MS + 1;
    const refusal = { code: "forbidden", message: expect.not.stringMatching(/block/i) };
    const before = played.log.length;
    for (const { seq, authorId: by } of [mine, theirs])
      for (const command of [
        { type: "edit", by, seq, content: "more", html: "more" },
        { type: "react", by, seq, emoji: "👍", on: true },
        { type: "pin", by, seq: theirs.seq, pinned: true },
        { type: "typing", by, on: true },
      ] as const)
        expect(played.do(command).error).toMatchObject(refusal);
    expect(played.log).toHaveLength(before);
    expect(played.do({ type: "pin", by: ada, seq: mine.seq, pinned: false }).ok).toBe(true);
    for (const { seq, authorId: by } of [mine, theirs])
      expect(played.do({ type: "delete", by, seqs: [seq] }).ok).toBe(true);
  });

  it.each([
    ["who was blocked", bob, ada],
    ["who blocked", ada, bob],
  ])("keeps a dm from being made by %s", (_, by, other) => {
    const { id } = Played.of("dm", ada, { other: bob }).state;
    const played = new Played(id);
    block(played, by, other);
    expect(played.do({ ...send(ada), pair: [ada, bob] }).error?.code).toBe("forbidden");
    expect(played.log).toEqual([]);
  });

  it("takes mention, reply and thread away, not the message", () => {
    const played = group();
    const root = messageOf(played.decide(send(bob)));
    block(played, bob, ada);
    const decision = played.decide(
      send(ada, { threadId: root.id, replyTo: root.id, mentions: named(bob, cid) }),
    );
    expect(messageOf(decision)).toMatchObject({ mentions: named(cid), replyTo: { id: root.id } });
    expect(told(decision)).toEqual([[cid, "mention"]]);
    expect(messageOf(played.decide(send(bob, { mentions: named(ada, cid) }))).mentions).toEqual(named(cid));
  });
});
