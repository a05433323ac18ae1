/**
 * `show`: the main job on real input. A cluster of three by `npm start`, k6 with a thousand sockets on it; one node is
 * killed with -9 (its parent starts it again), another drained; afterwards every acked message must be in Postgres once.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { ClusterStatus } from "../src/ports.ts";
import { type ClusterFile, FILES, readJson } from "../src/start/data-folder.ts";
import { type Acked, type AckedReport, checkAcked, readAcked } from "./acked.ts";
import type { Figure, Outcome } from "./figures.ts";

export type ShowOptions = {
  /** Of a cluster that runs already, three nodes with rate limits off; absent: one is started. */
  dataDir?: string;
  port: number;
  metricsPort: number;
  sockets: number;
  channels: number;
  rate: number;
  seconds: number;
  /** Seconds after the first message; 0: never. */
  killAt: number;
  drainAt: number;
  k6: string;
};

const ROOT = join(import.meta.dirname, "..");
const NODES = 3;
const START_WITHIN_MS = 180_000;
const FLUSH_WITHIN_MS = 60_000;
const run = promisify(execFile);

export async function show(options: ShowOptions): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), "hubbub-show-"));
  const dataDir = options.dataDir ?? join(scratch, "data");
  const stop = options.dataDir === undefined ? await startCluster(dataDir, options) : async () => {};
  try {
    const status = await statusOf(dataDir);
    const acked = join(scratch, "acked.jsonl");
    const summary = join(scratch, "summary.json");
    const faults = new Faults(dataDir, status);
    const passed = await runK6(options, status, { acked, summary }, faults);
    await untilFlushed(dataDir);
    const lines = await readAcked(acked);
    const { databaseUrl } = readJson<ClusterFile>(join(dataDir, FILES.cluster))!;
    const report = await checkAcked(databaseUrl, lines);
    const metrics = (JSON.parse(readFileSync(summary, "utf8")) as { metrics: K6Metrics }).metrics;
    const listeners = options.sockets / options.channels;
    const figures = [
      ...fromK6(metrics, passed, listeners),
      ...fromPostgres(report),
      ...pauses(lines, faults),
    ];
    return { bench: "show", options, figures, notes: [...faults.told, ...report.examples] };
  } finally {
    await stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** `npm start -- --nodes 3` without npm, so that a signal reaches it. Answers what stops it. */
async function startCluster(
  dataDir: string,
  { port, metricsPort }: ShowOptions,
): Promise<() => Promise<void>> {
  const args = [
    "--nodes",
    String(NODES),
    "--port",
    String(port),
    "--metrics-port",
    String(metricsPort),
    "--data-dir",
    dataDir,
    "--no-demo",
  ];
  const child = spawn(process.execPath, [join(ROOT, "src", "start.ts"), ...args], {
    cwd: ROOT,
    env: { ...process.env, HUBBUB_RATE_LIMITS: "off" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = once(child, "exit");
  const deadline = performance.now() + START_WITHIN_MS;
  while ((readJson<ClusterFile>(join(dataDir, FILES.cluster))?.metricsUrls.length ?? 0) < NODES) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error("npm start did not bring up a cluster");
    await sleep(200);
  }
  return async () => {
    child.kill("SIGTERM");
    await exited;
  };
}

async function hubbub(dataDir: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, HUBBUB_DATA_DIR: dataDir };
  return (await run(process.execPath, [join(ROOT, "src", "cli", "hubbub.ts"), ...args], { cwd: ROOT, env }))
    .stdout;
}

async function statusOf(dataDir: string): Promise<ClusterStatus> {
  return JSON.parse(await hubbub(dataDir, "status", "--json")) as ClusterStatus;
}

/** Kills and drains, and remembers when. */
class Faults {
  killedAtMs = 0;
  drainedAtMs = 0;
  readonly told: string[] = [];
  readonly #dataDir: string;
  readonly #status: ClusterStatus;

  constructor(dataDir: string, status: ClusterStatus) {
    this.#dataDir = dataDir;
    this.#status = status;
  }

  async kill(): Promise<void> {
    const { name, pid } = this.#node(1);
    process.kill(pid, "SIGKILL");
    this.killedAtMs = Date.now();
    this.#tell(`${name} (process ${pid}) killed with -9`);
  }

  async drain(): Promise<void> {
    const { name } = this.#node(2);
    this.drainedAtMs = Date.now();
    await hubbub(this.#dataDir, "drain", name);
    this.#tell(`${name} drained`);
  }

  #node(i: number): ClusterStatus["nodes"][number] {
    return this.#status.nodes.toSorted((a, b) => a.name.localeCompare(b.name))[i]!;
  }

  #tell(what: string): void {
    this.told.push(`${new Date().toISOString()} ${what}`);
    console.error(this.told.at(-1));
  }
}

type Files = { acked: string; summary: string };

/** Answers whether k6's thresholds held. */
async function runK6(options: ShowOptions, { nodes }: ClusterStatus, files: Files, faults: Faults) {
  const script = join(ROOT, "bench", "k6", "smoke.ts");
  const args = [
    "run",
    "--quiet",
    "--log-format",
    "raw",
    "--console-output",
    files.acked,
    "--summary-export",
    files.summary,
    script,
  ];
  const env = {
    ...process.env,
    NODES: nodes.map((node) => node.url).join(","),
    SOCKETS: String(options.sockets),
    CHANNELS: String(options.channels),
    RATE: String(options.rate),
    DURATION: String(options.seconds),
  };
  const child = spawn(options.k6, args, { env, stdio: ["ignore", "inherit", "inherit"] });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const over = new AbortController();
  const at = async (seconds: number, act: () => Promise<void>) => {
    const fromMs = await sendingFromMs(files.acked, over.signal);
    await sleep(fromMs + seconds * 1_000 - Date.now(), undefined, { signal: over.signal });
    await act();
  };
  const plan = [
    ...(options.killAt > 0 ? [at(options.killAt, () => faults.kill())] : []),
    ...(options.drainAt > 0 ? [at(options.drainAt, () => faults.drain())] : []),
  ];
  const [code] = await exited;
  over.abort();
  await Promise.allSettled(plan);
  return code === 0;
}

/** When the first message is due: k6 says it as soon as its site is made. */
async function sendingFromMs(path: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    const [, fromMs] =
      /^\{"sendFromMs":(\d+)\}/m.exec(existsSync(path) ? readFileSync(path, "utf8") : "") ?? [];
    if (fromMs !== undefined) return Number(fromMs);
    await sleep(100, undefined, { signal });
  }
}

