import { describe, expect, it } from "vitest";
import type { Member } from "../../protocol/channel.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { apply } from "./apply.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);

/** What another node's moderator did, as the log says it: commands for it come with their feature. */
function impose(played: Played, member: Partial<Member>): void {
  const { id, reign, fold, lastAtMs } = played.state;
  const before = played.state.members.byUser.get(ada)!.member!;
  const event = {
    type: "member:updated" as const,
    seq: fold.seq + 1,
    atMs: lastAtMs,
    by: owner,
    member: { ...before, ...member },
    memberCount: fold.memberCount,
  };
  const record = { channelId: id, epoch: reign, event };
  apply(played.state, record);
  played.log.push(record);
}

function groupOfThree(settings = {}): Played {
  const played = Played.of("group", owner, { settings });
  played.admit(owner, ada);
  played.admit(owner, bob, "moderator");
  return played;
}

describe("row C11: slow mode", () => {
  it("counts down exactly, per author, and exempts moderators", () => {
    const played = groupOfThree({ slowModeSeconds: 30 });
    expect(played.say(ada).ok).toBe(true);
    expect(played.say(ada).error).toMatchObject({ code: "slow_mode", retry: "later", retryAfterMs: 30_000 });
    played.nowMs += 29_999;
    expect(played.say(ada).error).toMatchObject({ retryAfterMs: 1 });
    played.nowMs += 1;
    expect(played.say(ada).ok).toBe(true);
    expect(played.say(bob).ok && played.say(bob).ok && played.say(owner).ok).toBe(true);
  });
});

describe("row C2: mutes and bans", () => {
  it("end a mute at the millisecond", () => {
    const played = groupOfThree();
    impose(played, { mutedUntilMs: played.nowMs + 500 });
    expect(played.say(ada).error).toMatchObject({ code: "muted", retryAfterMs: 500 });
    expect(played.do({ type: "open", by: ada }).ok).toBe(true);
    played.nowMs += 500;
    expect(played.say(ada).ok).toBe(true);
  });

  it("mute for ever with null, and lift with 0", () => {
    const played = groupOfThree();
    impose(played, { mutedUntilMs: null });
    expect(played.say(ada).error).toMatchObject({ code: "muted" });
    expect(played.say(ada).error).not.toHaveProperty("retryAfterMs");
    impose(played, { mutedUntilMs: 0 });
    expect(played.say(ada).ok).toBe(true);
  });

  it("keep a mute over leaving and coming back", () => {
    const played = groupOfThree();
    impose(played, { mutedUntilMs: null });
    played.do({ type: "leave", by: ada });
    played.admit(owner, ada);
    expect(played.say(ada).error?.code).toBe("muted");
  });

  it("ban from everything until the end, then one may be invited again", () => {
    const played = groupOfThree();
    impose(played, { status: "removed", bannedUntilMs: played.nowMs + 1_000 });
    for (const command of [
      { type: "open", by: ada },
      { type: "join", by: ada },
      { type: "sync", by: ada, afterSeq: 0, limit: 9 },
      { type: "mark", by: ada, read: 1 },
      { type: "invite", by: ada, userId: user(9) },
    ] as const)
      expect(played.do(command).error).toMatchObject({ code: "banned", retryAfterMs: 1_000 });
    expect(played.say(ada).error?.code).toBe("banned");
    expect(played.do({ type: "invite", by: owner, userId: ada }).error?.code).toBe("forbidden");
    played.nowMs += 1_000;
    expect(played.do({ type: "open", by: ada }).error?.code).toBe("not_a_member");
    played.admit(owner, ada);
    expect(played.say(ada).ok).toBe(true);
  });

  it("ban for ever without an end", () => {
    const played = groupOfThree();
    impose(played, { status: "removed", bannedUntilMs: null });
    played.nowMs += 1e12;
    expect(played.do({ type: "join", by: ada }).error?.code).toBe("banned");
  });
});

describe("an archived channel", () => {
  function archived(): Played {
    const played = groupOfThree();
    played.say(ada, "before");
    played.do({ type: "invite", by: owner, userId: user(8) });
    const { id, reign, fold, lastAtMs } = played.state;
    const channel = { ...fold.channel!, archived: true };
    const event = {
      type: "channel:archived" as const,
      seq: fold.seq + 1,
      atMs: lastAtMs,
      by: owner,
      channel,
    };
    apply(played.state, { channelId: id, epoch: reign, event });
    return played;
  }

  it("takes in no message and nobody, and answers a resend all the same (rule S1)", () => {
    const played = archived();
    for (const by of [owner, ada]) expect(played.say(by).error?.code).toBe("archived");
    expect(played.do({ type: "invite", by: owner, userId: user(9) }).error?.code).toBe("archived");
    expect(played.do({ type: "join", by: user(8) }).error?.code).toBe("archived");
    const again = { type: "send", by: ada, attempt: 2, message: said(client(1), "before") } as const;
    expect(played.do(again)).toMatchObject({ ok: true, duplicate: true });
  });

  it("can be read, marked, and left", () => {
    const played = archived();
    expect(played.do({ type: "open", by: ada })).toMatchObject({ ok: true, channel: { archived: true } });
    expect(played.do({ type: "sync", by: ada, afterSeq: played.state.fold.seq, limit: 9 }).ok).toBe(true);
    expect(played.do({ type: "mark", by: bob, read: 1_000 })).toMatchObject({ unread: 0 });
    expect(played.do({ type: "join", by: bob }).ok).toBe(true);
    expect(played.do({ type: "leave", by: bob }).ok).toBe(true);
  });
});

