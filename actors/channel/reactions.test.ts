import { describe, expect, it } from "vitest";
import { messageId, type UserId } from "../../protocol/ids.ts";
import { REACTION_KINDS_MAX } from "../../protocol/message.ts";
import { user } from "../doubles.ts";
import { Played, type Said } from "../playing.ts";

const owner = user(1);
const [ada, bob, carl, dora] = [2, 3, 4, 5].map(user) as [UserId, UserId, UserId, UserId];
const seqOf = (answer: Said) => (answer.message as { seq: number }).seq;
const react = (by: UserId, seq: number, emoji = "👍", on = true) =>
  ({ type: "react", by, seq, emoji, on }) as const;

function group(): Played {
  const played = Played.of("group", owner);
  for (const userId of [ada, bob, carl, dora]) played.admit(owner, userId);
  return played;
}
const eventOf = (played: Played, command: ReturnType<typeof react>) =>
  played.decide(command).events[0]?.event;
/** Nothing of the past is in memory any more. */
function forgetAll(played: Played): void {
  played.forget();
  played.outOfWindowSeq = played.state.fold.seq;
}

describe("row C8: reactions", () => {
  it("carry the resulting count, and the first three people", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    const id = messageId(played.state.id, seq);
    const common = { type: "reaction:added", messageId: id, emoji: "👍" };
    expect(eventOf(played, react(ada, seq))).toMatchObject({ ...common, count: 1, recent: [ada] });
    played.do(react(bob, seq));
    expect(eventOf(played, react(carl, seq))).toMatchObject({ count: 3, recent: [ada, bob, carl] });
    expect(eventOf(played, react(dora, seq))).toMatchObject({ count: 4, recent: [ada, bob, carl] });
    expect(played.do(react(owner, seq, ":party:"))).toMatchObject({ ok: true, count: 1 });
  });

  it("fill a place that falls free with who came next, where memory knows them all", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    for (const by of [ada, bob, carl, dora]) played.do(react(by, seq));
    const removed = { type: "reaction:removed", count: 3, recent: [bob, carl, dora] };
    expect(eventOf(played, react(ada, seq, "👍", false))).toMatchObject(removed);
    played.do(react(ada, seq));
    expect(eventOf(played, react(bob, seq, "👍", false))).toMatchObject({ recent: [carl, dora, ada] });
    forgetAll(played);
    expect(eventOf(played, react(carl, seq, "👍", false))).toMatchObject({ count: 2, recent: [dora, ada] });
    expect(eventOf(played, react(dora, seq, "👍", false))).toMatchObject({ count: 1, recent: [ada] });
    expect(eventOf(played, react(ada, seq, "👍", false))).toMatchObject({ count: 0, recent: [] });
    expect(played.do({ type: "message", by: ada, seq }).message).toMatchObject({ reactions: [] });
  });

  it("fill it in the order in which people came, and leave it free where memory does not know them all", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    for (const by of [ada, bob, carl, dora]) played.do(react(by, seq));
    played.do(react(ada, seq, "👍", false));
    for (const by of [owner, ada]) played.do(react(by, seq));
    expect(eventOf(played, react(bob, seq, "👍", false))).toMatchObject({ recent: [carl, dora, owner] });
    forgetAll(played);
    expect(played.do(react(ada, seq)).count).toBe(4);
    expect(eventOf(played, react(carl, seq, "👍", false))).toMatchObject({ recent: [dora, owner] });
  });

  it("that are there, or not there, log nothing and answer the present count (rule B1)", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    for (const by of [ada, bob]) played.do(react(by, seq));
    for (const forget of [() => undefined, () => played.forget(), () => forgetAll(played)]) {
      forget();
      expect(played.decide(react(ada, seq))).toMatchObject({ events: [], answer: { ok: true, count: 2 } });
      const absent = played.decide(react(carl, seq, "👍", false));
      expect(absent).toMatchObject({ events: [], answer: { ok: true, count: 2 } });
      expect(played.decide(react(ada, seq, "🎉", false))).toMatchObject({ events: [], answer: { count: 0 } });
    }
  });

  it("are of 20 kinds at most, and the refusal says so; those that are there go on", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    for (let n = 0; n < REACTION_KINDS_MAX; n++) expect(played.do(react(ada, seq, `:k${n}:`)).ok).toBe(true);
    const full = { code: "conflict", message: expect.stringContaining("20 kinds") };
    expect(played.do(react(bob, seq, ":one_more:")).error).toMatchObject(full);
    expect(played.do(react(bob, seq, ":k3:")).count).toBe(2);
    played.do(react(ada, seq, ":k7:", false));
    expect(played.do(react(bob, seq, ":one_more:")).ok).toBe(true);
    expect(played.do(react(bob, seq, ":k7:")).error).toMatchObject(full);
  });

  it("are refused to the muted and in the archive, as posting is, and on what is gone", () => {
    const played = group();
    const [first, second] = [ada, ada].map((by) => seqOf(played.say(by)));
    played.do({ type: "delete", by: ada, seqs: [first!] });
    expect(played.do(react(bob, first!)).error?.code).toBe("already_deleted");
    expect(played.do(react(bob, 2)).error?.code).toBe("not_found");
    played.do(react(bob, second!));
    played.do({ type: "change_member", by: owner, userId: bob, mutedUntilMs: played.nowMs + 9 });
    expect(played.do(react(bob, second!, "🎉")).error).toMatchObject({ code: "muted", retryAfterMs: 9 });
    expect(played.do(react(bob, second!, "👍", false)).error?.code).toBe("muted");
    played.do({ type: "update", by: owner, archived: true });
    expect(played.do(react(ada, second!)).error?.code).toBe("archived");
  });

  it("are for members: a guest reads, an outsider hears nothing of it", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    played.do({ type: "change_member", by: owner, userId: dora, role: "guest" });
    expect(played.do(react(dora, seq)).error?.code).toBe("forbidden");
    expect(played.do(react(user(9), seq)).error?.code).toBe("not_found");
  });

  it("are each person's own: two reacting to an old message at once are both counted", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    for (const by of [ada, bob]) played.do(react(by, seq));
    forgetAll(played);
    expect(played.do(react(carl, seq)).count).toBe(3);
    expect(played.do(react(dora, seq)).count).toBe(4);
    expect(played.do(react(ada, seq, "👍", false)).count).toBe(3);
    expect(played.do({ type: "message", by: carl, seq }).message).toMatchObject({
      reactions: [{ emoji: "👍", count: 3, me: true }],
    });
  });
});
