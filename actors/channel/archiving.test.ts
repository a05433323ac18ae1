import { describe, expect, it } from "vitest";
import type { ChannelKind } from "../../protocol/channel.ts";
import { user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { archiveDue } from "./archiving.ts";

const owner = user(1);
const ada = user(2);
const DAY_MS = 86_400_000;

/** Archives itself after two days; `ada` is a member. */
function channelOfTwoDays(kind: ChannelKind = "group"): Played {
  const played = Played.of(kind, owner, { settings: { autoArchiveDays: 2 } });
  played.admit(owner, ada);
  return played;
}

const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? "ok" : answer.error!.code);
const types = ({ log }: Played, count: number) => log.slice(-count).map(({ event }) => event.type);

describe("row C13: the archive after days", () => {
  it("comes to the millisecond after the last event, and the first send then says so (rule E5)", () => {
    const played = channelOfTwoDays();
    played.say(ada);
    played.nowMs += 2 * DAY_MS - 1;
    expect(code(played.say(ada))).toBe("ok");
    played.nowMs += 2 * DAY_MS;
    const { length } = played.log;
    expect(code(played.say(ada))).toBe("archived");
    expect(played.log).toHaveLength(length + 1);
    expect(played.log.at(-1)!.event).toMatchObject({
      type: "channel:archived",
      by: ada,
      channel: { archived: true, seq: length + 1, memberCount: 2 },
    });
    expect(code(played.say(ada))).toBe("archived");
    expect(played.log).toHaveLength(length + 1);
  });

  it("comes to a channel in which nothing was ever said, after its last event", () => {
    const played = channelOfTwoDays();
    played.nowMs += 2 * DAY_MS;
    expect(code(played.say(owner))).toBe("archived");
  });

  it("comes to a channel that is not in memory all the same", () => {
    const played = channelOfTwoDays();
    played.say(ada);
    played.forget();
    played.nowMs += 2 * DAY_MS - 1;
    expect(archiveDue(played.state, played.nowMs)).toBe(false);
    played.nowMs += 1;
    expect(archiveDue(played.state, played.nowMs)).toBe(true);
    expect(code(played.say(ada))).toBe("archived");
  });

  it("does not come where nobody asked for it, nor to a space", () => {
    for (const played of [Played.of("group", owner), channelOfTwoDays("space")])
      expect(archiveDue(played.state, played.nowMs + 1_000 * DAY_MS)).toBe(false);
  });

  it("lets nobody in, and nothing change, from then on", () => {
    const refused = [
      [{ type: "invite", by: owner, userId: user(9) }, "channel:archived"],
      [{ type: "update", by: owner, name: "late" }, "channel:archived"],
      // Who is no member makes nothing happen.
      [{ type: "join", by: user(8) }, "member:updated"],
    ] as const;
    for (const [command, last] of refused) {
      const played = channelOfTwoDays();
      played.do({ type: "invite", by: owner, userId: user(8) });
      played.nowMs += 2 * DAY_MS;
      expect(code(played.do(command))).toBe("archived");
      expect(types(played, 1)).toEqual([last]);
    }
  });

  it("is not put off by who leaves or is put out then", () => {
    const allowed = [
      [{ type: "leave", by: ada }, "member:left"],
      [{ type: "remove_member", by: owner, userId: ada }, "member:left"],
      [{ type: "change_member", by: owner, userId: ada, role: "guest" }, "member:updated"],
    ] as const;
    for (const [command, type] of allowed) {
      const played = channelOfTwoDays();
      played.nowMs += 2 * DAY_MS;
      expect(code(played.do(command))).toBe("ok");
      expect(types(played, 2).sort()).toEqual(["channel:archived", type]);
      expect(played.state.fold.channel?.archived).toBe(true);
    }
  });

  it("ends by hand, and the days begin anew", () => {
    for (const isSaid of [true, false]) {
      const played = channelOfTwoDays();
      played.nowMs += 2 * DAY_MS;
      if (isSaid) played.say(ada);
      expect(code(played.do({ type: "update", by: owner, archived: false }))).toBe("ok");
      expect(code(played.say(ada))).toBe("ok");
      const { length } = played.log;
      expect(code(played.do({ type: "update", by: owner, archived: false }))).toBe("ok");
      expect(played.log).toHaveLength(length);
    }
  });

  it("may be said by anyone who finds it due, and by nobody else", () => {
    const played = channelOfTwoDays();
    expect(code(played.do({ type: "update", by: ada, archived: true }))).toBe("forbidden");
    played.nowMs += 2 * DAY_MS;
    expect(played.do({ type: "update", by: ada, archived: true })).toMatchObject({
      ok: true,
      channel: { archived: true },
    });
    expect(types(played, 1)).toEqual(["channel:archived"]);
    expect(code(played.do({ type: "update", by: ada, archived: false }))).toBe("forbidden");
  });
});