describe("membership", () => {
  it("counts active members, once each", () => {
    const played = groupOfThree();
    expect(played.state.fold.memberCount).toBe(3);
    expect(played.do({ type: "join", by: ada })).toMatchObject({ ok: true, channel: { memberCount: 3 } });
    played.do({ type: "leave", by: ada });
    expect(played.do({ type: "leave", by: ada })).toEqual({ ok: true });
    expect(played.state.fold.memberCount).toBe(2);
  });

  it("logs nothing for what changes nothing (rule B1)", () => {
    const played = groupOfThree();
    const length = played.log.length;
    played.do({ type: "join", by: ada });
    played.do({ type: "invite", by: owner, userId: ada });
    played.do({ type: "invite", by: owner, userId: user(9) });
    played.do({ type: "invite", by: owner, userId: user(9) });
    played.do({ type: "create", by: owner, channel: { kind: "group", settings: {} }, memberIds: [] });
    expect(played.log).toHaveLength(length + 1);
  });

  it("refuses another channel under a taken id", () => {
    const played = groupOfThree();
    const taken = (by: typeof ada, kind: "group" | "private") =>
      played.do({ type: "create", by, channel: { kind, settings: {} }, memberIds: [] }).error?.code;
    expect(taken(owner, "private")).toBe("conflict");
    expect(taken(user(9), "group")).toBe("conflict");
  });

  it("holds the member limit", () => {
    const played = Played.of("group", owner, { settings: { memberLimit: 2 } });
    played.admit(owner, ada);
    played.do({ type: "invite", by: owner, userId: bob });
    expect(played.do({ type: "join", by: bob }).error?.code).toBe("member_limit");
    played.do({ type: "leave", by: ada });
    expect(played.do({ type: "join", by: bob }).ok).toBe(true);
  });

  it("keeps its owner, and takes back what was granted from who leaves", () => {
    const played = groupOfThree();
    expect(played.do({ type: "leave", by: owner }).error?.code).toBe("forbidden");
    played.do({ type: "leave", by: bob });
    played.do({ type: "invite", by: ada, userId: bob });
    expect(played.do({ type: "join", by: bob })).toMatchObject({ membership: { role: "member" } });
  });

  it("lets nobody grant what is not below them", () => {
    const played = groupOfThree();
    const invite = (by: typeof ada, more: object) =>
      played.do({ type: "invite", by, userId: user(9), ...more }).error?.code;
    expect(invite(ada, { role: "moderator" })).toBe("forbidden");
    expect(invite(bob, { role: "moderator" })).toBe("forbidden");
    expect(invite(ada, { overrides: { send: true } })).toBe("forbidden");
    expect(invite(ada, { mutedUntilMs: 0 })).toBe("forbidden");
    expect(invite(owner, { role: "owner" })).toBe("forbidden");
    expect(invite(owner, { role: "admin" })).toBeUndefined();
    expect(invite(bob, { role: "guest" })).toBe("forbidden");
  });

  it("makes a channel with people invited, and the maker its owner", () => {
    const played = new Played();
    const made = played.do({
      type: "create",
      by: owner,
      channel: { kind: "private", name: "den", settings: {} },
      memberIds: [ada, owner, ada],
    });
    expect(made).toMatchObject({
      created: true,
      channel: { seq: 3, memberCount: 1, epoch: 1 },
      membership: { role: "owner", status: "active" },
    });
    expect(played.do({ type: "open", by: ada }).error?.code).toBe("not_a_member");
    expect(played.do({ type: "join", by: ada })).toMatchObject({
      ok: true,
      membership: { role: "member", status: "active" },
    });
  });
});

describe("rule E5: time", () => {
  it("never runs backwards in a channel", () => {
    const played = groupOfThree();
    const before = played.state.lastAtMs;
    played.nowMs -= 60_000;
    expect(played.say(ada)).toMatchObject({ message: { atMs: before } });
  });
});

describe("rules E6, L7: marks", () => {
  it("count unread from the mark, and never go back", () => {
    const played = groupOfThree();
    const head = played.state.fold.seq;
    for (let n = 0; n < 5; n++) played.say(bob);
    const mark = (read: number) => played.do({ type: "mark", by: ada, read }).unread;
    expect(mark(0)).toBe(5);
    expect(mark(head + 2)).toBe(3);
    expect(mark(head + 1)).toBe(3);
    expect(mark(head + 1_000)).toBe(0);
    expect(played.state.members.byUser.get(ada)).toMatchObject({
      readSeq: head + 5,
      deliveredSeq: head + 5,
      readCount: 5,
    });
  });

  it("ask Postgres for an ordinal only when memory does not reach back to the mark", () => {
    const played = groupOfThree();
    const head = played.state.fold.seq;
    for (let n = 0; n < 5; n++) played.say(bob);
    played.flush();
    const forgetful = { ...played.state, recent: { at: () => undefined } };
    Object.assign(played, { state: forgetful });
    expect(played.do({ type: "mark", by: ada, read: head + 2 }).unread).toBe(3);
  });

  it("move with the author's own message, and start at the head for who joins", () => {
    const played = groupOfThree();
    played.say(bob);
    played.say(ada);
    expect(played.do({ type: "mark", by: ada, read: 0 }).unread).toBe(0);
    played.admit(owner, user(9));
    expect(played.do({ type: "mark", by: user(9), delivered: 1 }).unread).toBe(0);
  });
});
