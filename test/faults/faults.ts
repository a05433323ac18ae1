/**
 * `npm run test:faults`: breaks nodes, stores, and what lies between, under a conversation that is written down, and judges
 * what everyone saw. Every run is drawn from a seed, and can be run again by it. Exit code 1 where a promise broke.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { faultOf, GROUPS, goTogether, NAMES, pairs } from "./catalogue.ts";
import { writePage } from "./page.ts";
import { drawnPlans, type Plan, plansOf } from "./plan.ts";
import type { Outcome } from "./run.ts";

/** Logs and histories of runs that failed. */
const KEEP_IN = ".data/faults";

type Given = {
  seed: number;
  seeds: number;
  rounds?: number;
  faults?: string[];
  all?: true;
  pairs?: true;
  list?: true;
  page?: string;
};

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("It must be a whole number above 0.");
  return value;
}

function names(text: string): string[] {
  const given = text.split(",");
  const unknown = given.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new InvalidArgumentError(`Unknown: ${unknown.join(", ")}. See --list.`);
  for (const [i, a] of given.entries())
    for (const b of given.slice(i + 1))
      if (!goTogether(a, b)) throw new InvalidArgumentError(`${a} and ${b} do not go together.`);
  return given;
}

const command = new Command("npm run test:faults --")
  .description(
    "Breaks a cluster of three under a conversation of 36 clients, and judges what all of them saw. Each run has a cluster of its own, and takes about a minute.",
  )
  .option("--faults <names>", "these in one run, the next while the one before is under way", names)
  .option("--all", "every fault, one a run")
  .option("--pairs", "every two faults that go together, two a run")
  .option("--rounds <n>", "so many faults drawn from the seed, one a run", count)
  .option("--seed <n>", "the first seed", count, 1)
  .option("--seeds <n>", "so many seeds, one after another", count, 1)
  .option("--page <file>", "writes the table of the outcomes between the marks of this page")
  .option("--list", "says every fault by its name, and runs none");
const given = command.parse().opts<Given>();

if (given.list) list();
else {
  const plans = plansGiven(given);
  if (plans.length === 0) command.help({ error: true });
  await runAll(plans);
}

function list(): void {
  for (const [group, faults] of Object.entries(GROUPS)) {
    console.log(group);
    for (const [name, { says }] of Object.entries(faults)) console.log(`  ${name.padEnd(24)} ${says}`);
  }
  console.log(`${NAMES.length} faults, ${pairs().length} pairs`);
}

function plansGiven({ seed, seeds, faults, all, pairs: inPairs, rounds }: Given): Plan[] {
  const every = Array.from({ length: seeds }, (_, i) => seed + i);
  const sets = [
    ...(faults ? [faults] : []),
    ...(all ? NAMES.map((name) => [name]) : []),
    ...(inPairs ? pairs() : []),
  ];
  return [
    ...plansOf(every, sets),
    ...(rounds ? every.flatMap((each) => drawnPlans(each, rounds, NAMES)) : []),
  ];
}

async function runAll(plans: readonly Plan[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hubbub-faults-"));
  const [planned, outcomes] = [join(folder, "plans.json"), join(folder, "outcomes.jsonl")];
  writeFileSync(planned, JSON.stringify(plans));
  writeFileSync(outcomes, "");
  const env = { ...process.env, FAULT_PLANS: planned, FAULT_OUTCOMES: outcomes, FAULT_KEEP_IN: KEEP_IN };
  const args = ["run", "--config", "test/faults/vitest.config.ts"];
  const child = spawn("vitest", args, { stdio: "inherit", env });
  process.exitCode = await new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? 1));
    child.once("error", (error) => {
      console.error(error.message);
      resolve(1);
    });
  });
  report(
    readFileSync(outcomes, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Outcome),
  );
  rmSync(folder, { recursive: true });
}

function report(outcomes: readonly Outcome[]): void {
  const failed = outcomes.filter(({ violations }) => violations.length > 0);
  console.log(`${outcomes.length} runs, ${failed.length} with violations`);
  for (const { seed, faults } of failed)
    console.log(`  npm run test:faults -- --seed ${seed} --faults ${faults}`);
  if (given.page !== undefined) writePage(given.page, outcomes, (name) => faultOf(name).says);
}
