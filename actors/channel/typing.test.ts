import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageId } from "../../protocol/ids.ts";
import type { TypingSignal } from "../../protocol/signals.ts";
import { channel, client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { TYPING_AGAIN_MS, TYPING_ENDS_MS, TYPING_EVERY_MS, TYPISTS_MAX, Typists } from "./typing.ts";

const id = channel(1);
const ada = user(1);
const bob = user(2);

/** Typists in a test's hands: time passes in rounds, as the shard makes them. */
class Room {
  nowMs = 0;
  readonly told: (TypingSignal & { atMs: number })[] = [];
  readonly typists = new Typists(id, (signal) => this.told.push({ ...signal, atMs: this.nowMs }));

  start(n: number, place = 0): void {
    this.typists.change({ userId: user(n), on: true, place }, this.nowMs);
  }

  stop(n: number, place = 0): void {
    this.typists.change({ userId: user(n), on: false, place }, this.nowMs);
  }

  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs = Math.min(endMs, this.nowMs + 250);
      this.typists.round(this.nowMs);
    }
  }

  get lists(): string[] {
    return this.told.map(
      ({ userIds, more }) => `${userIds.map((of) => Number(of.slice(-2))).join()}+${more}`,
    );
  }
}

const message = (by = ada) =>
  ({ type: "message:new", seq: 1, atMs: 0, by, message: said(client(1)) }) as never;

describe("row P5: typing", () => {
  it("is told at once, then once a second with what has changed, and empty at the end", () => {
    const room = new Room();
    room.start(1);
    room.start(2);
    room.start(3);
    expect(room.lists).toEqual(["1+0"]);
    room.pass(1_000);
    room.stop(1);
    room.stop(2);
    room.pass(1_000);
    room.stop(3);
    room.pass(1_000);
    expect(room.lists).toEqual(["1+0", "1,2,3+0", "3+0", "+0"]);
    expect(room.told.at(-1)).toMatchObject({ channelId: id, userIds: [], more: 0 });
  });

  it("ends by itself, 6 s after the last start", () => {
    const room = new Room();
    room.start(1);
    room.pass(3_000);
    room.start(1);
    room.pass(TYPING_ENDS_MS - 250);
    expect(room.lists.at(-1)).toBe("1+0");
    room.pass(250);
    expect(room.lists.at(-1)).toBe("+0");
    room.pass(1_000);
    expect(room.typists.isQuiet()).toBe(true);
  });

  it("ends with a message of the same person, and when they go", () => {
    const room = new Room();
    room.start(1);
    room.start(2);
    room.pass(1_000);
    room.typists.happened(message(), room.nowMs);
    room.typists.happened({ type: "member:left", userId: bob } as never, room.nowMs);
    room.pass(1_000);
    expect(room.lists).toEqual(["1+0", "1,2+0", "+0"]);
  });

  it("names five, who began first, and counts the others", () => {
    const room = new Room();
    for (let n = 1; n <= 8; n++) room.start(n);
    room.pass(1_000);
    expect(room.lists.at(-1)).toBe("1,2,3,4,5+3");
  });

  it("is told of a thread apart from its channel, and of a person in one place at a time", () => {
    const room = new Room();
    room.start(1);
    room.start(2, 7);
    expect(room.told.map(({ threadId }) => threadId)).toEqual([undefined, messageId(id, 7)]);
    room.pass(1_000);
    room.start(1, 7);
    expect(room.told.slice(2).map(({ threadId, userIds }) => [threadId, userIds.length])).toEqual([
      [messageId(id, 7), 2],
      [undefined, 0],
    ]);
  });

  it("does not multiply: who jumps between threads is followed once a second, and typists are bounded", () => {
    const room = new Room();
    for (let n = 0; n < 50; n++) room.start(1, n);
    expect(room.told).toHaveLength(1);
    for (let n = 1; n <= TYPISTS_MAX + 10; n++) room.start(n);
    room.pass(1_000);
    expect(room.told.at(-1)?.more).toBe(TYPISTS_MAX - 5);
  });

  it("that goes on is said again, before clients let go of it", () => {
    const room = new Room();
    for (let n = 0; n < 10; n++) {
      room.start(1);
      room.pass(3_000);
    }
    const gaps = room.told.slice(1).map(({ atMs }, i) => atMs - room.told[i]!.atMs);
    expect(gaps.length).toBeGreaterThan(4);
    expect(Math.max(...gaps)).toBeLessThan(TYPING_ENDS_MS);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(TYPING_AGAIN_MS);
  });

  it("law: never more than one signal a second and place, nothing new without need, and the last list gets out", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("start" as const), n: fc.integer({ min: 1, max: 7 }), place: fc.nat(2) }),
      fc.record({ do: fc.constant("stop" as const), n: fc.integer({ min: 1, max: 7 }), place: fc.nat(2) }),
      fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const room = new Room();
        for (const made of steps) {
          if (made.do === "pass") room.pass(made.ms);
          else room[made.do](made.n, made.place);
        }
        room.pass(TYPING_ENDS_MS + TYPING_EVERY_MS + 250);
        for (const place of new Set(room.told.map(({ threadId }) => threadId))) {
          const told = room.told.filter(({ threadId }) => threadId === place);
          for (const [i, { atMs, userIds, more }] of told.entries()) {
            const before = told[i - 1];
            if (before === undefined) continue;
            expect(atMs - before.atMs).toBeGreaterThanOrEqual(TYPING_EVERY_MS);
            const isSame = `${before.userIds}+${before.more}` === `${userIds}+${more}`;
            if (isSame) expect(atMs - before.atMs).toBeGreaterThanOrEqual(TYPING_AGAIN_MS);
          }
          expect(told.at(-1)?.userIds).toEqual([]);
        }
        // Who went while a list was fresh is told of a second later, and the place is kept a second more.
        room.pass(TYPING_EVERY_MS + 250);
        expect(room.typists.isQuiet()).toBe(true);
      }),
    );
  });
});

describe("row P5: who may be seen typing", () => {
  const typing = (by = bob, more = {}) => ({ type: "typing" as const, by, on: true, ...more });
  const group = () => {
    const played = Played.of("group", ada);
    played.admit(ada, bob);
    return played;
  };

  it("who may post, and nothing is logged", () => {
    const played = group();
    const before = played.log.length;
    expect(played.decide(typing())).toMatchObject({
      answer: { ok: true },
      events: [],
      typing: { userId: bob, on: true, place: 0 },
    });
    expect(played.decide(typing(bob, { threadSeq: 2 }))).toMatchObject({ typing: { place: 2 } });
    expect(played.log).toHaveLength(before);
  });

  it("nobody else: each hears their code, and nothing is shown", () => {
    const played = group();
    const guest = user(3);
    played.admit(ada, guest, "guest");
    const refusal = (command: ReturnType<typeof typing>) => {
      const decision = played.decide(command);
      expect(decision.typing).toBeUndefined();
      return (decision.answer as { error?: { code: string } }).error?.code;
    };
    expect(refusal(typing(user(50)))).toBe("not_found");
    expect(refusal(typing(guest))).toBe("forbidden");
    expect(refusal(typing(bob, { threadSeq: 1_000 }))).toBe("not_found");
    played.do({ type: "change_member", by: ada, userId: bob, mutedUntilMs: played.nowMs + 5_000 });
    expect(refusal(typing())).toBe("muted");
    played.do({ type: "update", by: ada, archived: true });
    expect(refusal(typing())).toBe("archived");
  });
});
