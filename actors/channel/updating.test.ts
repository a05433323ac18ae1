import { describe, expect, it } from "vitest";
import type { Settings, SettingsChange } from "../../protocol/channel.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";

const owner = user(1);
const ada = user(2);
const mod = user(3);
const admin = user(4);

function group(settings: Settings = {}): Played {
  const played = Played.of("group", owner, { settings });
  played.admit(owner, ada);
  played.admit(owner, mod, "moderator");
  played.admit(owner, admin, "admin");
  return played;
}

type Wanted = { name?: string; description?: string; settings?: SettingsChange; archived?: boolean };
const update = (played: Played, by: typeof ada, wanted: Wanted) =>
  played.do({ type: "update", by, ...wanted });
const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? "ok" : answer.error!.code);
const channelOf = ({ state }: Played) => state.fold.channel!;

describe("row C13: name, topic text and settings", () => {
  it("are what was asked for, and all else stays", () => {
    const played = group({ memberLimit: 9, slowModeSeconds: 5 });
    update(played, admin, { name: "den" });
    const answer = update(played, owner, { description: "quiet", settings: { memberLimit: 8 } });
    const channel = {
      name: "den",
      description: "quiet",
      settings: { memberLimit: 8, slowModeSeconds: 5 },
      archived: false,
      seq: played.state.fold.seq,
      epoch: 1,
      memberCount: 4,
    };
    expect(answer).toMatchObject({ ok: true, channel });
    expect(played.log.at(-1)!.event).toMatchObject({ type: "channel:updated", by: owner, channel });
    expect(channelOf(played)).toMatchObject(channel);
  });

  it("stay where a setting is undefined", () => {
    const played = group({ slowModeSeconds: 5 });
    update(played, owner, { settings: { slowModeSeconds: undefined, memberLimit: 7 } });
    expect(channelOf(played).settings).toEqual({ slowModeSeconds: 5, memberLimit: 7 });
  });

  it("are absent again where a setting is null, and never stored as null", () => {
    const played = group({ slowModeSeconds: 5, memberLimit: 9, autoArchiveDays: 3 });
    const answer = update(played, owner, { settings: { memberLimit: null, autoArchiveDays: null } });
    const { settings } = channelOf(played);
    expect(Object.entries(settings)).toEqual([["slowModeSeconds", 5]]);
    expect((answer.channel as { settings: Settings }).settings).toEqual(settings);
    const { length } = played.log;
    expect(code(update(played, ada, { settings: { memberLimit: null, durability: null } }))).toBe("ok");
    expect(played.log).toHaveLength(length);
  });

  it("log nothing where they are so already, whoever asks (rule B1)", () => {
    const played = group({ slowModeSeconds: 5 });
    const wanted = { name: "den", description: "", settings: { slowModeSeconds: 5 }, archived: false };
    update(played, owner, wanted);
    const { length } = played.log;
    for (const by of [owner, mod, ada])
      expect(update(played, by, wanted)).toMatchObject({ ok: true, channel: { name: "den" } });
    expect(played.log).toHaveLength(length);
  });

  it("of automatic slow mode are one setting: its parts are compared, and replaced together", () => {
    const auto = { messagesPerMinute: 60, minSeconds: 5, maxSeconds: 60 };
    const played = group({ autoSlowMode: auto });
    const { length } = played.log;
    update(played, mod, { settings: { autoSlowMode: { ...auto } } });
    expect(played.log).toHaveLength(length);
    update(played, mod, { settings: { autoSlowMode: { ...auto, maxSeconds: 9 } } });
    expect(channelOf(played).settings).toEqual({ autoSlowMode: { ...auto, maxSeconds: 9 } });
  });

  it("are an admin's; slow mode alone is a moderator's (row C11)", () => {
    const auto = { messagesPerMinute: 60, minSeconds: 5, maxSeconds: 60 };
    const asks: [Wanted, string, string, string][] = [
      [{ name: "den" }, "forbidden", "forbidden", "ok"],
      [{ description: "quiet" }, "forbidden", "forbidden", "ok"],
      [{ settings: { memberLimit: 2 } }, "forbidden", "forbidden", "ok"],
      [{ settings: { durability: "persisted" } }, "forbidden", "forbidden", "ok"],
      [{ archived: true }, "forbidden", "forbidden", "ok"],
      [{ settings: { slowModeSeconds: 9 } }, "forbidden", "ok", "ok"],
      [{ settings: { autoSlowMode: auto } }, "forbidden", "ok", "ok"],
      [{ settings: { slowModeSeconds: null } }, "forbidden", "ok", "ok"],
      [{ settings: { editWindowSeconds: null } }, "forbidden", "forbidden", "ok"],
      [{ settings: { slowModeSeconds: null, editWindowSeconds: null } }, "forbidden", "forbidden", "ok"],
      [{ settings: { slowModeSeconds: 9, memberLimit: 2 } }, "forbidden", "forbidden", "ok"],
      [{ settings: { slowModeSeconds: 9 }, name: "den" }, "forbidden", "forbidden", "ok"],
    ];
    const before = { slowModeSeconds: 5, editWindowSeconds: 60 };
    for (const [wanted, ...codes] of asks)
      expect([ada, mod, admin].map((by) => code(update(group(before), by, wanted)))).toEqual(codes);
  });

  it("of which only slow mode changes are a moderator's, whatever else is named as it is", () => {
    const played = group({ memberLimit: 9 });
    const wanted = { settings: { memberLimit: 9, slowModeSeconds: 3 }, archived: false };
    expect(code(update(played, mod, wanted))).toBe("ok");
    expect(channelOf(played).settings).toEqual({ memberLimit: 9, slowModeSeconds: 3 });
  });

  it("may limit a channel below its members: nobody is put out, nobody comes in", () => {
    const played = group();
    played.do({ type: "invite", by: owner, userId: user(9) });
    expect(code(update(played, owner, { settings: { memberLimit: 2 } }))).toBe("ok");
    expect(played.state.fold.memberCount).toBe(4);
    expect(code(played.do({ type: "join", by: user(9) }))).toBe("member_limit");
    expect(code(played.say(ada))).toBe("ok");
  });

  it("of a space change too; its slug and language stay", () => {
    const played = new Played();
    const channel = { kind: "space" as const, slug: "den", language: "german" as const, settings: {} };
    played.do({ type: "create", by: owner, channel, memberIds: [] });
    expect(update(played, owner, { name: "Den", description: "ours", archived: true })).toMatchObject({
      channel: { name: "Den", description: "ours", archived: true, slug: "den", language: "german" },
    });
    expect(code(played.do({ type: "join", by: ada }))).toBe("archived");
  });

  it("of a dm are nobody's", () => {
    const played = Played.of("dm", owner, { other: ada });
    for (const wanted of [{ name: "us" }, { archived: true }, { settings: { slowModeSeconds: 1 } }])
      expect(code(update(played, owner, wanted))).toBe("forbidden");
  });
});

