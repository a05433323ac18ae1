import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Leave, Line } from "./line.ts";

const here = () => false;
let waiting = 0;
let line: Line;
beforeEach(() => {
  vi.useFakeTimers();
  line = lineOf();
});
afterEach(() => {
  line.close();
  vi.useRealTimers();
});

function lineOf(more: Partial<ConstructorParameters<typeof Line>[0]> = {}): Line {
  return new Line({
    places: 2,
    holdMs: 500,
    waitingMax: 3,
    patienceMs: 1_000,
    waits: (count) => {
      waiting = count;
    },
    ...more,
  });
}

/** Who is inside, in the order in which they were let in; `-` before whom was turned away. */
function comers(count: number, isGone: (n: number) => boolean = here) {
  const inside: string[] = [];
  const leaves: Leave[] = [];
  for (let n = 0; n < count; n++) {
    void line
      .enter(() => isGone(n))
      .then((leave) => {
        inside.push(leave ? `${n}` : `-${n}`);
        if (leave) leaves.push(leave);
      });
  }
  return { inside, leaves };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

test("as many as there are places come in at once, the others in their order as places become free", async () => {
  const { inside, leaves } = comers(4);
  await settled();
  expect(inside).toEqual(["0", "1"]);
  expect(waiting).toBe(2);
  leaves[1]!();
  leaves[1]!(); // once more frees nobody else's place
  await settled();
  expect(inside).toEqual(["0", "1", "2"]);
  leaves[0]!();
  await settled();
  expect(inside).toEqual(["0", "1", "2", "3"]);
  expect(waiting).toBe(0);
});

test("a place that nobody gives back is free after a while", async () => {
  const { inside } = comers(3);
  await vi.advanceTimersByTimeAsync(499);
  expect(inside).toEqual(["0", "1"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(inside).toEqual(["0", "1", "2"]);
});

test("who is gone by then takes no place", async () => {
  const { inside, leaves } = comers(4, (n) => n === 2);
  await settled();
  leaves[0]!();
  await settled();
  expect(inside).toEqual(["0", "1", "-2", "3"]);
});

test("a line that is full, or whose first has waited too long, takes nobody more", async () => {
  const { inside } = comers(6);
  await settled();
  expect(inside).toEqual(["0", "1", "-5"]);
  expect(line.isOverrun).toBe(true);

  line.close();
  line = lineOf({ holdMs: 60_000, waitingMax: 10 });
  const slow = comers(3);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(line.isOverrun).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(line.isOverrun).toBe(true);
  const late = comers(1);
  await settled();
  expect(late.inside).toEqual(["-0"]);
  slow.leaves[0]!();
  expect(line.isOverrun, "nobody waits any more").toBe(false);
});

test("who is turned away comes back spread over the patience, not before half of it", () => {
  const times = Array.from({ length: 200 }, () => line.comeBackAfterMs);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(500);
  expect(Math.max(...times)).toBeLessThanOrEqual(1_500);
  expect(new Set(times).size).toBeGreaterThan(50);
});
