import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClusterClock } from "./clock.ts";

describe("the cluster's clock (rule E5)", () => {
  it("never runs backwards, whatever Redis says", () => {
    const step = fc.record({
      passedMs: fc.integer({ min: 0, max: 5_000 }),
      jumpMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let monotonicMs = 1_000;
        let redisMs = 1_700_000_000_000;
        const clock = new ClusterClock(() => monotonicMs);
        clock.observe(redisMs, monotonicMs, monotonicMs);
        let last = clock.nowMs();
        for (const { passedMs, jumpMs } of steps) {
          monotonicMs += passedMs;
          redisMs += passedMs + jumpMs;
          clock.observe(redisMs, monotonicMs, monotonicMs);
          const now = clock.nowMs();
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
      }),
    );
  });

  it("makes up a small difference at a tenth of passing time", () => {
    let monotonicMs = 0;
    const clock = new ClusterClock(() => monotonicMs);
    clock.observe(10_000, 0, 0);
    expect(clock.nowMs()).toBe(10_000);
    monotonicMs = 1_000;
    clock.observe(11_500, 1_000, 1_000); // 500 ms ahead
    expect(clock.nowMs()).toBe(11_100);
    monotonicMs = 6_000;
    expect(clock.nowMs()).toBe(16_500);
    clock.observe(16_000, 6_000, 6_000); // 500 ms behind
    monotonicMs = 7_000;
    expect(clock.nowMs()).toBe(17_400);
  });

  it("jumps ahead when it is far behind, as after a suspended machine", () => {
    let monotonicMs = 0;
    const clock = new ClusterClock(() => monotonicMs);
    clock.observe(10_000, 0, 0);
    monotonicMs = 100;
    clock.observe(3_610_100, 100, 100);
    expect(clock.nowMs()).toBe(3_610_100);
  });

  it("takes Redis's time at the middle between question and answer", () => {
    const clock = new ClusterClock(() => 200);
    clock.observe(10_000, 100, 200);
    expect(clock.nowMs()).toBe(10_050);
  });

  it("must not be read before it is set", () => {
    expect(() => new ClusterClock(() => 0).nowMs()).toThrow("first answer");
  });
});
