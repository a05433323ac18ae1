import { describe, expect, it } from "vitest";
import type { ChannelEvent } from "../../protocol/events.ts";
import { type MessageId, messageId, type UserId } from "../../protocol/ids.ts";
import type { PreparedMessage } from "../commands.ts";
import { channel, client, said, user } from "../doubles.ts";
import { Played, type Said } from "../playing.ts";
import { apply, replay } from "./apply.ts";
import type { Decision } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { restore } from "./state.ts";
import { applyFollow, followingOf, learnFollow } from "./threads.ts";

const ada = user(1);
const bob = user(2);
const cid = user(3);

let sends = 0;
const send = (by: UserId, form: Partial<PreparedMessage> = {}, content?: string) =>
  ({
    type: "send",
    by,
    attempt: 1,
    message: { ...said(client(++sends), content), ...form },
  }) as const;

/** A group of three; ada's first message, under seq 7, is what others answer. */
function begun(content = "first"): { played: Played; root: MessageId } {
  const played = Played.of("group", ada);
  for (const userId of [bob, cid]) played.admit(ada, userId);
  const root = messageId(played.state.id, played.log.length + 1);
  expect(played.do(send(ada, {}, content)).ok).toBe(true);
  return { played, root };
}

const lastMessage = (played: Played) =>
  played.log.findLast(({ event }) => event.type === "message:new")!.event as Extract<
    ChannelEvent,
    { type: "message:new" }
  >;

const seqOf = (id: MessageId) => Number(id.split(".")[1]);

describe("row C7: answering a message", () => {
  it("carries who wrote it and how it begins", () => {
    const { played, root } = begun("what shall we eat?");
    expect(played.do(send(bob, { replyTo: root })).ok).toBe(true);
    expect(lastMessage(played).message.replyTo).toEqual({
      id: root,
      authorId: ada,
      excerpt: "what shall we eat?",
    });
  });

  it.each([
    ["letters", "é".repeat(200), "é".repeat(140)],
    ["emoji, which are two units each", "🙂".repeat(200), "🙂".repeat(140)],
    ["both, cut between them", `a${"🙂".repeat(200)}`, `a${"🙂".repeat(139)}`],
  ])("repeats 140 code points of it at most: %s", (_what, content, excerpt) => {
    const { played, root } = begun(content);
    played.do(send(bob, { replyTo: root }));
    expect(lastMessage(played).message.replyTo?.excerpt).toBe(excerpt);
  });

  it("repeats nothing of content that it cannot read", () => {
    const { played } = begun();
    const opaque = played.do(send(ada, { encryption: { keyId: "k", algorithm: "a" }, html: "" }));
    const { id } = opaque.message as never as { id: MessageId };
    played.do(send(bob, { replyTo: id }));
    expect(lastMessage(played).message.replyTo).toMatchObject({ id, excerpt: "" });
  });

  it("finds a message that has left memory", () => {
    const { played, root } = begun("long ago");
    played.forget();
    played.outOfWindowSeq = played.log.length;
    expect(played.do(send(bob, { replyTo: root })).ok).toBe(true);
    expect(lastMessage(played).message.replyTo?.excerpt).toBe("long ago");
  });
});

