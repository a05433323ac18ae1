import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageEvent, newChannel, newUser } from "../doubles.ts";
import type { Run } from "./position.ts";
import { Sequence } from "./sequence.ts";

const channelId = newChannel();
const author = newUser();
const run = (epoch: number, ...seqs: number[]): Run => ({
  epoch,
  events: seqs.map((seq) => messageEvent(channelId, seq, author)),
});
const seqsOf = (runs: readonly Run[]) => runs.flatMap(({ events }) => events.map(({ seq }) => seq));
const heard = (sequence: Sequence, ...args: Parameters<typeof run>) =>
  seqsOf(sequence.hear(run(...args)).relay);

describe("the sequence of a channel", () => {
  it("passes what follows, holds back what lies behind a gap, drops what it has", () => {
    const sequence = new Sequence();
    expect(heard(sequence, 1, 6, 7)).toEqual([]);
    expect(seqsOf(sequence.begin({ seq: 5, epoch: 1 }))).toEqual([6, 7]);
    expect(heard(sequence, 1, 9)).toEqual([]);
    expect(sequence.isBehind).toBe(true);
    expect(heard(sequence, 1, 7, 8)).toEqual([8, 9]);
    expect(sequence.isBehind).toBe(false);
    expect(sequence.hear(run(1, 8, 9))).toEqual({ relay: [], duplicate: true });
  });

  it("rule I1: takes no later reign's word for a history that it has not compared", () => {
    const sequence = new Sequence();
    sequence.begin({ seq: 5, epoch: 1 });
    expect(heard(sequence, 2, 6)).toEqual([]);
    expect(sequence.doubtsReign).toBe(true);
    expect(seqsOf(sequence.told(run(2, 6)))).toEqual([6]);
    expect(heard(sequence, 2, 7)).toEqual([7]);
    expect(heard(sequence, 1, 7)).toEqual([]);
    expect(sequence.position).toEqual({ seq: 7, epoch: 2 });
  });

  it("goes on from another history, with what was heard of it", () => {
    const sequence = new Sequence();
    sequence.begin({ seq: 9, epoch: 1 });
    heard(sequence, 3, 8);
    heard(sequence, 3, 9);
    expect(seqsOf(sequence.jump({ seq: 7, epoch: 3 }))).toEqual([8, 9]);
    expect(sequence.isBehind).toBe(false);
  });

  it("law: whatever is lost, doubled or late, what passes is gapless, and repair brings the rest", () => {
    const frames = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 5 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(frames, (cut) => {
        const sequence = new Sequence();
        sequence.begin({ seq: 0, epoch: 0 });
        const passed: number[] = [];
        for (const [first, length] of cut)
          passed.push(...heard(sequence, 1, ...Array.from({ length }, (_, i) => first + i)));
        while (sequence.isBehind) passed.push(...seqsOf(sequence.told(run(1, sequence.position!.seq + 1))));
        const head = Math.max(0, ...cut.map(([first, length]) => first + length - 1));
        expect(passed).toEqual(Array.from({ length: head }, (_, i) => i + 1));
      }),
    );
  });
});