describe("row C13: the archive", () => {
  function archived(): Played {
    const played = group();
    played.say(ada, "before");
    played.do({ type: "invite", by: owner, userId: user(8) });
    expect(code(update(played, admin, { archived: true }))).toBe("ok");
    return played;
  }

  it("is said by an event of its own, once", () => {
    const played = archived();
    const { length } = played.log;
    expect(played.log.at(-1)!.event).toMatchObject({ type: "channel:archived", channel: { archived: true } });
    expect(update(played, admin, { archived: true })).toMatchObject({
      ok: true,
      channel: { archived: true },
    });
    expect(played.log).toHaveLength(length);
  });

  it("takes in no message and nobody, and answers a resend all the same (rule S1)", () => {
    const played = archived();
    for (const by of [owner, ada]) expect(code(played.say(by))).toBe("archived");
    expect(code(played.do({ type: "invite", by: owner, userId: user(9) }))).toBe("archived");
    expect(code(played.do({ type: "join", by: user(8) }))).toBe("archived");
    const again = { type: "send", by: ada, attempt: 2, message: said(client(1), "before") } as const;
    expect(played.do(again)).toMatchObject({ ok: true, duplicate: true });
  });

  it("can be read, marked, and left, and its members are managed", () => {
    const played = archived();
    expect(played.do({ type: "open", by: ada })).toMatchObject({ ok: true, channel: { archived: true } });
    expect(played.do({ type: "sync", by: ada, afterSeq: played.state.fold.seq, limit: 9 }).ok).toBe(true);
    expect(played.do({ type: "mark", by: mod, read: 1_000 })).toMatchObject({ unread: 0 });
    expect(played.do({ type: "join", by: mod }).ok).toBe(true);
    expect(played.do({ type: "change_member", by: owner, userId: ada, role: "guest" }).ok).toBe(true);
    expect(played.do({ type: "remove_member", by: owner, userId: ada }).ok).toBe(true);
    expect(played.do({ type: "leave", by: mod }).ok).toBe(true);
  });

  it("lets nothing change but that it ends, with or without other changes", () => {
    const played = archived();
    expect(code(update(played, owner, { name: "new" }))).toBe("archived");
    expect(code(update(played, owner, { name: "new", archived: true }))).toBe("archived");
    expect(code(update(played, mod, { settings: { slowModeSeconds: 3 } }))).toBe("archived");
    expect(update(played, owner, { name: "new", archived: false })).toMatchObject({
      channel: { name: "new", archived: false },
    });
    expect(played.log.at(-1)!.event.type).toBe("channel:updated");
    expect(code(played.say(ada))).toBe("ok");
  });
});
