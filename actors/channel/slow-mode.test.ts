import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AutoSlowMode, Member, Settings } from "../../protocol/channel.ts";
import { user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { apply } from "./apply.ts";
import { messagesLately, type Pace, paceAfter, slowModeWaitMs } from "./slow-mode.ts";
import { restore } from "./state.ts";

const owner = user(1);
const ada = user(2);
const bob = user(3);
const mod = user(4);

function group(settings: Settings): Played {
  const played = Played.of("group", owner, { settings });
  for (const userId of [ada, bob]) played.admit(owner, userId);
  played.admit(owner, mod, "moderator");
  return played;
}

/** Ten messages a minute, then waits from 5 to 40 seconds. */
const AUTO: AutoSlowMode = { messagesPerMinute: 10, minSeconds: 5, maxSeconds: 40 };

/** `count` messages of the moderator, who never waits, `everyMs` apart. */
function talk(played: Played, count: number, everyMs = 0): void {
  for (let n = 0; n < count; n++) {
    expect(played.say(mod).ok).toBe(true);
    played.nowMs += everyMs;
  }
}

const slowings = ({ log }: Played) =>
  log.flatMap(({ event }) => (event.type === "channel:updated" ? [event.channel.slowed] : []));
const slowedOf = ({ state }: Played) => state.fold.channel!.slowed;

describe("row C11: slow mode", () => {
  it("counts down exactly, per author, and exempts moderators", () => {
    const played = group({ slowModeSeconds: 30 });
    expect(played.say(ada).ok).toBe(true);
    expect(played.say(ada).error).toMatchObject({ code: "slow_mode", retry: "later", retryAfterMs: 30_000 });
    played.nowMs += 29_999;
    expect(played.say(ada).error).toMatchObject({ retryAfterMs: 1 });
    played.nowMs += 1;
    expect(played.say(ada).ok).toBe(true);
    expect(played.say(mod).ok && played.say(mod).ok && played.say(owner).ok).toBe(true);
  });

  it("holds an author over a restart (rule E5)", () => {
    const played = group({ slowModeSeconds: 30 });
    played.say(ada);
    played.forget();
    played.nowMs += 29_999;
    expect(played.say(ada).error).toMatchObject({ code: "slow_mode", retryAfterMs: 1 });
  });

  it("counts from the setting that is in force now", () => {
    const played = group({});
    played.say(ada);
    played.do({ type: "update", by: mod, settings: { slowModeSeconds: 10 } });
    expect(played.say(ada).error).toMatchObject({ retryAfterMs: 10_000 });
    played.do({ type: "update", by: mod, settings: { slowModeSeconds: 0 } });
    expect(played.say(ada).ok).toBe(true);
  });
});

describe("row C11: automatic slow mode", () => {
  it("comes with the message that is one too many, which still gets through, and says so", () => {
    const played = group({ autoSlowMode: AUTO });
    talk(played, 10);
    expect(slowedOf(played)).toBeUndefined();
    expect(played.say(ada).ok).toBe(true);
    const [message, slowing] = played.log.slice(-2).map(({ event }) => event);
    expect(message).toMatchObject({ type: "message:new", by: ada });
    const slowed = { seconds: 5, untilMs: played.nowMs + 60_000 };
    expect(slowing).toMatchObject({ type: "channel:updated", by: ada, channel: { slowed, memberCount: 4 } });
    expect(played.say(ada).error).toMatchObject({ code: "slow_mode", retryAfterMs: 5_000 });
    expect(played.say(bob).ok && played.say(mod).ok).toBe(true);
    played.nowMs += 5_000;
    expect(played.say(ada).ok).toBe(true);
  });

  it("does not come while people stay within the rate, however long they talk", () => {
    const played = group({ autoSlowMode: AUTO });
    talk(played, 100, 6_000);
    expect(slowings(played)).toEqual([]);
  });

  it("ends by itself, at the millisecond, and holds nobody past its end", () => {
    const played = group({ autoSlowMode: { ...AUTO, minSeconds: 90, maxSeconds: 90 } });
    talk(played, 10);
    played.say(ada);
    const { untilMs } = slowedOf(played)!;
    expect(played.say(ada).error).toMatchObject({ retryAfterMs: 60_000 });
    played.nowMs = untilMs - 1;
    expect(played.say(ada).error).toMatchObject({ code: "slow_mode", retryAfterMs: 1 });
    played.nowMs = untilMs;
    expect(played.say(ada).ok).toBe(true);
    expect(slowings(played)).toHaveLength(1);
  });

  it("grows with the rate, from the least wait to the greatest", () => {
    const seconds = (messages: number) => {
      const played = group({ autoSlowMode: AUTO });
      talk(played, messages);
      return slowedOf(played)?.seconds;
    };
    expect([10, 11, 19, 20, 39, 40, 79, 80, 500].map(seconds)).toEqual([
      undefined,
      5,
      5,
      10,
      10,
      20,
      20,
      40,
      40,
    ]);
  });

  it("is the longer of both where the channel has its own", () => {
    const played = group({ autoSlowMode: AUTO, slowModeSeconds: 8 });
    talk(played, 10);
    played.say(ada);
    expect(played.say(ada).error).toMatchObject({ retryAfterMs: 8_000 });
    talk(played, 9);
    expect(played.say(ada).error).toMatchObject({ retryAfterMs: 10_000 });
  });

  it("is renewed when less than half of it is left, higher or lower, not with each message", () => {
    const played = group({ autoSlowMode: AUTO });
    talk(played, 60);
    expect(slowings(played).map((slowed) => slowed?.seconds)).toEqual([5, 10, 20]);
    const { untilMs } = slowedOf(played)!;
    played.nowMs = untilMs - 30_000;
    talk(played, 1);
    expect(slowings(played)).toHaveLength(3);
    played.nowMs += 1;
    talk(played, 1);
    expect(slowedOf(played)).toEqual({ seconds: 20, untilMs: played.nowMs + 60_000 });
    played.nowMs += 30_001;
    talk(played, 9);
    expect(slowedOf(played)).toEqual({ seconds: 5, untilMs: played.nowMs + 60_000 });
    expect(slowings(played)).toHaveLength(5);
  });

  it("stays over what an admin changes meanwhile", () => {
    const played = group({ autoSlowMode: AUTO });
    talk(played, 10);
    played.say(ada);
    const slowed = slowedOf(played);
    played.do({ type: "update", by: owner, name: "busy" });
    expect(slowedOf(played)).toEqual(slowed);
    expect(played.say(ada).error?.code).toBe("slow_mode");
  });
});

const member = { userId: ada, role: "member", status: "active", joinedAtMs: 0 } as Member;
const seconds = fc.integer({ min: 0, max: 200 });
const limits = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 60 }))
  .map(([messagesPerMinute, minSeconds, more]) => ({
    messagesPerMinute,
    minSeconds,
    maxSeconds: minSeconds + more,
  }));