async function untilFlushed(dataDir: string): Promise<void> {
  const deadline = performance.now() + FLUSH_WITHIN_MS;
  while ((await statusOf(dataDir)).log.unflushedEvents > 0) {
    if (performance.now() > deadline) throw new Error(`Postgres lacks events after ${FLUSH_WITHIN_MS} ms`);
    await sleep(500);
  }
}

type K6Metrics = Record<
  string,
  { count?: number; med?: number; "p(95)"?: number; "p(99)"?: number; max?: number } | undefined
>;

function fromK6(metrics: K6Metrics, passed: boolean, listeners: number): Figure[] {
  const count = (name: string) => metrics[`hubbub_${name}`]?.count ?? 0;
  const trend = (name: string, of: "med" | "p(95)" | "p(99)" | "max") =>
    metrics[`hubbub_${name}`]?.[of] ?? Number.NaN;
  const zero = (name: string, says: string): Figure => ({
    name: says,
    value: count(name),
    unit: "",
    target: { most: 0 },
  });
  return [
    { name: "k6 thresholds held", value: passed ? 1 : 0, unit: "", target: { least: 1 } },
    { name: "sent", value: count("sent"), unit: "" },
    { name: "acked", value: count("acked"), unit: "", target: { least: count("sent") } },
    { name: "delivered", value: count("delivered"), unit: "", target: { least: count("sent") * listeners } },
    zero("gaps", "gaps after repair"),
    zero("duplicates", "duplicates"),
    zero("disorders", "disorder"),
    zero("forks", "two events under one seq"),
    { name: "gaps that were repaired", value: count("gaps_repaired"), unit: "" },
    { name: "connections lost and resumed", value: count("reconnects"), unit: "" },
    { name: "messages sent again", value: count("resent"), unit: "" },
    ...(["delivery", "ack"] as const).flatMap((name) =>
      (
        [
          ["p50", "med"],
          ["p95", "p(95)"],
          ["p99", "p(99)"],
          ["max", "max"],
        ] as const
      ).map(([label, of]) => ({
        name: `${name} ${label}`,
        value: trend(name, of),
        unit: "ms",
      })),
    ),
  ];
}

function fromPostgres(report: AckedReport): Figure[] {
  const zero = (name: string, value: number): Figure => ({ name, value, unit: "", target: { most: 0 } });
  return [
    { name: "acked messages looked up in Postgres", value: report.acked, unit: "", target: { least: 1 } },
    zero("of these lost", report.lost),
    zero("stored twice", report.twice),
    zero("stored under another seq or reign", report.elsewhere),
    zero("stored in disorder", report.disordered),
  ];
}

/** The longest time without an ack in any one channel around each fault. */
function pauses(lines: readonly Acked[], { killedAtMs, drainedAtMs }: Faults): Figure[] {
  const around: [string, number, number | undefined][] = [
    ["longest pause of a channel at the kill", killedAtMs, 8_000],
    ["longest pause of a channel at the drain", drainedAtMs, undefined],
  ];
  return around
    .filter(([, atMs]) => atMs > 0)
    .map(([name, atMs, most]) => ({
      name,
      value: longestPauseMs(lines, atMs),
      unit: "ms",
      target: most === undefined ? undefined : { most },
    }));
}

const AROUND_MS = 25_000;

function longestPauseMs(lines: readonly Acked[], atMs: number): number {
  const byChannel = Map.groupBy(
    lines.filter((line) => line.atMs > atMs - 2_000 && line.atMs < atMs + AROUND_MS),
    (line) => line.channelId,
  );
  const longest = (times: number[]) =>
    times.slice(1).reduce((most, time, i) => Math.max(most, time - times[i]!), 0);
  return Math.max(
    0,
    ...[...byChannel.values()].map((acks) => longest(acks.map((ack) => ack.atMs).sort((a, b) => a - b))),
  );
}

/** Where `go install` puts k6, when it is not on the PATH. */
export function findK6(): string {
  const installed = join(homedir(), "go", "bin", "k6");
  return existsSync(installed) ? installed : "k6";
}
