/**
 * `npm test`: types, form, dead code, then all tests. Prints each step with its time and, as the very last line,
 * `N passed, N failed`: vitest's tests, and each of the other steps as one.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countChecks, countTests, type Tally, type VitestResult } from "./tally.ts";

const CHECKS: readonly { name: string; command: readonly string[] }[] = [
  { name: "types", command: ["tsc"] },
  { name: "form", command: ["biome", "check", "."] },
  { name: "dead code", command: ["knip"] },
];

const folder = mkdtempSync(join(tmpdir(), "hubbub-test-"));
try {
  const results: boolean[] = [];
  for (const { name, command } of CHECKS) results.push((await step(name, command)) === 0);
  const file = join(folder, "result.json");
  const given = process.argv.slice(2);
  const exitCode = await step("tests", [
    "vitest",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${file}`,
    ...given,
  ]);
  report(countChecks(results), countTests(readResult(file), exitCode));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs one step with its output on ours, and resolves with its exit code; 1 when it cannot be run or is killed. */
function step(name: string, command: readonly string[]): Promise<number> {
  const startedAtMs = performance.now();
  const [file = "", ...args] = command;
  console.log(`\n▶ ${name} (${file})`);
  const { NODE_ENV: _, ...env } = process.env; // tests of a production shell are the same tests
  return new Promise((resolve) => {
    const done = (code: number) => {
      console.log(
        `${code === 0 ? "✔" : "✘"} ${name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`,
      );
      resolve(code);
    };
    const child = spawn(file, args, { stdio: "inherit", env });
    child.once("error", (error) => {
      console.error(error.message);
      done(1);
    });
    child.once("exit", (code) => done(code ?? 1));
  });
}

function readResult(file: string): VitestResult | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as VitestResult;
  } catch (error) {
    console.error(`vitest left no result: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

function report(...tallies: Tally[]): void {
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
  process.exitCode = failed === 0 ? 0 : 1;
  console.log(`\n${passed} passed, ${failed} failed`);
}
