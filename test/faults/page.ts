/** The table of `docs/reliability.md`: made from outcomes, so that no figure there was ever typed. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Outcome } from "./run.ts";

const BEGIN = "<!-- made by npm run test:faults -- --page -->";
const END = "<!-- end -->";

/** Replaces what stands between the marks. Throws where the page has none. */
export function writePage(path: string, outcomes: readonly Outcome[], says: (fault: string) => string): void {
  const page = readFileSync(path, "utf8");
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${path} has no marks for the table: ${BEGIN} … ${END}`);
  writeFileSync(
    path,
    `${page.slice(0, from + BEGIN.length)}\n\n${tableOf(outcomes, says)}\n\n${page.slice(to)}`,
  );
}

const HEAD = [
  "fault",
  "what happens",
  "seeds",
  "runs",
  "violations",
  "acked",
  "heard",
  "longest pause p50",
  "p95",
  "max",
  "settled p95",
];

/** One line per fault or pair, in the order of the outcomes; then all of them. */
export function tableOf(outcomes: readonly Outcome[], says: (fault: string) => string): string {
  const lines = [...Map.groupBy(outcomes, ({ faults }) => faults)].map(([faults, of]) => {
    const what = faults.split(",").map(says).join("; and meanwhile: ");
    return lineOf(`\`${faults.replaceAll(",", "`, `")}\``, what, of);
  });
  const table = aligned([HEAD, ...lines, lineOf("**all**", "", outcomes)]);
  return `${summaryOf(outcomes)}\n\n${table}`;
}

/** As the formatter of this repository writes a table. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, column) => Math.max(3, ...lines.map((cells) => cells[column]!.length)));
  const write = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = write(widths.map((width) => "-".repeat(width)));
  const [head, ...rest] = lines.map(write);
  return [head, rule, ...rest].join("\n");
}

function lineOf(name: string, what: string, outcomes: readonly Outcome[]): string[] {
  const seeds = [...new Set(outcomes.map(({ seed }) => seed))];
  const sum = (of: (outcome: Outcome) => number) =>
    String(outcomes.reduce((total, outcome) => total + of(outcome), 0));
  const pauses = outcomes.flatMap(({ pauseMs }) => pauseMs ?? []);
  const settled = outcomes.flatMap(({ settledMs }) => settledMs ?? []);
  return [
    name,
    what,
    spanOf(seeds),
    String(outcomes.length),
    sum(({ violations }) => violations.length),
    sum(({ seen }) => seen?.acks ?? 0),
    sum(({ seen }) => seen?.deliveries ?? 0),
    ...[50, 95, 100].map((p) => seconds(percentile(pauses, p))),
    seconds(percentile(settled, 95)),
  ];
}

function summaryOf(outcomes: readonly Outcome[]): string {
  const broken = outcomes.filter(({ violations }) => violations.length > 0).length;
  const hours = outcomes.reduce((sum, { tookMs }) => sum + tookMs, 0) / 3_600_000;
  return `${outcomes.length} runs in ${hours.toFixed(1)} h on ${cpus().length} cores, Node.js ${process.versions.node}: ${broken} with a violation.`;
}

/** The least of these that is not below `p` percent of them (nearest rank); undefined where there is none. */
export function percentile(values: readonly number[], p: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
}

const seconds = (ms: number | undefined): string => (ms === undefined ? "–" : `${(ms / 1_000).toFixed(1)} s`);

function spanOf(seeds: readonly number[]): string {
  const [least, most] = [Math.min(...seeds), Math.max(...seeds)];
  return seeds.length > 1 && most - least + 1 === seeds.length ? `${least}–${most}` : seeds.join(", ");
}
