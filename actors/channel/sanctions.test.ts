import { describe, expect, it } from "vitest";
import { client, said, user } from "../doubles.ts";
import { Played, SPACE } from "../playing.ts";
import { learnSpaceMember } from "./facts.ts";

const owner = user(1);
const ada = user(2);
const mod = user(3);

/** `ada` a plain member, `mod` a moderator. */
function groupOfThree(): Played {
  const played = Played.of("group", owner);
  played.admit(owner, ada);
  played.admit(owner, mod, "moderator");
  return played;
}

const mute = (played: Played, mutedUntilMs: number | null) =>
  played.do({ type: "change_member", by: mod, userId: ada, mutedUntilMs });
const ban = (played: Played, bannedUntilMs: number | null) =>
  played.do({ type: "remove_member", by: mod, userId: ada, bannedUntilMs });
const memberOf = ({ state }: Played) => state.members.byUser.get(ada)!.member!;

describe("row C2: a mute", () => {
  it("ends by itself, at the millisecond (rule E5)", () => {
    const played = groupOfThree();
    const endMs = played.nowMs + 60_000;
    expect(mute(played, endMs)).toMatchObject({ ok: true, member: { mutedUntilMs: endMs } });
    expect(played.say(ada).error).toMatchObject({ code: "muted", retry: "later", retryAfterMs: 60_000 });
    played.nowMs = endMs - 1;
    expect(played.say(ada).error).toMatchObject({ code: "muted", retryAfterMs: 1 });
    played.nowMs = endMs;
    expect(played.say(ada).ok).toBe(true);
    expect(played.log.at(-1)!.event.type).toBe("message:new");
  });

  it("is for ever with null, and gone with 0 or an end that has come", () => {
    for (const lift of [0, 1, "now"]) {
      const played = groupOfThree();
      mute(played, null);
      played.nowMs += 1e12;
      expect(played.say(ada).error).toMatchObject({ code: "muted" });
      expect(played.say(ada).error).not.toHaveProperty("retryAfterMs");
      mute(played, lift === "now" ? played.nowMs : (lift as number));
      expect(memberOf(played)).not.toHaveProperty("mutedUntilMs");
      expect(played.say(ada).ok).toBe(true);
    }
  });

  it("logs nothing when it is repeated, or lifted where there is none (rule B1)", () => {
    const played = groupOfThree();
    mute(played, null);
    const { length } = played.log;
    expect(mute(played, null).ok).toBe(true);
    expect(played.log).toHaveLength(length);
    mute(played, 0);
    expect(mute(played, 0).ok).toBe(true);
    expect(played.log).toHaveLength(length + 1);
  });

  it("keeps from posting, editing and reacting; not from reading, marking, and deleting one's own", () => {
    const played = groupOfThree();
    played.say(ada);
    const { seq } = played.state.fold;
    mute(played, null);
    const code = (command: Parameters<Played["do"]>[0]) => played.do(command).error?.code ?? "ok";
    expect(code({ type: "send", by: ada, message: said(client(90)), attempt: 1 })).toBe("muted");
    expect(code({ type: "edit", by: ada, seq, content: "other", html: "other" })).toBe("muted");
    expect(code({ type: "react", by: ada, seq, emoji: "👍", on: true })).toBe("muted");
    expect(code({ type: "open", by: ada })).toBe("ok");
    expect(code({ type: "sync", by: ada, afterSeq: seq, limit: 9 })).toBe("ok");
    expect(code({ type: "mark", by: ada, read: seq })).toBe("ok");
    expect(code({ type: "delete", by: ada, seqs: [seq] })).toBe("ok");
  });

  it("stays over leaving and coming back, and over being removed", () => {
    const played = groupOfThree();
    mute(played, null);
    played.do({ type: "leave", by: ada });
    played.admit(owner, ada);
    expect(played.say(ada).error?.code).toBe("muted");
    played.do({ type: "remove_member", by: owner, userId: ada });
    played.admit(owner, ada);
    expect(played.say(ada).error?.code).toBe("muted");
  });

  it("is a moderator's, of those below", () => {
    const played = groupOfThree();
    const other = user(4);
    played.admit(owner, other, "moderator");
    const muteBy = (by: typeof ada, userId: typeof ada) =>
      played.do({ type: "change_member", by, userId, mutedUntilMs: null }).error?.code ?? "ok";
    expect(muteBy(ada, other)).toBe("forbidden");
    expect(muteBy(mod, other)).toBe("forbidden");
    expect(muteBy(mod, mod)).toBe("forbidden");
    expect(muteBy(mod, owner)).toBe("forbidden");
    expect(muteBy(mod, ada)).toBe("ok");
  });

  it("in the space silences in its channels, to the millisecond (rule E1)", () => {
    const played = Played.of("topic", owner);
    played.admit(owner, ada);
    const mutedUntilMs = played.nowMs + 1_000;
    const inSpace = { userId: ada, role: "member", status: "active", mutedUntilMs, joinedAtMs: 0 } as const;
    const learn = () =>
      learnSpaceMember(played.state.facts, ada, { member: inSpace, isSpace: true, askedAtMs: played.nowMs });
    learn();
    expect(played.state.fold.channel?.spaceId).toBe(SPACE);
    expect(played.say(ada).error).toMatchObject({ code: "muted", retryAfterMs: 1_000 });
    expect(played.do({ type: "open", by: ada }).ok).toBe(true);
    played.nowMs = mutedUntilMs - 1;
    expect(played.say(ada).error).toMatchObject({ code: "muted", retryAfterMs: 1 });
    played.nowMs = mutedUntilMs;
    expect(played.say(ada).ok).toBe(true);
  });
});

