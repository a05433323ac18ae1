import { describe, expect, it } from "vitest";
import type { ChannelKind, Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import { client, said, user } from "../doubles.ts";
import { Played, SPACE } from "../playing.ts";
import type { Action } from "./access.ts";
import { learnSpaceMember, SPACE_FACT_MAX_AGE_MS } from "./facts.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);
const eve = user(4);

const mia = user(6);

/** One request per action, of the sort that only that action is asked for. `eve` is a guest here, `mia` is nobody yet. */
const ASK = {
  read: (by) => ({ type: "open", by }),
  post: (by) => ({ type: "send", by, message: said(client(9)), attempt: 1 }),
  react: (by, seq) => ({ type: "react", by, seq, emoji: "👍", on: true }),
  pin: (by, seq) => ({ type: "pin", by, seq, pinned: true }),
  invite: (by) => ({ type: "invite", by, userId: mia }),
  remove: (by) => ({ type: "remove_member", by, userId: eve }),
  ban: (by) => ({ type: "remove_member", by, userId: eve, bannedUntilMs: null }),
  moderate: (by) => ({ type: "change_member", by, userId: eve, mutedUntilMs: null }),
  slow: (by) => ({ type: "update", by, settings: { slowModeSeconds: 7 } }),
  manage: (by) => ({ type: "update", by, name: "another" }),
} as const satisfies Record<Action, (by: UserId, seq: number) => ChannelCommand>;

const ACTIONS = Object.keys(ASK) as Action[];

/** What each role may, by kind; all else is `forbidden`. */
const MAY: Record<ChannelKind, Partial<Record<Role, string>>> = {
  topic: {
    owner: "read post react pin invite remove ban moderate slow manage",
    admin: "read post react pin invite remove ban moderate slow manage",
    moderator: "read post react pin invite remove ban moderate slow",
    member: "read post react invite",
    guest: "read",
  },
  announcement: {
    owner: "read post react pin invite remove ban moderate slow manage",
    admin: "read post react pin invite remove ban moderate slow manage",
    moderator: "read post react pin invite remove ban moderate slow",
    member: "read react",
    guest: "read",
  },
  private: {
    owner: "read post react pin invite remove ban moderate slow manage",
    admin: "read post react pin invite remove ban moderate slow manage",
    moderator: "read post react pin invite remove ban moderate slow",
    member: "read post react",
    guest: "read",
  },
  group: {
    owner: "read post react pin invite remove ban moderate slow manage",
    admin: "read post react pin invite remove ban moderate slow manage",
    moderator: "read post react pin invite remove ban moderate slow",
    member: "read post react invite",
    guest: "read",
  },
  dm: { member: "read post react pin" },
  space: {
    owner: "read invite remove ban moderate manage",
    admin: "read invite remove ban moderate manage",
    moderator: "read invite remove ban moderate",
    member: "read",
    guest: "read",
  },
};

const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? "ok" : answer.error!.code);

/** A channel of that kind with a message in it, `ada` in this role and `eve` a guest. In a dm, `ada` is the other one. */
function peopled(kind: ChannelKind, role: Role): { played: Played; seq: number } {
  const played = Played.of(kind, owner, { other: ada });
  played.inSpace.set(mia, "member");
  if (kind !== "dm") {
    played.admit(owner, eve, "guest");
    if (role !== "owner") played.admit(owner, ada, role);
  }
  played.say(owner);
  return { played, seq: played.state.fold.seq };
}

describe("rows C1, C2: kind × role × action", () => {
  const cells = Object.entries(MAY).flatMap(([kind, roles]) =>
    Object.entries(roles).flatMap(([role, may]) =>
      ACTIONS.map((action) => {
        const expected = may.split(" ").includes(action) ? "ok" : "forbidden";
        return [kind, role, action, expected] as [ChannelKind, Role, Action, string];
      }),
    ),
  );
  it.each(cells)("%s, %s: %s = %s", (kind, role, action, expected) => {
    const { played, seq } = peopled(kind, role);
    const by = role === "owner" ? owner : ada;
    expect(code(played.do(ASK[action](by, seq)))).toBe(expected);
  });
});

