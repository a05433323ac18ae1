/** The page of `status --watch`, from what is remembered: what is wrong first, then what flows, the nodes, what happened. Pure. */
import type { ClusterStatus, NodeStatus } from "../../ports.ts";
import type { Paint, Tone } from "../paint.ts";
import { table } from "../table.ts";
import { clockTime, count, duration, nameOf, percent, plural } from "../units.ts";
import type { Memory, Sample } from "./memory.ts";
import { isBusy, isLate, isSlow, labelOf, type Problem, problemsOf } from "./problems.ts";

/** Of the terminal; `Infinity` where there is none. */
export type Size = { columns: number; rows: number };

/** Cells of a bar, and of a trend where there is room. */
const BAR_CELLS = 8;
const TREND_CELLS_MAX = 60;
/** What stands before a trend. */
const TREND_INDENT = 34;
const NAME_CELLS = 12;
const LEVELS = "▁▂▃▄▅▆▇█";
/** Lines for happenings, however many nodes there are. */
const HAPPENINGS_MIN = 3;
const HAPPENINGS_WITHOUT_TERMINAL = 5;

/** The page as lines that fit the size; a line that is too long is the terminal's to cut. `nowMs`: Unix milliseconds. */
export function renderPage(memory: Memory, size: Size, nowMs: number, paint: Paint): string[] {
  const { status } = memory;
  const top = [heading(memory, size, nowMs, paint), "", ...problemLines(memory, size, nowMs, paint), ""];
  if (status === undefined) return top.slice(0, size.rows);
  const flow = flowLines(status, memory.samples, size, paint);
  const room = size.rows - top.length - flow.length - 3;
  const nodes = nodeLines(status, room - HAPPENINGS_MIN - 1, paint);
  const left = Number.isFinite(room) ? room - nodes.length : HAPPENINGS_WITHOUT_TERMINAL;
  const body = [...top, ...flow, "", ...nodes, "", ...happeningLines(memory, left, paint)];
  return body.slice(0, size.rows);
}

function heading({ status, answeredAtMs }: Memory, size: Size, nowMs: number, paint: Paint): string {
  const parts = [paint("bold", "Hubbub")];
  if (status) {
    const { nodes, leader } = status;
    const led = leader === undefined ? "no leader" : `led by ${nameOf(leader)}`;
    parts.push(`${plural(nodes.length, "node")}, ${led}`);
  }
  parts.push(clockTime(answeredAtMs ?? nowMs));
  if (Number.isFinite(size.rows)) parts.push(paint("dim", "q quits"));
  return parts.join("   ");
}

function problemLines(memory: Memory, { columns }: Size, nowMs: number, paint: Paint): string[] {
  const problems = [...unanswered(memory, nowMs), ...lost(memory, nowMs)];
  if (memory.status) problems.push(...problemsOf(memory.status));
  return describeProblems(problems, columns, paint);
}

/** The problems, a sentence each, or that all is well. */
export function describeProblems(problems: readonly Problem[], columns: number, paint: Paint): string[] {
  if (problems.length === 0) return [paint("good", "✔ All is well.")];
  return problems.flatMap(({ grave, text }) =>
    wrap(text, columns - 2).map((line, i) =>
      paint(grave ? "bad" : "warn", `${i > 0 ? " " : grave ? "✘" : "•"} ${line}`),
    ),
  );
}

function unanswered({ trouble, answeredAtMs }: Memory, nowMs: number): Problem[] {
  if (trouble === undefined) return [];
  const since = answeredAtMs === undefined ? "" : ` What follows is ${duration(nowMs - answeredAtMs)} old.`;
  return [{ grave: true, text: `${trouble}${since}` }];
}

function lost({ lost: nodes }: Memory, nowMs: number): Problem[] {
  return [...nodes].map(([name, atMs]) => ({
    grave: true,
    text: `${name} is gone since ${duration(nowMs - atMs)}: it ended, or lost Redis, without a drain.`,
  }));
}

