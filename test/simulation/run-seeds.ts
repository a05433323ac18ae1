/** Runs seeds, one after the other, and says what was found. */
import { forgetActorSystems } from "./actor-systems.ts";
import { judge, type Tally } from "./judge.ts";
import { type Plan, planOf } from "./plan.ts";
import { type Violation, World } from "./world.ts";
import type { RuleOff } from "./wrong-parts.ts";

export type Found = { seed: number; violations: Violation[]; tally: Tally; steps: number; lines: string[] };

/** One seed, to its rest and judged. With `isTraced`, `lines` tells all of it. */
export function runSeed(seed: number, off: readonly RuleOff[] = [], isTraced = false): Promise<Found> {
  return runPlan(planOf(seed), off, isTraced);
}

/** As `runSeed`, with faults that someone has thought of. */
export async function runPlan(plan: Plan, off: readonly RuleOff[] = [], isTraced = false): Promise<Found> {
  const world = new World(plan, off, isTraced);
  const threw = (error: unknown) => {
    world.violate("rejected", error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  process.on("unhandledRejection", threw);
  try {
    await world.run();
    const tally = await judge(world);
    return {
      seed: plan.seed,
      violations: world.violations,
      tally,
      steps: world.scheduler.steps,
      lines: world.lines,
    };
  } finally {
    process.off("unhandledRejection", threw);
    forgetActorSystems();
  }
}

/** How many lines of the trace stand before the first violation, and behind the last. */
const LINES_AROUND = 60;

/** The trace around what went wrong. */
export function around(lines: readonly string[]): string[] {
  const marks = lines.flatMap((line, i) => (line.includes("!! ") ? [i] : []));
  const [first = lines.length, last = lines.length] = [marks[0], marks.at(-1)];
  return lines.slice(
    Math.max(0, first - LINES_AROUND),
    Math.min(lines.length, Math.min(last, first + LINES_AROUND) + 5),
  );
}
