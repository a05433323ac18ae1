import { describe, expect, it } from "vitest";
import { faultOf, goTogether, NAMES, pairs } from "./catalogue.ts";
import { drawnPlans, planOf, plansOf, replayOf } from "./plan.ts";

describe("a plan", () => {
  it("is the same for the same seed and faults, whenever it is drawn", () => {
    const plan = planOf(42, ["kill-owner", "pg-down"]);
    expect(plan).toEqual(planOf(42, ["kill-owner", "pg-down"]));
    // Drawn on another machine, long ago: an old seed must stay what it was.
    expect(plan).toEqual({
      seed: 42,
      faults: [
        { name: "kill-owner", afterMs: 0, draw: 2581720956 },
        { name: "pg-down", afterMs: 62, draw: 3661312704 },
      ],
    });
  });

  it("is another for another seed", () => {
    expect(planOf(1, ["pg-down"]).faults).not.toEqual(planOf(2, ["pg-down"]).faults);
  });

  it("says by which command it is run again", () => {
    expect(replayOf(planOf(42, ["kill-owner", "pg-down"]))).toBe(
      "npm run test:faults -- --seed 42 --faults kill-owner,pg-down",
    );
  });

  it("drawn in rounds is the one that its own command replays", () => {
    for (const plan of drawnPlans(7, 20, NAMES))
      expect(
        planOf(
          plan.seed,
          plan.faults.map(({ name }) => name),
        ),
      ).toEqual(plan);
  });

  it("is made for every seed and set", () => {
    expect(plansOf([1, 2], [["pg-down"], ["kill-owner"]]).map(replayOf)).toEqual([
      "npm run test:faults -- --seed 1 --faults pg-down",
      "npm run test:faults -- --seed 1 --faults kill-owner",
      "npm run test:faults -- --seed 2 --faults pg-down",
      "npm run test:faults -- --seed 2 --faults kill-owner",
    ]);
  });
});

describe("two faults go together", () => {
  it("where each has something of its own in its hands", () => {
    expect(goTogether("kill-owner", "pg-down")).toBe(true);
    expect(goTogether("kill-owner", "freeze-owner-5")).toBe(true);
    expect(goTogether("rolling-restart", "pg-down")).toBe(true);
  });

  it("but not twice on one store, not on a node when all are being restarted, and not with themselves", () => {
    expect(goTogether("pg-down", "pg-slow")).toBe(false);
    expect(goTogether("rolling-restart", "kill-owner")).toBe(false);
    expect(goTogether("kill-owner", "rolling-restart")).toBe(false);
    expect(goTogether("kill-owner", "kill-owner")).toBe(false);
  });

  it("in any order, and each pair is named once", () => {
    const all = pairs();
    expect(new Set(all.map((pair) => pair.toSorted().join())).size).toBe(all.length);
    for (const [a, b] of all) expect(goTogether(b, a), `${b}, ${a}`).toBe(true);
  });
});

it("row O6: has a fault for everything of the table that can befall a cluster of one version", () => {
  for (const name of NAMES) expect(name).toMatch(/^[a-z0-9-]+$/);
  expect(NAMES.length).toBeGreaterThanOrEqual(40);
  expect(() => faultOf("earthquake")).toThrow("earthquake");
});