/** How someone who is no active member stands to a channel. */
const STRANGE = {
  outsider: () => undefined,
  "in its space": (played) => void played.inSpace.set(ada, "member"),
  invited: (played) => {
    played.inSpace.set(ada, "guest");
    played.do({ type: "invite", by: owner, userId: ada });
  },
  left: (played) => {
    played.admit(owner, ada);
    played.do({ type: "leave", by: ada });
  },
  removed: (played) => {
    played.admit(owner, ada);
    played.do({ type: "remove_member", by: owner, userId: ada });
  },
  banned: (played) => void played.do({ type: "remove_member", by: owner, userId: ada, bannedUntilMs: null }),
  "unbanned, never here": (played) => {
    for (const bannedUntilMs of [null, 0])
      played.do({ type: "remove_member", by: owner, userId: ada, bannedUntilMs });
  },
  "gone from its space": (played) => {
    played.admit(owner, ada, "moderator");
    played.inSpace.delete(ada);
    played.nowMs += SPACE_FACT_MAX_AGE_MS + 1;
  },
} as const satisfies Record<string, (played: Played) => void>;

/** What they hear to every action, and then to `join`. */
const HEARS: [ChannelKind, keyof typeof STRANGE, string, string][] = [
  ["topic", "outsider", "not_found", "not_found"],
  ["topic", "in its space", "not_a_member", "ok"],
  ["topic", "invited", "not_a_member", "ok"],
  ["topic", "left", "not_a_member", "ok"],
  ["topic", "removed", "not_a_member", "ok"],
  ["topic", "banned", "banned", "banned"],
  ["topic", "unbanned, never here", "not_a_member", "not_a_member"],
  ["topic", "gone from its space", "not_a_member", "not_a_member"],
  ["announcement", "outsider", "not_found", "not_found"],
  ["announcement", "in its space", "not_a_member", "ok"],
  ["announcement", "left", "not_a_member", "ok"],
  ["announcement", "removed", "not_a_member", "ok"],
  ["announcement", "banned", "banned", "banned"],
  ["announcement", "gone from its space", "not_a_member", "not_a_member"],
  ["private", "outsider", "not_found", "not_found"],
  ["private", "in its space", "not_found", "not_found"],
  ["private", "invited", "not_a_member", "ok"],
  ["private", "left", "not_a_member", "not_a_member"],
  ["private", "removed", "not_a_member", "not_a_member"],
  ["private", "banned", "banned", "banned"],
  ["group", "outsider", "not_found", "not_found"],
  ["group", "in its space", "not_found", "not_found"],
  ["group", "invited", "not_a_member", "ok"],
  ["group", "left", "not_a_member", "not_a_member"],
  ["group", "removed", "not_a_member", "not_a_member"],
  ["group", "banned", "banned", "banned"],
  ["dm", "outsider", "not_found", "not_found"],
  ["space", "outsider", "not_a_member", "ok"],
  ["space", "invited", "not_a_member", "ok"],
  ["space", "left", "not_a_member", "ok"],
  ["space", "removed", "not_a_member", "ok"],
  ["space", "banned", "banned", "banned"],
  ["space", "unbanned, never here", "not_a_member", "ok"],
];

describe("rows C1, C2: who is no active member", () => {
  it.each(HEARS)("%s, %s: %s to every action, %s to join", (kind, strange, expected, join) => {
    const played = Played.of(kind, owner, { other: user(5) });
    if (kind !== "dm") played.admit(owner, eve, "guest");
    played.say(owner);
    const { seq } = played.state.fold;
    STRANGE[strange](played);
    const length = played.log.length;
    const heard = ACTIONS.map((action) => [action, code(played.do(ASK[action](ada, seq)))]);
    expect(heard).toEqual(ACTIONS.map((action) => [action, expected]));
    expect(played.log).toHaveLength(length);
    expect(code(played.do({ type: "join", by: ada }))).toBe(join);
  });

  it("answers not_found for a channel that is not there", () => {
    const played = new Played();
    for (const command of [
      { type: "open", by: ada },
      { type: "join", by: ada },
      { type: "leave", by: ada },
      { type: "sync", by: ada, afterSeq: 0, limit: 10 },
      { type: "mark", by: ada, read: 1 },
      { type: "invite", by: ada, userId: bob },
    ] as const)
      expect(code(played.do(command))).toBe("not_found");
    expect(played.do({ type: "member", userId: ada })).toEqual({ ok: true });
  });
});