function flowLines(
  { nodes, shards, log }: ClusterStatus,
  samples: readonly Sample[],
  size: Size,
  paint: Paint,
) {
  const cells = Math.max(0, Math.min(TREND_CELLS_MAX, size.columns - TREND_INDENT));
  const last = samples.at(-1);
  const connections = nodes.reduce((sum, { traffic }) => sum + (traffic?.connections ?? 0), 0);
  const served = shards.count - shards.moving - shards.unserved;
  const line = (name: string, now: string, of: (sample: Sample) => number) =>
    `${name.padEnd(NAME_CELLS)}${now.padEnd(TREND_INDENT - NAME_CELLS)}${paint("dim", trend(samples.map(of), cells))}`;
  return [
    line("messages", `${count(last?.messages ?? 0)}/s`, ({ messages }) => messages),
    line("deliveries", `${count(last?.deliveries ?? 0)}/s`, ({ deliveries }) => deliveries),
    line("backlog", describeLag(log), ({ unflushed }) => unflushed),
    `${"shards".padEnd(NAME_CELLS)}${count(served)} served, ${toned(paint, shards.moving, "warn")} moving, ${toned(paint, shards.unserved, "bad")} without an owner that serves`,
    `${"connections".padEnd(NAME_CELLS)}${count(connections)}`,
  ];
}

function describeLag({ unflushedEvents, unflushedAgeMs }: ClusterStatus["log"]): string {
  return unflushedEvents === 0 ? "0" : `${plural(unflushedEvents, "event")}, ${duration(unflushedAgeMs)}`;
}

function toned(paint: Paint, value: number, tone: Tone): string {
  return value === 0 ? "0" : paint(tone, count(value));
}

/** The last values as bars against the greatest of them, the newest last. */
export function trend(values: readonly number[], cells: number): string {
  const shown = cells === 0 ? [] : values.slice(-cells);
  const most = Math.max(...shown, 1);
  return shown.map((value) => LEVELS[Math.round((value / most) * (LEVELS.length - 1))]).join("");
}

function nodeLines(status: ClusterStatus, rowsMax: number, paint: Paint): string[] {
  const nodes = status.nodes.toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const shown = nodes.slice(0, Math.max(1, rowsMax));
  const rows = shown.map((node) => nodeRow(node, status, paint));
  const [head = "", ...lines] = table(
    [
      "node",
      "state",
      { number: "shards" },
      "busy",
      { number: "lag" },
      { number: "lease" },
      { number: "load/s" },
      { number: "conns" },
      { number: "msg/s" },
      { number: "out/s" },
      { number: "backlog" },
      { number: "pid" },
      "address",
    ],
    rows,
  ).split("\n");
  const more = nodes.length - shown.length;
  return [
    paint("dim", head),
    ...lines,
    ...(more > 0 ? [paint("dim", `and ${plural(more, "node")} more`)] : []),
  ];
}

function nodeRow(node: NodeStatus, { nodes, leader }: ClusterStatus, paint: Paint): (string | number)[] {
  const { shards, utilisation, lagMs, leaseAgeMs, load, traffic, unflushedEvents, pid, url } = node;
  return [
    paint("bold", labelOf(node, nodes)),
    stateOf(node, leader, paint),
    shards,
    paint(isBusy(node) ? "warn" : "good", bar(utilisation)) + percent(utilisation).padStart(6),
    isSlow(node) ? paint("warn", duration(lagMs)) : `${count(Math.round(lagMs))} ms`,
    isLate(node) ? paint("bad", duration(leaseAgeMs)) : duration(leaseAgeMs),
    count(load),
    traffic ? count(traffic.connections) : "-",
    traffic ? count(traffic.messagesPerSecond) : "-",
    traffic ? count(traffic.deliveriesPerSecond) : "-",
    count(unflushedEvents),
    pid,
    url || "(no gateway)",
  ];
}

/** In one word. */
export function stateOf({ id, draining }: NodeStatus, leader: string | undefined, paint: Paint): string {
  if (draining) return paint("warn", "draining");
  return id === leader ? paint("good", "leader") : "serving";
}

function bar(share: number): string {
  const full = Math.min(BAR_CELLS, Math.round(share * BAR_CELLS));
  return "█".repeat(full) + "░".repeat(BAR_CELLS - full);
}

function happeningLines({ happenings }: Memory, rowsMax: number, paint: Paint): string[] {
  if (happenings.length === 0) return [paint("dim", "Nothing has happened since this page was opened.")];
  return happenings
    .slice(0, Math.max(1, rowsMax))
    .map(({ atMs, text }) => `${paint("dim", clockTime(atMs))}  ${text}`);
}

/** By words, to lines of that many characters; a word that is longer has a line of its own. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
