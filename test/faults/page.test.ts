import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { percentile, tableOf, writePage } from "./page.ts";
import type { Outcome } from "./run.ts";

const outcome = (seed: number, faults: string, pauseMs: number, violations: string[] = []): Outcome => ({
  seed,
  faults,
  violations,
  pauseMs,
  settledMs: 1_000,
  tookMs: 36_000,
});
const says = (name: string) => `what ${name} does`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hubbub-page-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

it("tells every fault and pair with its seeds, violations and percentiles, and all of them together", () => {
  const outcomes = [
    outcome(1, "kill-owner", 6_000),
    outcome(2, "kill-owner", 8_000, ["lost", "gap"]),
    outcome(1, "kill-owner,pg-down", 9_000),
  ];
  const table = tableOf(outcomes, says)
    .split("\n")
    .map((line) => line.replaceAll(/ +/g, " "));
  expect(table[0]).toMatch(/^3 runs in 0\.0 h on \d+ cores, Node\.js \S+: 1 with a violation\.$/);
  expect(table).toContain(
    "| `kill-owner` | what kill-owner does | 1–2 | 2 | 2 | 0 | 0 | 6.0 s | 8.0 s | 8.0 s | 1.0 s |",
  );
  expect(table).toContain(
    "| `kill-owner`, `pg-down` | what kill-owner does; and meanwhile: what pg-down does | 1 | 1 | 0 | 0 | 0 | 9.0 s | 9.0 s | 9.0 s | 1.0 s |",
  );
  expect(table.at(-1)).toMatch(/^\| \*\*all\*\* \| \| 1–2 \| 3 \| 2 \|/);
});

it("takes the nearest rank, which is a value that was there", () => {
  expect(percentile([3, 1, 2, 4], 50)).toBe(2);
  expect(percentile([3, 1, 2, 4], 95)).toBe(4);
  expect(percentile([], 50)).toBeUndefined();
});

it("replaces the table between its marks, and nothing else of the page", () => {
  const page = join(folder, "page.md");
  writeFileSync(page, "before\n<!-- made by npm run test:faults -- --page -->\nold\n<!-- end -->\nafter\n");
  for (let again = 0; again < 2; again++) writePage(page, [outcome(1, "pg-down", 100)], says);
  const written = readFileSync(page, "utf8");
  expect(written).toMatch(/^before\n/);
  expect(written).toMatch(/\nafter\n$/);
  expect(written).not.toContain("old");
  expect(written.match(/`pg-down`/g)).toHaveLength(1);
});

it("refuses a page without marks", () => {
  const page = join(folder, "page.md");
  writeFileSync(page, "by hand");
  expect(() => writePage(page, [], says)).toThrow("no marks");
});
