/**
 * A few seconds of the simulation; `npm run test:simulation` runs more, and `-- --prove` shows each rule. A seed that fails here
 * fails there: the message says how to replay it.
 */
import { describe, expect, it } from "vitest";
import { type Fault, planOf } from "./plan.ts";
import { runPlan, runSeed } from "./run-seeds.ts";
import type { RuleOff } from "./wrong-parts.ts";

/** As many seeds as there is time for: two cores are shared by all tests. */
const WITHIN_MS = 9_000;
const SEEDS_MAX = 300;
const SEEDS_LEAST = 10;

describe("the cluster between stores that fail", () => {
  it("rules L1 to L4, G1 to G3, P0 to P3, A1, S1: keeps its promises, seed by seed", {
    timeout: 120_000,
  }, async () => {
    const untilMs = performance.now() + WITHIN_MS;
    for (let seed = 1; seed <= SEEDS_MAX && (seed <= SEEDS_LEAST || performance.now() < untilMs); seed++) {
      const { violations } = await runSeed(seed);
      expect(violations, `npm run test:simulation -- --seeds 1 --from ${seed} --trace`).toEqual([]);
    }
  });

  it("rule P2: is one again after Redis was emptied and a node that knew no table led while the others stood still", async () => {
    const common = { nth: 1, shard: 0, lose: 0 };
    const faults: Fault[] = [
      { ...common, kind: "freeze", atMs: 8_000, node: 0, lastsMs: 9_000 },
      { ...common, kind: "freeze", atMs: 8_000, node: 1, lastsMs: 9_000 },
      { ...common, kind: "crash", atMs: 8_000, node: 2, lastsMs: 1_000 },
      { ...common, kind: "empty", atMs: 8_500, lastsMs: 0 },
    ];
    for (let seed = 1; seed <= 5; seed++) {
      const { violations } = await runPlan({ ...planOf(seed), shards: 1, faults });
      expect(violations, `seed ${seed}`).toEqual([]);
    }
  });

  it("is the same for the same seed, whatever ran before", { timeout: 60_000 }, async () => {
    const first = await runSeed(7, [], true);
    await runSeed(8);
    expect((await runSeed(7, [], true)).lines).toEqual(first.lines);
  });

  /** Those that show soon; the others take the longer command. */
  it.each<[string, RuleOff, number]>([
    ["rule G1: an answer that passes the gate", "gateAll", 20],
    ["rule S1: a send that nobody looks up", "lookup", 100],
    ["rule P0: a node that forgets with its lease", "keep", 100],
  ])("finds %s", { timeout: 120_000 }, async (_, off, within) => {
    for (let seed = 1; seed <= within; seed++) if ((await runSeed(seed, [off])).violations.length > 0) return;
    expect.unreachable(`${within} seeds do not show it`);
  });
});
