/** One run: a cluster of its own, a conversation, the faults of a plan, and the verdict. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "../checker/checker.ts";
import { faultOf } from "./catalogue.ts";
import { Ground } from "./ground.ts";
import { keep } from "./kept.ts";
import { Draw, namesOf, type Plan } from "./plan.ts";
import { wrongInside } from "./symptoms.ts";

/** Acks before the first fault, and after the last. */
const BEFORE = 120;
const AFTER = 60;
/** The first fault works by then, and most have not ended. */
const BANS_AFTER_MS = 1_000;
/** A channel that nobody could write to for so long after everything runs again is a promise broken. */
const WRITES_AGAIN_WITHIN_MS = 60_000;

export type Outcome = {
  seed: number;
  faults: string;
  /** One sentence each; none: every promise was kept. */
  violations: string[];
  /** How much there was to be judged. */
  seen?: Report["seen"];
  lost?: Report["lost"];
  /** The longest time in which nobody was acked in some channel, from the first fault on. */
  pauseMs?: number;
  /** From the last fault's end until everything that was acked stood in Postgres, and every client where Postgres was. */
  settledMs?: number;
  tookMs: number;
};

/** Never rejects: what went wrong, in whatever way, is a violation. */
export async function run(plan: Plan, keepIn: string): Promise<Outcome> {
  const startedAtMs = performance.now();
  const outcome: Outcome = { seed: plan.seed, faults: namesOf(plan), violations: [], tookMs: 0 };
  const faults = plan.faults.map(({ name }) => faultOf(name));
  let ground: Ground | undefined;
  try {
    const heapMib = faults.find((fault) => fault.heapMib !== undefined)?.heapMib;
    ground = await Ground.prepare({ wired: faults.some((fault) => fault.wired), heapMib });
    await storm(ground, plan, outcome);
  } catch (error) {
    outcome.violations.push(saidBy(error));
  }
  if (ground) {
    if (outcome.violations.length > 0) await keep(ground, plan, outcome.violations, keepIn);
    await ground.clear().catch((error: unknown) => outcome.violations.push(saidBy(error)));
  }
  outcome.tookMs = Math.round(performance.now() - startedAtMs);
  return outcome;
}

async function storm(ground: Ground, plan: Plan, outcome: Outcome): Promise<void> {
  const { chatter } = ground;
  chatter.talk();
  await chatter.untilAcked(BEFORE, WRITES_AGAIN_WITHIN_MS);
  const fromMs = performance.now();
  await Promise.all([befall(ground, plan), sleep(BANS_AFTER_MS).then(() => chatter.putOut())]);
  ground.nameLosses();
  const healedAtMs = performance.now();
  await chatter.untilAllAcked(chatter.channelIds, healedAtMs, WRITES_AGAIN_WITHIN_MS);
  await chatter.untilAcked(AFTER, WRITES_AGAIN_WITHIN_MS);
  outcome.pauseMs = Math.round(chatter.longestPauseMs(chatter.channelIds, fromMs));
  const hushedAtMs = performance.now();
  const report = await chatter.report();
  outcome.settledMs = Math.round(performance.now() - hushedAtMs);
  outcome.seen = report.seen;
  outcome.lost = report.lost;
  for (const { row, kind, channelId, says } of report.violations)
    outcome.violations.push(`${row} ${kind} in ${channelId}: ${says}`);
  // Who speaks of a message that was lost as it may be is told that there is none, or that it is another's.
  const failed = chatter.recorder.tally.failed.filter(
    (says) => report.lost.events === 0 || !/: (not_found|forbidden)$/.test(says),
  );
  outcome.violations.push(...failed, ...(await wrongInside(ground)));
}

/** All faults of the plan, each in its time; rejects with the first that could not be brought about. */
async function befall(ground: Ground, plan: Plan): Promise<void> {
  let atMs = 0;
  const underWay = plan.faults.map(async ({ name, afterMs, draw }) => {
    atMs += afterMs;
    await sleep(atMs);
    await faultOf(name).run(ground, new Draw(draw));
  });
  await Promise.all(underWay);
}

function saidBy(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
