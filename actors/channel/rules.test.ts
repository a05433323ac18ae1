import { describe, expect, it } from "vitest";
import { user } from "../doubles.ts";
import { Played } from "../playing.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);

function groupOfThree(settings = {}): Played {
  const played = Played.of("group", owner, { settings });
  played.admit(owner, ada);
  played.admit(owner, bob, "moderator");
  return played;
}

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

  it("tells who is invited, once", () => {
    const played = groupOfThree();
    const invite = (by: typeof ada) => played.decide({ type: "invite", by, userId: user(9) }).notices ?? [];
    const notice = { kind: "invite", channelId: played.state.id, by: ada };
    expect(invite(ada)).toEqual([{ userId: user(9), notice }]);
    expect(invite(bob)).toEqual([]);
    played.do({ type: "change_member", by: owner, userId: user(9), role: "guest" });
    expect(played.decide({ type: "invite", by: owner, userId: user(9), role: "member" }).notices).toEqual([]);
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