describe("row C2: a ban", () => {
  it("keeps from everything until its end, at the millisecond (rule E5)", () => {
    const played = groupOfThree();
    const endMs = played.nowMs + 1_000;
    expect(ban(played, endMs)).toMatchObject({ member: { status: "removed", bannedUntilMs: endMs } });
    expect(played.log.at(-1)!.event).toMatchObject({ type: "member:left", by: mod, memberCount: 2 });
    for (const atMs of [endMs - 1_000, endMs - 1]) {
      played.nowMs = atMs;
      for (const command of [
        { type: "open", by: ada },
        { type: "join", by: ada },
        { type: "sync", by: ada, afterSeq: 0, limit: 9 },
        { type: "mark", by: ada, read: 1 },
        { type: "invite", by: ada, userId: user(9) },
        { type: "update", by: ada, name: "mine" },
      ] as const)
        expect(played.do(command).error).toMatchObject({ code: "banned", retryAfterMs: endMs - atMs });
      expect(played.say(ada).error?.code).toBe("banned");
      expect(played.do({ type: "invite", by: owner, userId: ada }).error?.code).toBe("forbidden");
    }
    played.nowMs = endMs;
    expect(played.do({ type: "open", by: ada }).error?.code).toBe("not_a_member");
    played.admit(owner, ada);
    expect(memberOf(played)).not.toHaveProperty("bannedUntilMs");
    expect(played.say(ada).ok).toBe(true);
  });

  it("is for ever with null", () => {
    const played = groupOfThree();
    ban(played, null);
    played.nowMs += 1e12;
    expect(played.do({ type: "join", by: ada }).error).toMatchObject({ code: "banned" });
    expect(played.do({ type: "join", by: ada }).error).not.toHaveProperty("retryAfterMs");
  });

  it("is lifted with 0: out still, and free to come in", () => {
    const played = groupOfThree();
    ban(played, null);
    expect(ban(played, 0)).toMatchObject({ member: { status: "left" } });
    expect(played.log.at(-1)!.event).toMatchObject({ type: "member:updated", memberCount: 2 });
    expect(memberOf(played)).not.toHaveProperty("bannedUntilMs");
    const { length } = played.log;
    expect(ban(played, 0).ok).toBe(true);
    expect(played.log).toHaveLength(length);
    played.admit(owner, ada);
    expect(ban(played, 0)).toMatchObject({ ok: true, member: { status: "active" } });
  });

  it("takes another end, and logs nothing for the same one", () => {
    const played = groupOfThree();
    ban(played, null);
    const { length } = played.log;
    ban(played, null);
    expect(played.log).toHaveLength(length);
    ban(played, played.nowMs + 5);
    expect(played.log.at(-1)!.event).toMatchObject({ type: "member:updated", memberCount: 2 });
    expect(played.do({ type: "join", by: ada }).error).toMatchObject({ code: "banned", retryAfterMs: 5 });
  });

  it("of someone who is not here keeps them from coming in, and counts nobody out", () => {
    const played = groupOfThree();
    const eve = user(9);
    played.do({ type: "remove_member", by: mod, userId: eve, bannedUntilMs: null });
    expect(played.log.at(-1)!.event).toMatchObject({
      type: "member:updated",
      member: { userId: eve, status: "removed", bannedUntilMs: null },
      memberCount: 3,
    });
    expect(played.do({ type: "join", by: eve }).error?.code).toBe("banned");
    expect(played.do({ type: "invite", by: owner, userId: eve }).error?.code).toBe("forbidden");
  });

  it("of someone invited withdraws the invitation", () => {
    const played = groupOfThree();
    played.do({ type: "leave", by: ada });
    played.do({ type: "invite", by: owner, userId: ada });
    ban(played, null);
    expect(played.log.at(-1)!.event).toMatchObject({ type: "member:left", memberCount: 2 });
    ban(played, 0);
    expect(played.do({ type: "join", by: ada }).error?.code).toBe("not_a_member");
  });

  it("whose end has come already puts out, and no more", () => {
    const played = groupOfThree();
    ban(played, 1);
    expect(played.do({ type: "open", by: ada }).error?.code).toBe("not_a_member");
    played.admit(owner, ada);
    expect(played.say(ada).ok).toBe(true);
  });

  it("is a moderator's, of those below: also of who stood higher, once they are out", () => {
    const played = groupOfThree();
    const admin = user(4);
    played.admit(owner, admin, "admin");
    const banBy = (by: typeof ada) =>
      played.do({ type: "remove_member", by, userId: admin, bannedUntilMs: null }).error?.code ?? "ok";
    expect(banBy(mod)).toBe("forbidden");
    played.do({ type: "leave", by: admin });
    expect(banBy(ada)).toBe("forbidden");
    expect(banBy(mod)).toBe("ok");
  });
});
