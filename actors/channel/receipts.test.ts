import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unwritten } from "../../protocol/fold.ts";
import type { UserId } from "../../protocol/ids.ts";
import { RECEIPTS_MEMBERS_MAX, type Receipts as ReceiptsSignal } from "../../protocol/signals.ts";
import { channel, user } from "../doubles.ts";
import { RECEIPTS_EVERY_MS, Receipts } from "./receipts.ts";

const fold = (memberCount: number) => ({ ...unwritten(), memberCount });

function start() {
  const told: (ReceiptsSignal & { atMs: number })[] = [];
  const room = {
    nowMs: 0,
    told,
    receipts: new Receipts(channel(1), (signal) => told.push({ ...signal, atMs: room.nowMs })),
    pass(ms: number) {
      for (const endMs = room.nowMs + ms; room.nowMs < endMs; ) {
        room.nowMs = Math.min(endMs, room.nowMs + 250);
        room.receipts.round(room.nowMs);
      }
    },
  };
  return room;
}

describe("row D7: receipts", () => {
  it("tell the first marks at once, and those of a second after it together, the greatest of each member", () => {
    const room = start();
    room.receipts.add([{ userId: user(1), delivered: 1 }], fold(2), room.nowMs);
    room.receipts.add([{ userId: user(1), delivered: 2, read: 2, readCount: 1 }], fold(2), room.nowMs);
    room.receipts.add([{ userId: user(2), read: 1 }], fold(2), room.nowMs);
    room.receipts.add([{ userId: user(1), delivered: 3 }], fold(2), room.nowMs);
    room.pass(5_000);
    expect(room.told.map(({ marks }) => marks)).toEqual([
      [{ userId: user(1), delivered: 1 }],
      [
        { userId: user(1), delivered: 3, read: 2 },
        { userId: user(2), read: 1 },
      ],
    ]);
    expect(room.receipts.isQuiet(room.nowMs)).toBe(true);
  });

  it("rule H5: are told in channels of up to a hundred members, and not beyond", () => {
    const room = start();
    room.receipts.add([{ userId: user(1), read: 1 }], fold(RECEIPTS_MEMBERS_MAX + 1), 0);
    room.pass(2_000);
    expect(room.told).toEqual([]);
    room.receipts.add([{ userId: user(1), read: 1 }], fold(RECEIPTS_MEMBERS_MAX), room.nowMs);
    expect(room.told).toHaveLength(1);
  });

  it("law: never more than one signal a second, no empty one, and every last mark gets out", () => {
    const mark = fc.record({ n: fc.integer({ min: 1, max: 4 }), read: fc.integer({ min: 1, max: 50 }) });
    const step = fc.oneof(mark, fc.record({ ms: fc.integer({ min: 1, max: 2_000 }) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const room = start();
        const reached = new Map<UserId, number>();
        for (const made of steps) {
          if ("ms" in made) room.pass(made.ms);
          else {
            const userId = user(made.n);
            room.receipts.add([{ userId, read: made.read }], fold(3), room.nowMs);
            reached.set(userId, Math.max(made.read, reached.get(userId) ?? 0));
          }
        }
        room.pass(RECEIPTS_EVERY_MS + 250);
        const heard = new Map<UserId, number>();
        for (const [i, { atMs, marks }] of room.told.entries()) {
          expect(marks.length).toBeGreaterThan(0);
          if (i > 0) expect(atMs - room.told[i - 1]!.atMs).toBeGreaterThanOrEqual(RECEIPTS_EVERY_MS);
          for (const { userId, read } of marks) heard.set(userId, Math.max(read!, heard.get(userId) ?? 0));
        }
        expect(heard).toEqual(reached);
      }),
    );
  });
});
