import { describe, expect, it } from "vitest";
import { messageId, type UserId } from "../../protocol/ids.ts";
import { user } from "../doubles.ts";
import { Played, type Said } from "../playing.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);
const carl = user(4);
const seqOf = (answer: Said) => (answer.message as { seq: number }).seq;
const remove = (by: UserId, ...seqs: number[]) => ({ type: "delete", by, seqs }) as const;

/** Bob moderates, ada and carl do not. */
function group(): Played {
  const played = Played.of("group", owner);
  played.admit(owner, ada);
  played.admit(owner, bob, "moderator");
  played.admit(owner, carl);
  return played;
}
/** The events of one command, and its refusal. */
const run = (played: Played, command: ReturnType<typeof remove>) => {
  const { events, answer } = played.decide(command);
  return { events: events.map(({ event }) => event), code: answer.ok ? "ok" : answer.error.code };
};

describe("row C6: a deletion", () => {
  it("takes one message away by its id, and nothing of it stays in any view", () => {
    const played = group();
    const seq = seqOf(played.say(ada, "secret"));
    const { events } = run(played, remove(ada, seq));
    expect(events).toMatchObject([
      { type: "message:deleted", seq: seq + 1, by: ada, messageId: messageId(played.state.id, seq) },
    ]);
    expect(events[0]).not.toHaveProperty("messageIds");
    const { message } = played.do({ type: "message", by: bob, seq });
    expect(message).toMatchObject({ content: "", html: "", authorId: ada, deletedAtMs: played.nowMs });
  });

  it("takes many away in one event, in their order, each once", () => {
    const played = group();
    const seqs = [ada, owner, carl].map((by) => seqOf(played.say(by)));
    const { events } = run(played, remove(bob, seqs[2]!, seqs[0]!, seqs[1]!, seqs[0]!));
    expect(events).toMatchObject([{ messageIds: seqs.map((seq) => messageId(played.state.id, seq)) }]);
    expect(events[0]).not.toHaveProperty("messageId");
  });

  it("is the author's over their own, and a moderator's over anyone's, who stands above them included", () => {
    const played = group();
    const [first, second, third] = [ada, owner, ada].map((by) => seqOf(played.say(by)));
    expect(run(played, remove(carl, first!)).code).toBe("forbidden");
    expect(run(played, remove(ada, first!)).code).toBe("ok");
    expect(run(played, remove(bob, second!)).code).toBe("ok");
    expect(run(played, remove(owner, third!)).code).toBe("ok");
  });

  it("of many is anyone's over their own alone: one of another's refuses all", () => {
    const played = group();
    const own = [1, 2].map(() => seqOf(played.say(ada)));
    const others = seqOf(played.say(carl));
    expect(run(played, remove(ada, ...own, others))).toEqual({ events: [], code: "forbidden" });
    expect(run(played, remove(ada, ...own)).code).toBe("ok");
  });

  it("is nobody else's in a dm", () => {
    const played = Played.of("dm", ada, { other: carl });
    const seq = seqOf(played.say(ada));
    expect(run(played, remove(carl, seq)).code).toBe("forbidden");
    expect(run(played, remove(ada, seq)).code).toBe("ok");
  });

  it("passes over what is deleted already, and logs nothing when nothing is left (rule B1)", () => {
    const played = group();
    const [first, second] = [ada, ada].map((by) => seqOf(played.say(by)));
    run(played, remove(ada, first!));
    expect(run(played, remove(ada, first!))).toEqual({ events: [], code: "ok" });
    expect(run(played, remove(bob, first!, second!)).events).toMatchObject([
      { messageId: messageId(played.state.id, second!) },
    ]);
    expect(run(played, remove(ada, first!, second!))).toEqual({ events: [], code: "ok" });
  });

  it("of what is no message is not found alone, and passed over among others", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    expect(run(played, remove(ada, 2)).code).toBe("not_found");
    expect(run(played, remove(ada, 999)).code).toBe("not_found");
    expect(run(played, remove(ada, 2, 999))).toEqual({ events: [], code: "ok" });
    expect(run(played, remove(ada, 2, seq, 999)).events).toHaveLength(1);
  });

  it("finds a hundred that have left memory, and refuses what is none of them", () => {
    const played = group();
    const seqs = Array.from({ length: 99 }, () => seqOf(played.say(ada)));
    played.forget();
    played.outOfWindowSeq = played.state.fold.seq;
    expect(run(played, remove(ada, 2)).code).toBe("not_found");
    const { events } = run(played, remove(ada, 2, ...seqs));
    expect(events).toMatchObject([{ messageIds: seqs.map((seq) => messageId(played.state.id, seq)) }]);
  });

  it("is open to the muted, and in the archive to moderators only", () => {
    const played = group();
    const [first, second, third] = [ada, ada, ada].map((by) => seqOf(played.say(by)));
    played.do({ type: "change_member", by: owner, userId: ada, mutedUntilMs: null });
    expect(run(played, remove(ada, first!)).code).toBe("ok");
    played.do({ type: "update", by: owner, archived: true });
    expect(run(played, remove(ada, second!)).code).toBe("archived");
    expect(run(played, remove(bob, second!, third!)).code).toBe("ok");
  });

  it("is refused to whom `admit` refuses, in its words", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    expect(run(played, remove(user(9), seq)).code).toBe("not_found");
    played.do({ type: "remove_member", by: owner, userId: ada, bannedUntilMs: null });
    expect(run(played, remove(ada, seq)).code).toBe("banned");
  });

  it("unpins, and takes the reactions along", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    played.do({ type: "pin", by: bob, seq, pinned: true });
    played.do({ type: "react", by: bob, seq, emoji: "👍", on: true });
    run(played, remove(ada, seq));
    expect(played.do({ type: "message", by: bob, seq }).message).toMatchObject({
      pinned: false,
      reactions: [],
    });
    expect(played.state.pins).toEqual(new Set());
  });
});
