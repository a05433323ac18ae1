import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lately } from "./lately.ts";

describe("what was heard lately", () => {
  it("law: is kept for its time at least, for less than three times that, and bounded", () => {
    const steps = fc.array(fc.record({ key: fc.nat(5), ms: fc.nat(1_500) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (made) => {
        const lately = new Lately<number, number>(1_000, 100);
        const setAtMs = new Map<number, number>();
        let nowMs = 0;
        for (const { key, ms } of made) {
          nowMs += ms;
          for (const [known, atMs] of setAtMs) {
            const found = lately.get(known, nowMs);
            if (nowMs - atMs < 1_000) expect(found).toBe(atMs);
            if (nowMs - atMs >= 3_000) expect(found).toBeUndefined();
          }
          lately.set(key, nowMs, nowMs);
          setAtMs.set(key, nowMs);
        }
      }),
    );
  });

  it("gives up the oldest beyond its bound", () => {
    const lately = new Lately<number, string>(1_000, 10);
    for (let n = 0; n < 25; n++) lately.set(n, "x", 0);
    expect([0, 9, 10, 24].map((n) => lately.get(n, 0))).toEqual([undefined, undefined, "x", "x"]);
  });
});
