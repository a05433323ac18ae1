import { describe, expect, it } from "vitest";
import type { ChannelEvent } from "../../protocol/events.ts";
import { Position } from "./position.ts";

const events = (...seqs: number[]) => seqs.map((seq) => ({ seq }) as ChannelEvent);
const seqs = (list: ChannelEvent[]) => list.map(({ seq }) => seq);
const opened = (seq: number, epoch = 1) => {
  const position = new Position();
  position.open(seq, epoch);
  return position;
};

describe("a position", () => {
  it("passes on what follows, and moves", () => {
    const position = opened(4);
    expect(seqs(position.live(2, events(5, 6)))).toEqual([5, 6]);
    expect(position).toMatchObject({ seq: 6, epoch: 2, gap: false });
  });

  it("holds what came behind a gap until a difference fills it", () => {
    const position = opened(4);
    expect(position.live(1, events(7))).toEqual([]);
    expect(position).toMatchObject({ seq: 4, gap: true, gaps: 1 });
    const answer = { events: events(5, 6, 7, 8), seq: 8, epoch: 1 };
    expect(seqs(position.difference(4, answer, false))).toEqual([5, 6, 7, 8]);
    expect(position).toMatchObject({ seq: 8, gap: false, faults: { duplicates: 0, disorders: 0, holes: 0 } });
  });

  it("lets an event come once more after a difference that was asked for, and no more than once", () => {
    const position = opened(4);
    position.difference(4, { events: events(5), seq: 5, epoch: 1 }, false);
    expect(position.live(1, events(5))).toEqual([]);
    expect(position.faults.duplicates).toBe(0);
    position.live(1, events(5));
    expect(position.faults.duplicates).toBe(1);
  });

  it("counts a frame that came twice, and one that came late", () => {
    const position = opened(4);
    position.live(1, events(6));
    position.live(1, events(5));
    position.live(1, events(6));
    expect(position).toMatchObject({ seq: 6, faults: { duplicates: 1, disorders: 1, holes: 0 } });
  });

  it("counts what a resume had brought already as a duplicate", () => {
    const position = opened(4);
    position.difference(4, { events: events(5, 6), seq: 6, epoch: 1 }, true);
    position.live(1, events(6));
    expect(position.faults.duplicates).toBe(1);
  });

  it("counts a difference with a hole, and one that ends early", () => {
    const position = opened(4);
    position.difference(4, { events: events(6), seq: 6, epoch: 1 }, false);
    expect(position).toMatchObject({ seq: 4, gap: true, faults: { holes: 1 } });
    const early = opened(4);
    early.difference(4, { events: events(5), seq: 6, epoch: 1 }, false);
    expect(early.faults.holes).toBe(1);
  });

  it("starts anew where it is opened again", () => {
    const position = opened(4);
    position.live(1, events(9));
    position.open(20, 3);
    expect(position).toMatchObject({ seq: 20, epoch: 3, gap: false });
    expect(seqs(position.live(3, events(21)))).toEqual([21]);
  });
});
