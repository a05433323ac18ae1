import { describe, expect, it } from "vitest";
import { messageId, type UserId } from "../../protocol/ids.ts";
import { PINS_MAX } from "../../protocol/message.ts";
import { user } from "../doubles.ts";
import { Played, type Said } from "../playing.ts";
import { settle } from "./apply.ts";
import { learnPins } from "./pins.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);
const seqOf = (answer: Said) => (answer.message as { seq: number }).seq;
const pin = (by: UserId, seq: number, pinned = true) => ({ type: "pin", by, seq, pinned }) as const;

function group(): Played {
  const played = Played.of("group", owner);
  played.admit(owner, ada);
  played.admit(owner, bob, "moderator");
  return played;
}

describe("row C9: pins", () => {
  it("are set and lifted by moderators, in a dm by both", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    expect(played.do(pin(ada, seq)).error?.code).toBe("forbidden");
    const { events } = played.decide(pin(bob, seq));
    expect(events.map(({ event }) => event)).toMatchObject([
      { type: "message:pinned", seq: seq + 1, by: bob, messageId: messageId(played.state.id, seq) },
    ]);
    expect(played.do({ type: "message", by: ada, seq }).message).toMatchObject({ pinned: true });
    expect(played.decide(pin(owner, seq, false)).events[0]?.event.type).toBe("message:unpinned");
    const pair = Played.of("dm", ada, { other: bob });
    const said = seqOf(pair.say(ada));
    expect(pair.do(pin(bob, said)).ok && pair.do(pin(ada, said, false)).ok).toBe(true);
  });

  it("log nothing for what stands so already (rule B1)", () => {
    const played = group();
    const seq = seqOf(played.say(ada));
    expect(played.decide(pin(bob, seq, false))).toMatchObject({ events: [], answer: { ok: true } });
    played.do(pin(bob, seq));
    played.do({ type: "update", by: owner, archived: true });
    expect(played.decide(pin(bob, seq))).toMatchObject({ events: [], answer: { ok: true } });
  });

  it("are not for deleted messages, what is no message, outsiders, and the archive", () => {
    const played = group();
    const [first, second] = [ada, ada].map((by) => seqOf(played.say(by)));
    played.do({ type: "delete", by: ada, seqs: [first!] });
    expect(played.do(pin(bob, first!)).error?.code).toBe("already_deleted");
    expect(played.do(pin(bob, 2)).error?.code).toBe("not_found");
    expect(played.do(pin(user(9), second!)).error?.code).toBe("not_found");
    played.do({ type: "update", by: owner, archived: true });
    expect(played.do(pin(bob, second!)).error?.code).toBe("archived");
  });

  it("are 50 at most, wherever they are known from, and the refusal says so", () => {
    const played = group();
    const seqs = Array.from({ length: PINS_MAX + 1 }, () => seqOf(played.say(ada)));
    const [last] = seqs.splice(-1) as [number];
    for (const [i, seq] of seqs.entries()) {
      if (i === 20) played.flush();
      if (i === 40) played.forget();
      expect(played.do(pin(bob, seq)).ok).toBe(true);
    }
    const full = { code: "conflict", message: expect.stringContaining("50 pins") };
    expect(played.do(pin(bob, last)).error).toMatchObject(full);
    played.forget();
    played.outOfWindowSeq = played.state.fold.seq;
    expect(played.do(pin(bob, last)).error).toMatchObject(full);
    played.do(pin(bob, seqs[7]!, false));
    expect(played.do(pin(bob, last)).ok).toBe(true);
    expect(played.do(pin(bob, seqs[7]!)).error).toMatchObject(full);
  });

  it("come free with the messages that are deleted", () => {
    const played = group();
    const seqs = Array.from({ length: PINS_MAX }, () => seqOf(played.say(ada)));
    const [one, another] = [seqOf(played.say(ada)), seqOf(played.say(ada))];
    for (const seq of seqs) played.do(pin(bob, seq));
    played.do({ type: "delete", by: ada, seqs: seqs.slice(0, 2) });
    expect(played.do(pin(bob, one)).ok && played.do(pin(bob, another)).ok).toBe(true);
    expect(played.state.pins).toHaveLength(PINS_MAX);
  });
});

describe("rule A2: pins that were fetched", () => {
  it("are brought past what happened since, and fetched again where memory does not hold that any more", () => {
    const played = group();
    const [first, second, third] = [ada, ada, ada].map((by) => seqOf(played.say(by)));
    played.do(pin(bob, first!));
    const found = { seqs: [first!], asOfSeq: played.state.fold.seq };
    played.do(pin(bob, second!));
    played.do({ type: "delete", by: bob, seqs: [first!, third!] });
    const { state } = played;
    state.pins = undefined;
    settle(state, state.fold.seq);
    played.outOfWindowSeq = found.asOfSeq + 1;
    expect(learnPins(state, found)).toBe(false);
    expect(state.pins).toBeUndefined();
    played.outOfWindowSeq = found.asOfSeq;
    expect(learnPins(state, found)).toBe(true);
    expect(state.pins).toEqual(new Set([second]));
  });
});