const pauses = fc.array(fc.oneof(fc.nat(500), fc.nat(20_000), fc.constant(130_000)), { maxLength: 120 });

describe("row C11: any slow mode", () => {
  it("is over exactly when it says so", () =>
    fc.assert(
      fc.property(seconds, fc.option(seconds), fc.nat(300_000), fc.nat(300_000), (own, auto, left, since) => {
        const nowMs = 1_000_000;
        const slowed = auto ? { seconds: auto, untilMs: nowMs + left - 150_000 } : undefined;
        const waitAt = (atMs: number) =>
          slowModeWaitMs(
            { settings: { slowModeSeconds: own }, ...(slowed && { slowed }) },
            member,
            nowMs - since,
            atMs,
          );
        const waitMs = waitAt(nowMs);
        expect(waitAt(nowMs + waitMs)).toBe(0);
        if (waitMs > 0) expect(waitAt(nowMs + waitMs - 1)).toBe(1);
      }),
    ));

  it("counts the messages of the last minute as a recount does, but for 5 s at most", () =>
    fc.assert(
      fc.property(pauses, (gaps) => {
        const times: number[] = [];
        let [atMs, pace] = [1_000_000, undefined as Pace | undefined];
        for (const gapMs of gaps) {
          atMs += gapMs;
          const within = (ms: number) => times.filter((time) => atMs - time < ms).length;
          const counted = messagesLately(pace, atMs);
          expect(counted).toBeLessThanOrEqual(within(60_000));
          expect(counted).toBeGreaterThanOrEqual(within(55_000));
          pace = paceAfter(pace, atMs);
          times.push(atMs);
        }
      }),
    ));

  it("keeps to its bounds, ends within a minute of the last message, and replays to the same state", () =>
    fc.assert(
      fc.property(limits, pauses, (autoSlowMode, gaps) => {
        const played = group({ autoSlowMode });
        for (const [n, gapMs] of gaps.entries()) {
          played.say([mod, ada, bob][n % 3]!);
          played.nowMs += gapMs;
        }
        for (const { event } of played.log) {
          if (event.type !== "channel:updated") continue;
          const { seconds: wait, untilMs } = event.channel.slowed!;
          expect(wait).toBeGreaterThanOrEqual(autoSlowMode.minSeconds);
          expect(wait).toBeLessThanOrEqual(autoSlowMode.maxSeconds);
          expect(untilMs).toBe(event.atMs + 60_000);
        }
        const { id, reign, recent, fold, pace } = played.state;
        const replayed = restore(id, reign, undefined, recent);
        for (const record of played.log) apply(replayed, record);
        expect(replayed.fold).toEqual(fold);
        expect(replayed.pace).toEqual(pace);
      }),
      { numRuns: 200 },
    ));

  it("says so a few times a minute at most, however fast people are", () =>
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 400 }), (autoSlowMode, everyMs) => {
        const played = group({ autoSlowMode });
        const startMs = played.nowMs;
        talk(played, 600, everyMs);
        const minutes = (played.nowMs - startMs) / 60_000;
        const rises = Math.ceil(Math.log2(autoSlowMode.maxSeconds / autoSlowMode.minSeconds)) + 1;
        expect(slowings(played).length).toBeLessThanOrEqual(rises * (1 + 2 * minutes) + 1);
      }),
      { numRuns: 30 },
    ));
});