describe("row C7: a thread", () => {
  it("counts its replies, not the channel's messages, and says so with each", () => {
    const { played, root } = begun();
    played.do(send(bob, { threadId: root }));
    played.nowMs += 1_000;
    expect(played.do(send(cid, { threadId: root }))).toMatchObject({
      message: { ordinal: 2, threadId: root },
    });
    expect(lastMessage(played).thread).toEqual({
      id: root,
      authorId: ada,
      replyCount: 2,
      lastReplyAtMs: played.nowMs,
    });
    expect(played.state.fold.messageCount).toBe(1);
    expect(played.do(send(bob))).toMatchObject({ message: { ordinal: 2 } });
  });

  it("counts on where Postgres has the replies and memory does not", () => {
    const { played, root } = begun();
    played.do(send(bob, { threadId: root }));
    played.forget();
    played.outOfWindowSeq = played.log.length;
    expect(played.do(send(cid, { threadId: root }))).toMatchObject({ message: { ordinal: 2 } });
  });

  it("has none inside it", () => {
    const { played, root } = begun();
    const reply = played.do(send(bob, { threadId: root })).message as never as { id: MessageId };
    expect(played.do(send(cid, { threadId: reply.id })).error).toMatchObject({ code: "malformed" });
    expect(played.do({ type: "follow", by: cid, seq: seqOf(reply.id), following: true }).error?.code).toBe(
      "malformed",
    );
    expect(played.do(send(cid, { replyTo: reply.id })).ok).toBe(true);
  });

  it("shares its channel's slow mode", () => {
    const { played, root } = begun();
    played.do({ type: "update", by: ada, settings: { slowModeSeconds: 30 } });
    expect(played.do(send(bob)).ok).toBe(true);
    expect(played.do(send(bob, { threadId: root })).error?.code).toBe("slow_mode");
  });

  it("moves its author's read mark over the channel's messages (rule E6)", () => {
    const { played, root } = begun();
    expect(played.do({ type: "mark", by: bob, read: 0 })).toMatchObject({ unread: 1 });
    played.do(send(bob, { threadId: root }));
    const check = () => expect(played.do({ type: "mark", by: bob, read: 0 })).toMatchObject({ unread: 0 });
    check();
    played.forget();
    check();
  });

  it("moves it as well where the log is replayed without its mark", () => {
    const { played, root } = begun();
    played.do(send(bob, { threadId: root }));
    const replayed = restore(played.state.id, 2, undefined, { at: () => undefined });
    for (const record of played.log) apply(replayed, record);
    expect(replayed.members.byUser.get(bob)).toMatchObject({ readCount: 1, readSeq: played.log.length });
  });
});

describe("what a message may refer to", () => {
  const forms = ["replyTo", "threadId"] as const;

  it.each(forms)("%s: not a message of another channel", (form) => {
    const { played } = begun();
    expect(played.do(send(bob, { [form]: messageId(channel(2), 1) })).error).toMatchObject({
      code: "malformed",
    });
  });

  it.each(forms)("%s: nothing that is no message, or is not there", (form) => {
    const { played } = begun();
    for (const seq of [1, 99])
      expect(played.do(send(bob, { [form]: messageId(played.state.id, seq) })).error?.code).toBe("not_found");
  });

  it.each(forms)("%s: not a message that was deleted", (form) => {
    const { played, root } = begun();
    expect(played.do({ type: "delete", by: ada, seqs: [seqOf(root)] }).ok).toBe(true);
    const before = played.log.length;
    expect(played.do(send(bob, { [form]: root })).error?.code).toBe("already_deleted");
    expect(played.log).toHaveLength(before);
  });

  it("but a resend is answered whatever became of that since (rule S1)", () => {
    const { played, root } = begun();
    const first = send(bob, { threadId: root });
    const answered = played.do(first);
    played.do({ type: "delete", by: ada, seqs: [seqOf(root)] });
    expect(played.do(first)).toEqual({ ...answered, duplicate: true });
  });
});

