import { describe, expect, it } from "vitest";
import { channel, user } from "../doubles.ts";
import { Played, type Said } from "../playing.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);
const seqOf = (answer: Said) => (answer.message as { seq: number }).seq;
const edit = (by: typeof ada, seq: number, content = "better") =>
  ({ type: "edit", by, seq, content, html: `<p>${content}</p>` }) as const;

function groupOfThree(settings = {}): Played {
  const played = Played.of("group", owner, { settings });
  played.admit(owner, ada);
  played.admit(owner, bob, "moderator");
  return played;
}

describe("row C5: an edit", () => {
  it("gives a message another text, and says when", () => {
    const played = groupOfThree();
    const seq = seqOf(played.say(ada, "good"));
    played.nowMs += 5;
    const { answer, events } = played.decide(edit(ada, seq));
    expect(events.map(({ event }) => event)).toEqual([
      {
        type: "message:updated",
        seq: seq + 1,
        atMs: played.nowMs,
        by: ada,
        messageId: `${channel(1)}.${seq}`,
        content: "better",
        html: "<p>better</p>",
        editedAtMs: played.nowMs,
      },
    ]);
    expect(answer).toMatchObject({
      ok: true,
      message: { seq, content: "better", html: "<p>better</p>", editedAtMs: played.nowMs },
    });
  });

  it("answers the message as its author sees it: their own reactions marked", () => {
    const played = groupOfThree();
    const seq = seqOf(played.say(ada));
    played.do({ type: "react", by: ada, seq, emoji: "👍", on: true });
    played.do({ type: "react", by: bob, seq, emoji: "🎉", on: true });
    const reactions = [
      { emoji: "👍", count: 1, recent: [ada], me: true },
      { emoji: "🎉", count: 1, recent: [bob] },
    ];
    expect(played.do(edit(ada, seq)).message).toMatchObject({ content: "better", reactions });
    played.forget();
    played.outOfWindowSeq = played.state.fold.seq;
    expect(played.do(edit(ada, seq, "best")).message).toMatchObject({ content: "best", reactions });
  });

  it("that changes nothing logs nothing, whatever has closed since (rule B1)", () => {
    const played = groupOfThree({ editWindowSeconds: 10 });
    const seq = seqOf(played.say(ada));
    played.do(edit(ada, seq));
    played.nowMs += 60_000;
    const { answer, events } = played.decide(edit(ada, seq));
    expect(events).toEqual([]);
    expect(answer).toMatchObject({ ok: true, message: { content: "better" } });
  });

  it("is its author's alone, moderators and owners not excepted", () => {
    const played = groupOfThree();
    const seq = seqOf(played.say(ada));
    for (const by of [owner, bob]) expect(played.do(edit(by, seq)).error?.code).toBe("forbidden");
  });

  it("is refused to whom `admit` refuses, in its words", () => {
    const played = groupOfThree();
    const seq = seqOf(played.say(ada));
    expect(played.do(edit(user(9), seq)).error?.code).toBe("not_found");
    played.do({ type: "leave", by: ada });
    expect(played.do(edit(ada, seq)).error?.code).toBe("not_a_member");
  });

  it("needs a message: other events, and places that nothing stands in, are not found", () => {
    const played = groupOfThree();
    for (const seq of [1, 2, played.state.fold.seq + 1, 999])
      expect(played.do(edit(ada, seq)).error?.code).toBe("not_found");
    played.forget();
    played.outOfWindowSeq = played.state.fold.seq;
    expect(played.do(edit(ada, 2)).error?.code).toBe("not_found");
  });

  it("comes too late for a deleted message", () => {
    const played = groupOfThree();
    const seq = seqOf(played.say(ada));
    played.do({ type: "delete", by: ada, seqs: [seq] });
    expect(played.do(edit(ada, seq)).error?.code).toBe("already_deleted");
  });

  it("closes with the window, to the millisecond; without a window it never does", () => {
    const played = groupOfThree({ editWindowSeconds: 10 });
    const seq = seqOf(played.say(ada));
    played.nowMs += 9_999;
    expect(played.do(edit(ada, seq)).ok).toBe(true);
    played.nowMs += 1;
    expect(played.do(edit(ada, seq, "late")).error?.code).toBe("edit_window_closed");
    const open = groupOfThree();
    const other = seqOf(open.say(ada));
    open.nowMs += 1e12;
    expect(open.do(edit(ada, other)).ok).toBe(true);
  });

  it("is exempt from slow mode", () => {
    const played = groupOfThree({ slowModeSeconds: 60 });
    const seq = seqOf(played.say(ada));
    expect(played.say(ada).error?.code).toBe("slow_mode");
    expect(played.do(edit(ada, seq)).ok).toBe(true);
  });

  it("waits for the end of a mute, and is over in an archived channel", () => {
    const played = groupOfThree();
    const seq = seqOf(played.say(ada));
    played.do({ type: "change_member", by: owner, userId: ada, mutedUntilMs: played.nowMs + 500 });
    expect(played.do(edit(ada, seq)).error).toMatchObject({ code: "muted", retryAfterMs: 500 });
    played.nowMs += 500;
    expect(played.do(edit(ada, seq)).ok).toBe(true);
    played.do({ type: "update", by: owner, archived: true });
    expect(played.do(edit(ada, seq, "more")).error?.code).toBe("archived");
  });

  it("keeps to the bounds of what is edited: text 4,000 characters, code 16,000, and never blank", () => {
    const played = groupOfThree();
    const text = seqOf(played.say(ada));
    expect(played.do(edit(ada, text, "x".repeat(4_000))).ok).toBe(true);
    expect(played.do(edit(ada, text, "x".repeat(4_001))).error?.code).toBe("malformed");
    expect(played.do(edit(ada, text, " \n ")).error?.code).toBe("malformed");
    const code = played.place(ada, { type: "code" }).seq;
    expect(played.do(edit(ada, code, "x".repeat(16_000))).ok).toBe(true);
    const opaque = played.place(ada, { encryption: { keyId: "k", algorithm: "a" } }).seq;
    expect(played.do(edit(ada, opaque, "x".repeat(16_000))).message).toMatchObject({ html: "" });
  });

  it("never touches what the server itself said", () => {
    const played = groupOfThree();
    const { seq } = played.place(ada, { type: "system" });
    expect(played.do(edit(ada, seq)).error?.code).toBe("forbidden");
  });
});
