/** Every plan of the command, one run after another; a line each, and an outcome each for the page. */
import { appendFileSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { namesOf, type Plan } from "./plan.ts";
import { run } from "./run.ts";

/** A minute of a fault, take-overs, the settling of all, and a machine that many share. */
const RUN_WITHIN_MS = 600_000;

const { FAULT_PLANS = "", FAULT_OUTCOMES = "", FAULT_KEEP_IN = ".data/faults" } = process.env;
const plans = JSON.parse(readFileSync(FAULT_PLANS, "utf8")) as Plan[];

describe("every promise is kept", () => {
  for (const [i, plan] of plans.entries()) {
    it(`seed ${plan.seed}: ${namesOf(plan)}`, { timeout: RUN_WITHIN_MS }, async () => {
      const outcome = await run(plan, FAULT_KEEP_IN);
      appendFileSync(FAULT_OUTCOMES, `${JSON.stringify(outcome)}\n`);
      const { violations, seen, pauseMs, settledMs, tookMs } = outcome;
      const judged = seen ? `acked ${seen.acks}, heard ${seen.deliveries}, folds ${seen.folds}; ` : "";
      console.log(
        `${i + 1}/${plans.length} seed ${plan.seed} ${namesOf(plan)}: violations ${violations.length}; ${judged}longest pause ${pauseMs} ms, settled in ${settledMs} ms, took ${Math.round(tookMs / 1_000)} s`,
      );
      expect(violations).toEqual([]);
    });
  }
});
