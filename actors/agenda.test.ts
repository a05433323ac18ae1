import fc from "fast-check";
import { expect, it } from "vitest";
import { Agenda } from "./agenda.ts";

it("gives everything out once, when it is due and at most a second late, as it was set last", () => {
  const moves = fc.array(
    fc.record({
      item: fc.nat(5),
      inMs: fc.option(fc.nat(5_000), { nil: undefined }),
      passMs: fc.nat(2_000),
    }),
  );
  fc.assert(
    fc.property(moves, (all) => {
      const agenda = new Agenda<number>();
      const dueAtMs = new Map<number, number>();
      let nowMs = 0;
      for (const { item, inMs, passMs } of all) {
        agenda.set(item, inMs === undefined ? undefined : nowMs + inMs);
        if (inMs === undefined) dueAtMs.delete(item);
        else dueAtMs.set(item, nowMs + inMs);
        nowMs += passMs;
        for (const due of agenda.takeDue(nowMs)) {
          expect(dueAtMs.get(due)).toBeLessThanOrEqual(nowMs);
          dueAtMs.delete(due);
        }
        for (const atMs of dueAtMs.values()) expect(atMs).toBeGreaterThan(nowMs - 1_000);
      }
    }),
  );
});
