import { describe, expect, it } from "vitest";
import type { ChannelKind, Role } from "../../protocol/channel.ts";
import { user } from "../doubles.ts";
import { Played, SPACE } from "../playing.ts";
import { learnSpaceMember } from "./facts.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);
const eve = user(4);

type Table = Record<string, Record<string, string>>;

/** What each role may: `ok`, or the refusal. Read as: kind → role → "read post invite". */
const MAY: Table = {
  topic: {
    owner: "ok ok ok",
    admin: "ok ok ok",
    moderator: "ok ok ok",
    member: "ok ok ok",
    guest: "ok forbidden forbidden",
  },
  announcement: {
    owner: "ok ok ok",
    admin: "ok ok ok",
    moderator: "ok ok ok",
    member: "ok forbidden forbidden",
    guest: "ok forbidden forbidden",
  },
  private: {
    owner: "ok ok ok",
    admin: "ok ok ok",
    moderator: "ok ok ok",
    member: "ok ok forbidden",
    guest: "ok forbidden forbidden",
  },
  group: {
    owner: "ok ok ok",
    admin: "ok ok ok",
    moderator: "ok ok ok",
    member: "ok ok ok",
    guest: "ok forbidden forbidden",
  },
  dm: { member: "ok ok forbidden" },
  space: {
    owner: "ok forbidden ok",
    admin: "ok forbidden ok",
    moderator: "ok forbidden ok",
    member: "ok forbidden forbidden",
    guest: "ok forbidden forbidden",
  },
};

const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? "ok" : answer.error!.code);

function everyAction(played: Played, by: ReturnType<typeof user>): string {
  played.inSpace.set(bob, "member");
  return [played.do({ type: "open", by }), played.say(by), played.do({ type: "invite", by, userId: bob })]
    .map(code)
    .join(" ");
}

describe("row C1: kind × role × action", () => {
  const rows = Object.entries(MAY).flatMap(([kind, roles]) =>
    Object.entries(roles).map(([role, may]) => [kind, role, may] as const),
  );
  it.each(rows)("%s, %s: read post invite = %s", (kind, role, may) => {
    const played = Played.of(kind as ChannelKind, owner, { other: ada });
    if (role !== "owner" && kind !== "dm") played.admit(owner, ada, role as Role);
    expect(everyAction(played, role === "owner" ? owner : ada)).toBe(may);
  });
});

describe("row C1: who is not a member", () => {
  /** kind → "read post invite join" of someone in the space, and of someone outside. */
  const OUTSIDE: [ChannelKind, string, string][] = [
    ["topic", "not_a_member not_a_member not_a_member ok", "not_found not_found not_found not_found"],
    ["announcement", "not_a_member not_a_member not_a_member ok", "not_found not_found not_found not_found"],
    ["private", "not_found not_found not_found not_found", "not_found not_found not_found not_found"],
    ["group", "not_found not_found not_found not_found", "not_found not_found not_found not_found"],
    ["dm", "not_found not_found not_found not_found", "not_found not_found not_found not_found"],
    ["space", "not_a_member not_a_member not_a_member ok", "not_a_member not_a_member not_a_member ok"],
  ];
  it.each(OUTSIDE)("%s: read post invite join = %s in its space, %s outside", (kind, inside, outside) => {
    for (const [who, may] of [
      [ada, inside],
      [eve, outside],
    ] as const) {
      const played = Played.of(kind, owner, { other: user(5) });
      if (who === ada) played.inSpace.set(ada, "member");
      expect(`${everyAction(played, who)} ${code(played.do({ type: "join", by: who }))}`).toBe(may);
    }
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
