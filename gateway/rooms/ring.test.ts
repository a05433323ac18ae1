import { describe, expect, it } from "vitest";
import { messageEvent, newChannel, newUser } from "../doubles.ts";
import { RING_AGE_MAX_MS, RING_EVENTS_MAX, Ring } from "./ring.ts";

const channelId = newChannel();
const author = newUser();
const run = (epoch: number, from: number, to: number) => ({
  epoch,
  events: Array.from({ length: to - from + 1 }, (_, i) => messageEvent(channelId, from + i, author)),
});
const seqs = (ring: Ring, after: number, limit = 10_000, bytes = Number.POSITIVE_INFINITY) =>
  ring.after(after, limit, bytes)?.map(({ epoch, events }) => [epoch, events[0]!.seq, events.at(-1)!.seq]);
const budget = () => ({ usedBytes: 0, maxBytes: 10_000_000 });

describe("the ring", () => {
  it("answers what follows a position, by reigns, and nothing outside of it", () => {
    const ring = new Ring({ seq: 10, epoch: 1 }, budget());
    ring.push(run(1, 11, 12), 0);
    ring.push(run(2, 13, 15), 0);
    expect(seqs(ring, 10)).toEqual([
      [1, 11, 12],
      [2, 13, 15],
    ]);
    expect(seqs(ring, 13)).toEqual([[2, 14, 15]]);
    expect(seqs(ring, 15)).toEqual([]);
    expect([seqs(ring, 9), seqs(ring, 16)]).toEqual([undefined, undefined]);
    expect([ring.epochAt(10), ring.epochAt(12), ring.epochAt(13), ring.epochAt(16)]).toEqual([
      1,
      1,
      2,
      undefined,
    ]);
  });

  it("row D5: keeps the last 1,000 events, none older than 10 minutes", () => {
    const ring = new Ring({ seq: 0, epoch: 1 }, budget());
    for (let seq = 1; seq <= 2_500; seq++) ring.push(run(1, seq, seq), seq);
    expect(ring.base.seq).toBe(2_500 - RING_EVENTS_MAX);
    expect(seqs(ring, 2_400)).toEqual([[1, 2_401, 2_500]]);
    ring.expire(2_000 + RING_AGE_MAX_MS);
    expect(ring.base.seq).toBe(1_999);
  });

  it("holds all rings together to their budget, and gives it back", () => {
    const shared = { usedBytes: 0, maxBytes: 100_000 };
    const rings = [new Ring({ seq: 0, epoch: 1 }, shared), new Ring({ seq: 0, epoch: 1 }, shared)] as const;
    for (let seq = 1; seq <= 1_000; seq++) for (const ring of rings) ring.push(run(1, seq, seq), 0);
    expect(shared.usedBytes).toBeLessThanOrEqual(shared.maxBytes);
    for (const ring of rings) expect(ring.head.seq).toBe(1_000);
    for (const ring of rings) ring.restart({ seq: 5, epoch: 2 });
    expect(shared.usedBytes).toBe(0);
  });

  it("bounds an answer by number and by bytes, one event at least", () => {
    const ring = new Ring({ seq: 0, epoch: 1 }, budget());
    ring.push(run(1, 1, 100), 0);
    expect(seqs(ring, 0, 7)).toEqual([[1, 1, 7]]);
    expect(seqs(ring, 50, 100, 1)).toEqual([[1, 51, 51]]);
    expect(seqs(ring, 0, 100, 2_000)?.[0]?.[2]).toBeLessThan(6);
  });
});