describe("row C2: overrides", () => {
  it("lets a guest post, and keeps a member from it", () => {
    const played = Played.of("group", owner);
    played.do({ type: "invite", by: owner, userId: ada, role: "guest", overrides: { send: true } });
    played.do({ type: "invite", by: owner, userId: bob, overrides: { send: false, addMembers: false } });
    for (const by of [ada, bob]) played.do({ type: "join", by });
    expect(code(played.say(ada))).toBe("ok");
    expect(code(played.say(bob))).toBe("forbidden");
    expect(code(played.do({ type: "invite", by: bob, userId: eve }))).toBe("forbidden");
  });

  it("lets a plain member put out plain members and guests, but neither ban nor reach higher", () => {
    const played = Played.of("group", owner);
    played.admit(owner, ada);
    played.admit(owner, bob);
    played.admit(owner, eve, "moderator");
    const overrides = { removeMembers: true };
    played.do({ type: "change_member", by: owner, userId: ada, overrides });
    const remove = (userId: UserId, more = {}) =>
      code(played.do({ type: "remove_member", by: ada, userId, ...more }));
    expect(remove(bob, { bannedUntilMs: null })).toBe("forbidden");
    expect(remove(bob)).toBe("ok");
    for (const userId of [eve, owner, ada]) expect(remove(userId)).toBe("forbidden");
  });

  it("keeps a moderator from removing and from banning", () => {
    const played = Played.of("group", owner);
    played.admit(owner, ada, "moderator");
    played.admit(owner, bob);
    const overrides = { removeMembers: false };
    played.do({ type: "change_member", by: owner, userId: ada, overrides });
    for (const more of [{}, { bannedUntilMs: null }])
      expect(code(played.do({ type: "remove_member", by: ada, userId: bob, ...more }))).toBe("forbidden");
    expect(code(played.do({ type: "change_member", by: ada, userId: bob, mutedUntilMs: null }))).toBe("ok");
  });

  it("never goes against what nobody may", () => {
    const played = Played.of("space", owner);
    played.do({ type: "invite", by: owner, userId: ada, overrides: { send: true } });
    played.do({ type: "join", by: ada });
    expect(code(played.say(ada))).toBe("forbidden");
  });
});

describe("rule E1: the space's word", () => {
  it("is asked again after five seconds, and who has left the space is out of its topics", () => {
    const played = Played.of("topic", owner);
    played.admit(owner, ada);
    expect(code(played.say(ada))).toBe("ok");
    played.inSpace.delete(ada);
    played.nowMs += 5_000;
    expect(code(played.say(ada))).toBe("ok");
    played.nowMs += 1;
    expect(code(played.say(ada))).toBe("not_a_member");
    expect(code(played.do({ type: "open", by: ada }))).toBe("not_a_member");
  });

  it("bans from all its channels who is banned there", () => {
    const played = Played.of("topic", owner);
    played.admit(owner, ada);
    learnSpaceMember(played.state.facts, ada, {
      member: {
        userId: ada,
        role: "member",
        status: "removed",
        bannedUntilMs: played.nowMs + 500,
        joinedAtMs: 0,
      },
      isSpace: true,
      askedAtMs: played.nowMs,
    });
    expect(played.say(ada).error).toMatchObject({ code: "banned", retryAfterMs: 500 });
    for (const command of [
      { type: "open", by: ada },
      { type: "join", by: ada },
    ] as const)
      expect(code(played.do(command))).toBe("banned");
  });

  it("keeps the space's guests out, unless they are invited", () => {
    const played = Played.of("topic", owner);
    played.inSpace.set(ada, "guest");
    expect(code(played.do({ type: "join", by: ada }))).toBe("forbidden");
    played.do({ type: "invite", by: owner, userId: ada, role: "guest" });
    expect(code(played.do({ type: "join", by: ada }))).toBe("ok");
  });

  it("decides who may make what in the space", () => {
    const make = (by: typeof ada, kind: ChannelKind, role?: Role) => {
      const played = new Played();
      if (role) played.inSpace.set(by, role);
      return code(
        played.do({ type: "create", by, channel: { kind, spaceId: SPACE, settings: {} }, memberIds: [] }),
      );
    };
    expect(make(ada, "topic", "member")).toBe("ok");
    expect(make(ada, "topic", "guest")).toBe("forbidden");
    expect(make(ada, "topic")).toBe("not_a_member");
    expect(make(ada, "announcement", "member")).toBe("forbidden");
    expect(make(ada, "announcement", "moderator")).toBe("ok");
    expect(make(ada, "group", "member")).toBe("malformed");
  });
});
