import { describe, expect, it } from "vitest";
import type { Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import { user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { commandOf } from "./salvage.ts";

const owner = user(1);
const admin = user(2);
const moderator = user(3);
const ada = user(4);
const bob = user(5);
const stranger = user(6);

/** A group with one person in each role above, and two plain members. */
function group(): Played {
  const played = Played.of("group", owner);
  played.admit(owner, admin, "admin");
  played.admit(owner, moderator, "moderator");
  for (const userId of [ada, bob]) played.admit(owner, userId);
  return played;
}

const change = (played: Played, by: UserId, userId: UserId, more: object) =>
  played.do({ type: "change_member", by, userId, ...more });
const remove = (played: Played, by: UserId, userId: UserId, more: object = {}) =>
  played.do({ type: "remove_member", by, userId, ...more });
const memberOf = ({ state }: Played, userId: UserId) => state.members.byUser.get(userId)?.member;
const lastEvent = ({ log }: Played) => log.at(-1)!.event;

/** What a command logged: the types of its events. */
function logged(played: Played, run: () => void): string[] {
  const { length } = played.log;
  run();
  return played.log.slice(length).map(({ event }) => event.type);
}

describe("row C2: roles and overrides", () => {
  it("are changed by admins, of those below them, to roles below their own", () => {
    const roleBy = (by: UserId, userId: UserId, role: Role) =>
      change(group(), by, userId, { role }).error?.code ?? "ok";
    expect(roleBy(admin, ada, "moderator")).toBe("ok");
    expect(roleBy(admin, moderator, "guest")).toBe("ok");
    expect(roleBy(admin, ada, "admin")).toBe("forbidden");
    expect(roleBy(owner, ada, "admin")).toBe("ok");
    expect(roleBy(moderator, ada, "guest")).toBe("forbidden");
    expect(roleBy(ada, bob, "guest")).toBe("forbidden");
    expect(roleBy(admin, owner, "member")).toBe("forbidden");
    expect(roleBy(admin, admin, "member")).toBe("forbidden");
    expect(roleBy(owner, owner, "admin")).toBe("forbidden");
    expect(roleBy(owner, stranger, "admin")).toBe("not_found");
  });

  it("are answered with the member as they stand, and logged with the whole of them", () => {
    const played = group();
    const said = change(played, admin, ada, { role: "moderator", overrides: { upload: false } });
    const member = { userId: ada, role: "moderator", status: "active", overrides: { upload: false } };
    expect(said).toMatchObject({ ok: true, member });
    expect(lastEvent(played)).toMatchObject({ type: "member:updated", by: admin, member, memberCount: 5 });
  });

  it("replace all overrides at once, and none are left of an empty set", () => {
    const played = group();
    change(played, owner, ada, { overrides: { send: false } });
    change(played, owner, ada, { overrides: { upload: false } });
    expect(memberOf(played, ada)?.overrides).toEqual({ upload: false });
    change(played, owner, ada, { overrides: {} });
    expect(memberOf(played, ada)).not.toHaveProperty("overrides");
  });

  it("of an invited person are those they come in with", () => {
    const played = group();
    played.do({ type: "invite", by: owner, userId: stranger });
    change(played, admin, stranger, { role: "guest" });
    expect(played.do({ type: "join", by: stranger })).toMatchObject({ membership: { role: "guest" } });
  });

  it("of who is out are nobody's to change", () => {
    const played = group();
    played.do({ type: "leave", by: ada });
    expect(change(played, owner, ada, { role: "guest" }).error?.code).toBe("not_found");
  });

  it("log nothing where nothing changes, even of oneself (rule B1)", () => {
    const played = group();
    const again = () => {
      expect(change(played, owner, owner, { role: "owner", overrides: {}, mutedUntilMs: 0 }).ok).toBe(true);
      expect(change(played, moderator, ada, { role: "member" }).ok).toBe(true);
      expect(change(played, admin, ada, {})).toMatchObject({ ok: true, member: { userId: ada } });
    };
    expect(logged(played, again)).toEqual([]);
  });

  it("are not changed around by invitations: what an invitation grants takes what it takes of a member", () => {
    const played = group();
    const invite = (by: UserId, more: object) =>
      played.do({ type: "invite", by, userId: stranger, ...more }).error?.code ?? "ok";
    expect(invite(moderator, { overrides: { send: true } })).toBe("forbidden");
    expect(invite(admin, { role: "guest", overrides: { upload: true } })).toBe("ok");
    expect(invite(ada, { role: "member" })).toBe("forbidden");
    expect(invite(ada, {})).toBe("ok");
    played.do({ type: "join", by: stranger });
    played.do({ type: "leave", by: stranger });
    expect(invite(ada, { role: "member" })).toBe("forbidden");
    expect(invite(ada, {})).toBe("ok");
    expect(memberOf(played, stranger)).toMatchObject({ role: "guest", status: "pending" });
  });

  it("of someone invited are not changed by another invitation from who does not stand above them", () => {
    const played = group();
    const invite = (by: UserId, more: object) =>
      played.do({ type: "invite", by, userId: stranger, ...more }).error?.code ?? "ok";
    expect(invite(owner, { role: "admin" })).toBe("ok");
    expect(invite(admin, { role: "member" })).toBe("forbidden");
    expect(invite(admin, { mutedUntilMs: null })).toBe("forbidden");
    expect(invite(owner, { role: "member", mutedUntilMs: null })).toBe("ok");
  });
});

describe("row C13: transfer of ownership", () => {
  it("makes the member the owner first, and then the owner an admin", () => {
    const played = group();
    const said = () =>
      expect(change(played, owner, ada, { role: "owner" })).toMatchObject({
        ok: true,
        member: { userId: ada, role: "owner" },
      });
    expect(logged(played, said)).toEqual(["member:updated", "member:updated"]);
    expect(played.log.slice(-2).map(({ event }) => event)).toMatchObject([
      { by: owner, member: { userId: ada, role: "owner" } },
      { by: owner, member: { userId: owner, role: "admin" } },
    ]);
    expect(change(played, ada, owner, { role: "guest" }).ok).toBe(true);
    expect(played.do({ type: "leave", by: owner }).ok).toBe(true);
  });

  it("is the owner's alone, and goes to a member who has joined", () => {
    const played = group();
    played.do({ type: "invite", by: owner, userId: stranger });
    expect(change(played, admin, ada, { role: "owner" }).error?.code).toBe("forbidden");
    expect(change(played, owner, stranger, { role: "owner" }).error?.code).toBe("forbidden");
    expect(change(played, owner, owner, { role: "owner" }).ok).toBe(true);
  });

  it("leaves no mute and no override on the new owner, since nobody could lift it", () => {
    const played = group();
    change(played, owner, ada, { mutedUntilMs: null, overrides: { send: false } });
    change(played, owner, ada, { role: "owner", mutedUntilMs: null });
    expect(memberOf(played, ada)).toEqual(
      expect.not.objectContaining({ mutedUntilMs: expect.anything(), overrides: expect.anything() }),
    );
    expect(played.say(ada).ok).toBe(true);
  });
});

describe("row C2: removal", () => {
  it("puts out those below, and lets them come in again", () => {
    const played = group();
    expect(remove(played, moderator, ada)).toMatchObject({ member: { userId: ada, status: "left" } });
    expect(lastEvent(played)).toMatchObject({
      type: "member:left",
      by: moderator,
      userId: ada,
      memberCount: 4,
    });
    expect(played.do({ type: "open", by: ada }).error?.code).toBe("not_a_member");
    played.admit(bob, ada);
    expect(played.say(ada).ok).toBe(true);
  });

  it("never reaches an equal, anyone above, the owner, or oneself", () => {
    const played = group();
    played.admit(owner, stranger, "moderator");
    const by = (who: UserId, userId: UserId, more = {}) => remove(played, who, userId, more).error?.code;
    for (const more of [{}, { bannedUntilMs: null }]) {
      expect(by(moderator, stranger, more)).toBe("forbidden");
      expect(by(moderator, admin, more)).toBe("forbidden");
      expect(by(admin, owner, more)).toBe("forbidden");
      expect(by(owner, owner, more)).toBe("forbidden");
      expect(by(ada, bob, more)).toBe("forbidden");
    }
  });

  it("withdraws an invitation, by whoever may put out", () => {
    const played = group();
    played.do({ type: "invite", by: ada, userId: stranger });
    expect(remove(played, ada, stranger).error?.code).toBe("forbidden");
    expect(remove(played, moderator, stranger)).toMatchObject({ member: { status: "left" } });
    expect(lastEvent(played)).toMatchObject({ type: "member:left", memberCount: 5 });
    expect(played.do({ type: "join", by: stranger }).error?.code).toBe("not_a_member");
  });

  it("logs nothing of who is out, and does not find who never was in", () => {
    const played = group();
    remove(played, moderator, ada);
    remove(played, moderator, bob, { bannedUntilMs: null });
    const again = () => {
      expect(remove(played, moderator, ada).ok).toBe(true);
      expect(remove(played, moderator, bob)).toMatchObject({ ok: true, member: { status: "removed" } });
    };
    expect(logged(played, again)).toEqual([]);
    for (const more of [{}, { bannedUntilMs: 0 }])
      expect(remove(played, owner, stranger, more).error?.code).toBe("not_found");
  });
});

describe("rule G3: salvage", () => {
  it("brings back an invitation and what changed of it, as one thing each", () => {
    const first = group();
    first.do({ type: "invite", by: admin, userId: stranger, mutedUntilMs: null });
    first.nowMs += 1;
    change(first, admin, stranger, { mutedUntilMs: 0, overrides: { send: false } });
    change(first, admin, stranger, { overrides: {} });
    const second = new Played(first.state.id, 2);
    for (const record of first.log) {
      second.nowMs = record.event.atMs;
      const command = commandOf(record);
      if (command) expect(second.do(command).ok).toBe(true);
    }
    expect(memberOf(second, stranger)).toEqual(memberOf(first, stranger));
  });
});

describe("a dm", () => {
  it("has two equals: nobody changes, removes or bans the other", () => {
    const played = Played.of("dm", owner, { other: ada });
    expect(change(played, owner, ada, { mutedUntilMs: null }).error?.code).toBe("forbidden");
    expect(change(played, owner, ada, { role: "guest" }).error?.code).toBe("forbidden");
    for (const more of [{}, { bannedUntilMs: null }])
      expect(remove(played, owner, ada, more).error?.code).toBe("forbidden");
  });
});

describe("a space", () => {
  it("has its members managed as any channel (rule E1)", () => {
    const played = Played.of("space", owner);
    played.admit(owner, admin, "admin");
    played.admit(owner, ada);
    expect(change(played, admin, ada, { role: "moderator" }).ok).toBe(true);
    expect(remove(played, admin, ada, { bannedUntilMs: null }).ok).toBe(true);
    expect(played.do({ type: "member", userId: ada })).toMatchObject({
      kind: "space",
      member: { status: "removed", bannedUntilMs: null },
    });
    expect(change(played, owner, admin, { role: "owner" }).ok).toBe(true);
  });
});
