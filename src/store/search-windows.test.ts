import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstDay, firstSpan, nextSpan, timeMarks } from "./search-windows.ts";

test("the marks of a span are all of its days and no others, in few", () => {
  const days = fc.tuple(fc.nat(30_000), fc.integer({ min: 0, max: 511 }));
  const law = fc.property(days, ([first, more]) => {
    const marks = [...timeMarks(first, first + more).matchAll(/' ([de])(\d+)'/g)];
    const named = marks.flatMap(([, kind, n]) =>
      kind === "d" ? [Number(n)] : Array.from({ length: 16 }, (_, i) => Number(n) * 16 + i),
    );
    expect(named).toEqual(Array.from({ length: more + 1 }, (_, i) => first + i));
    expect(marks.length).toBeLessThanOrEqual(62);
  });
  fc.assert(law);
});

describe("a look back", () => {
  const scope = (messages: number) => [{ messages, oldest_ms: 0, newest_ms: 0 }];
  const year = { first: 20_000, last: 20_364, newestMs: 0 };

  test("begins with a day where much is said, and with all days where little is", () => {
    expect(firstSpan(year, scope(10_000_000))).toBe(1);
    expect(firstSpan(year, scope(20_000))).toBe(37);
    expect(firstSpan(year, scope(50))).toBe(512);
    expect(firstSpan({ ...year, last: year.first }, scope(0))).toBe(512);
  });

  test("of many days begins where a span of sixteen does, and so ends the next one", () => {
    expect(firstDay(20_364, 2, year)).toBe(20_363);
    expect(firstDay(20_364, 40, year)).toBe(20_320);
    expect(firstDay(20_319, 500, year)).toBe(20_000);
    expect(firstDay(20_319, 500, { ...year, first: 20_010 })).toBe(20_000);
    expect(firstDay(20_319, 15, { ...year, first: 20_310 })).toBe(20_310);
  });

  test("goes on as its last part promises, within the time that is left", () => {
    const looked = { found: 0, missing: 20, tookMs: 1, leftMs: 50 };
    expect(nextSpan(4, looked)).toBe(64);
    expect(nextSpan(4, { ...looked, found: 20 })).toBe(6);
    expect(nextSpan(4, { ...looked, tookMs: 8 })).toBe(20);
    expect(nextSpan(40, { ...looked, tookMs: 43, leftMs: 10 })).toBe(5);
    expect(nextSpan(4, { ...looked, leftMs: 0 })).toBe(1);
    expect(nextSpan(400, looked)).toBe(512);
  });
});
