import { describe, expect, it } from "vitest";
import { NodesAdvice, type NodeUse } from "./advice.ts";

const LOOK_MS = 500;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The same use on each of so many nodes. */
const nodes = (count: number, utilisation: number, load = 0): NodeUse[] =>
  Array.from({ length: count }, () => ({ utilisation, load, draining: false }));

/** Looks every half second; what was advised last. */
function watch(advice: NodesAdvice, use: readonly NodeUse[], fromMs: number, forMs: number): number {
  let wanted = 0;
  for (let ms = fromMs; ms < fromMs + forMs; ms += LOOK_MS) wanted = advice.look(use, ms);
  return wanted;
}

describe("nodes wanted", () => {
  it("begins with the nodes that there are, those that drain not counted, and never advises fewer than one", () => {
    expect(new NodesAdvice().look(nodes(3, 0), 0)).toBe(3);
    expect(new NodesAdvice().look([...nodes(2, 0), { utilisation: 0, load: 0, draining: true }], 0)).toBe(2);
    expect(new NodesAdvice().look([], 0)).toBe(1);
    const advice = new NodesAdvice();
    watch(advice, nodes(1, 0), 0, HOUR_MS);
    expect(advice.look([], 2 * HOUR_MS)).toBe(1);
  });

  it("asks for more within seconds when nodes stay busy, and not for a burst", () => {
    const advice = new NodesAdvice();
    expect(watch(advice, nodes(3, 0.9), 0, 9_000)).toBe(3);
    expect(watch(advice, nodes(3, 0.5), 9_000, 1_000)).toBe(3);
    expect(watch(advice, nodes(3, 0.9), 10_000, 11_000)).toBe(5);
    expect(watch(advice, nodes(3, 0.9), 21_000, 60_000)).toBe(5); // those on their way are not asked for twice
  });

  it("asks by load where event loops cannot say how much they lack", () => {
    expect(watch(new NodesAdvice(), nodes(2, 1, 150_000), 0, MINUTE_MS)).toBe(6); // 300,000/s × 11 µs / 0.6
  });

  it("keeps its advice while a node is lost: the others are busier, and nobody is wanted beyond its successor", () => {
    const advice = new NodesAdvice();
    watch(advice, nodes(3, 0.5), 0, MINUTE_MS);
    expect(watch(advice, nodes(2, 0.75), MINUTE_MS, 5 * MINUTE_MS)).toBe(3);
  });

  it("asks for fewer when ten minutes have needed fewer, and then not again for ten", () => {
    const advice = new NodesAdvice();
    watch(advice, nodes(6, 0.5), 0, MINUTE_MS);
    expect(watch(advice, nodes(6, 0.3), MINUTE_MS, 9 * MINUTE_MS)).toBe(6);
    expect(watch(advice, nodes(6, 0.3), 10 * MINUTE_MS, 2 * MINUTE_MS)).toBe(4);
    expect(watch(advice, nodes(4, 0.1), 12 * MINUTE_MS, 9 * MINUTE_MS)).toBe(4);
    expect(watch(advice, nodes(4, 0.1), 21 * MINUTE_MS, 4 * MINUTE_MS)).toBe(1);
  });
});

/** Even numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a day asks for, in event loops: a hump before noon, a higher one in the evening, a quiet night. */
function humps(ms: number): number {
  const hour = ms / HOUR_MS;
  return 0.4 + 3 * Math.exp(-(((hour - 11) / 2.2) ** 2)) + 5 * Math.exp(-(((hour - 20) / 1.8) ** 2));
}

type Change = { atMs: number; from: number; to: number; busy: number };

/** A day with an autoscaler that follows the advice: what it asks for starts within a minute, what it takes away goes at once. */
function day(seed: number): { changes: Change[]; lateMs: number; least: number } {
  const random = randomFrom(seed);
  const advice = new NodesAdvice();
  const starting: number[] = [];
  const lostAtMs = (6 + 14 * random()) * HOUR_MS;
  let [there, wanted, spike, spikeUntilMs, neededSinceMs, lateMs, least] = [1, 1, 0, 0, -1, 0, 1];
  const changes: Change[] = [];
  for (let ms = 0; ms < 24 * HOUR_MS; ms += 2_000) {
    if (random() < 1 / 900) [spike, spikeUntilMs] = [random() * 2, ms + random() * 2 * MINUTE_MS];
    if (ms >= lostAtMs && ms < lostAtMs + 2_000) there = Math.max(1, there - 1);
    for (; starting.length > 0 && starting[0]! <= ms; there++) starting.shift();
    const demand = humps(ms) * (0.85 + 0.3 * random()) + (ms < spikeUntilMs ? spike : 0);
    const utilisation = Math.min(1, demand / there);
    const now = advice.look(nodes(there, utilisation, demand / there / 11e-6), ms);
    if (now !== wanted && ms > 0) changes.push({ atMs: ms, from: wanted, to: now, busy: demand });
    wanted = now;
    least = Math.min(least, wanted);
    neededSinceMs = demand > wanted * 0.7 ? (neededSinceMs < 0 ? ms : neededSinceMs) : -1;
    if (neededSinceMs >= 0) lateMs = Math.max(lateMs, ms - neededSinceMs);
    while (there + starting.length < wanted) starting.push(ms + MINUTE_MS);
    there = Math.min(there, wanted);
  }
  return { changes, lateMs, least };
}

describe("a day of load: two humps, noise, spikes, and a node lost", () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))("does not oscillate (seed %i)", (seed) => {
    const { changes, lateMs, least } = day(seed);
    expect(least).toBeGreaterThanOrEqual(1);
    expect(lateMs, "need answered within a minute").toBeLessThanOrEqual(MINUTE_MS);
    expect(changes.length).toBeGreaterThan(4); // it follows the day
    expect(changes.length).toBeLessThan(70);
    for (const [i, { atMs, from, to, busy }] of changes.entries()) {
      if (to > from) expect(busy, "more is advised on need only").toBeGreaterThan(from * 0.7);
      else
        expect(
          atMs - (changes[i - 1]?.atMs ?? -HOUR_MS),
          "fewer 10 min after any change",
        ).toBeGreaterThanOrEqual(600_000);
    }
  });
});