describe("row C7: following a thread", () => {
  const follow = (played: Played, root: MessageId, by: UserId, change: object) =>
    played.decide({ type: "follow", by, seq: seqOf(root), ...change });
  const unread = ({ answer }: Decision) => (answer as Said).unread;

  it("answers how many replies are unread; who replies has read up to there", () => {
    const { played, root } = begun();
    for (const by of [bob, cid, bob]) played.do(send(by, { threadId: root }));
    for (const round of ["in memory", "in Postgres"]) {
      expect([round, unread(follow(played, root, ada, {}))]).toEqual([round, 3]);
      expect([round, unread(follow(played, root, bob, {}))]).toEqual([round, 0]);
      expect([round, unread(follow(played, root, cid, {}))]).toEqual([round, 1]);
      played.forget();
    }
  });

  it("marks replies as read, never back and never beyond the last", () => {
    const { played, root } = begun();
    for (const by of [bob, bob, bob]) played.do(send(by, { threadId: root }));
    expect(follow(played, root, ada, { readCount: 2 })).toMatchObject({
      answer: { unread: 1 },
      follows: [{ userId: ada, seq: seqOf(root), readCount: 2, atMs: played.nowMs }],
    });
    expect(unread(follow(played, root, ada, { readCount: 1 }))).toBe(1);
    played.forget();
    expect(unread(follow(played, root, ada, { readCount: 1 }))).toBe(1);
    expect(unread(follow(played, root, ada, { readCount: 99 }))).toBe(0);
    played.do(send(bob, { threadId: root }));
    expect(unread(follow(played, root, ada, {}))).toBe(1);
  });

  it("logs nothing when it changes nothing, in memory and out of it (rule B1)", () => {
    const { played, root } = begun();
    expect(follow(played, root, cid, { following: true }).follows).toMatchObject([{ following: true }]);
    for (let round = 0; round < 2; round++) {
      expect(follow(played, root, cid, { following: true }).follows).toBeUndefined();
      played.forget();
    }
    expect(follow(played, root, cid, { following: false }).follows).toMatchObject([{ following: false }]);
    played.forget();
    expect(follow(played, root, cid, { following: false }).follows).toBeUndefined();
  });

  it("is for members, of threads whose first message exists", () => {
    const { played, root } = begun();
    expect(follow(played, root, user(9), {}).answer).toMatchObject({ error: { code: "not_found" } });
    expect(played.do({ type: "follow", by: bob, seq: 99, following: true }).error?.code).toBe("not_found");
    played.do({ type: "change_member", by: ada, userId: cid, role: "guest" });
    expect(follow(played, root, cid, { following: true }).answer).toMatchObject({
      error: { code: "forbidden" },
    });
    expect(follow(played, root, cid, { readCount: 0 }).answer.ok).toBe(true);
  });

  it("is found in the log by the next owner, the later word first (rule A1)", () => {
    const { played, root } = begun();
    const [, seq] = root.split(".").map(Number) as [number, number];
    played.do(send(bob, { threadId: root }));
    played.nowMs += 5;
    follow(played, root, bob, { following: false });
    const next = restore(played.state.id, 2, undefined, { at: () => undefined });
    replay(next, {
      events: played.log,
      marks: [],
      follows: played.follows.map((record) => record.follow),
    });
    const kept = [...next.facts.follows!.values()];
    expect(kept).toMatchObject([{ following: false, readCount: 1 }]);
    expect(followingOf(next.facts, seq, bob)).toBeUndefined();
  });

  it("is not begun again by a reply of someone who said that they do not", () => {
    const { played, root } = begun();
    follow(played, root, bob, { following: false });
    for (let round = 0; round < 2; round++) {
      played.do(send(bob, { threadId: root }));
      if (round === 0) expect(follow(played, root, bob, { following: false }).follows).toBeUndefined();
      expect(follow(played, root, bob, { following: true }).follows).toHaveLength(1);
      played.nowMs += 5;
      expect(follow(played, root, bob, { following: false }).follows).toHaveLength(1);
      played.forget();
    }
    expect(played.store.follows.get(`${root}.${bob}`)).toMatchObject({ following: false });
  });

  it("is begun by a reply of someone who had only read: their word against it is logged", () => {
    for (const isFlushed of [false, true]) {
      const { played, root } = begun();
      played.do(send(bob, { threadId: root }));
      follow(played, root, cid, { readCount: 1 });
      played.forget();
      expect(played.store.follows.get(`${root}.${cid}`)).toMatchObject({ following: false });
      if (isFlushed) follow(played, root, cid, {});
      played.do(send(cid, { threadId: root }));
      expect(follow(played, root, cid, { following: false }).follows).toMatchObject([{ following: false }]);
    }
  });

  it("is what was said last, of words in one millisecond, and of an owner whose clock is behind", () => {
    const { played, root } = begun();
    const said = [true, false, true, false].flatMap(
      (following) => follow(played, root, cid, { following }).follows!,
    );
    expect(said.map(({ atMs }) => atMs - played.nowMs)).toEqual([0, 1, 2, 3]);
    played.forget();
    expect(played.store.follows.get(`${root}.${cid}`)).toMatchObject({ following: false });
    played.nowMs -= 5;
    expect(follow(played, root, cid, { following: true }).follows).toMatchObject([
      { following: true, atMs: played.nowMs + 5 + 4 },
    ]);
    played.forget();
    expect(played.store.follows.get(`${root}.${cid}`)).toMatchObject({ following: true });
    expect(follow(played, root, cid, { following: true }).follows).toBeUndefined();
  });

  it("goes by the time at which something was said, not by the order in which it is found (rule A1)", () => {
    const facts: Facts = {};
    const said = { userId: bob, seq: 7 };
    applyFollow(facts, { ...said, atMs: 20, following: false, readCount: 3 });
    applyFollow(facts, { ...said, atMs: 10, following: true, readCount: 1 });
    learnFollow(facts, 7, bob, { following: true, atMs: 15, readCount: 2 });
    expect(followingOf(facts, 7, bob)).toMatchObject({ following: false, readCount: 3 });
  });
});
