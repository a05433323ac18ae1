/** Keeps the nodes running: one that ends unasked is started again, one that was drained is left. */
import { join } from "node:path";
import { Trouble } from "../lib/trouble.ts";
import { lastLine } from "./embedded-redis.ts";
import { type NodeProcess, type NodeReady, spawnNode } from "./node-process.ts";
import type { Say } from "./progress.ts";

/** So that a node that cannot live does not eat the machine. */
const RESTART_AFTER_MS = 2_000;
/** Seconds on a machine at rest. */
const READY_WITHIN_MS = 60_000;
/** A message that repeats is shown once in this time. */
const QUIET_MS = 10_000;

export type NodePlan = { name: string; env: Record<string, string> };

export type SupervisorOptions = {
  plans: readonly NodePlan[];
  logDir: string;
  /** What runs; default `src/main.ts`. */
  main?: string;
  /** A node that still lives this long after SIGTERM is killed. */
  stopWithinMs: number;
  say: Say;
  /** Called when nodes have come or gone for good: where they can be reached now. */
  onChange(serving: readonly NodeReady[]): void;
};

export type Supervisor = {
  /** Starts all nodes side by side; resolves with where they serve. Rejects with `Trouble` when one does not. */
  start(): Promise<NodeReady[]>;
  /** Drains all of them and ends them; `kill`: at once. */
  stop(how: "drain" | "kill"): Promise<void>;
};

/** One parent's nodes. Nothing runs before `start`. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { plans, logDir, say } = options;
  const serving = new Map<string, NodeReady>();
  const running = new Map<string, NodeProcess>();
  const lastTrouble = new Map<string, string>();
  let isStopping = false;

  const launch = async (plan: NodePlan): Promise<NodeReady | undefined> => {
    const logFile = join(logDir, `${plan.name}.log`);
    const node = spawnNode({
      ...plan,
      main: options.main,
      logFile,
      onLine: troubleTeller(plan.name, lastTrouble, say),
    });
    running.set(plan.name, node);
    void node.exited.then((exit) => ended(plan, node, exit));
    const ready = await node.ready(READY_WITHIN_MS);
    if (ready === undefined) {
      node.kill("SIGKILL");
      return undefined;
    }
    serving.set(plan.name, ready);
    options.onChange([...serving.values()]);
    return ready;
  };

  const ended = (
    plan: NodePlan,
    node: NodeProcess,
    { code, signal }: { code: number | null; signal: string | null },
  ) => {
    const served = serving.delete(plan.name);
    running.delete(plan.name);
    if (isStopping) return;
    options.onChange([...serving.values()]);
    if (code === 0) return say(`${plan.name} has drained and ended; it stays away until the next npm start`);
    const how = signal === null ? `code ${code}` : signal;
    if (!served && !isStarted) return; // `start` tells
    say(
      `${plan.name} (process ${node.pid}) ended unasked with ${how}: starting it again in ${RESTART_AFTER_MS / 1_000} s`,
    );
    setTimeout(() => void again(plan), RESTART_AFTER_MS);
  };

  const again = async (plan: NodePlan) => {
    if (isStopping) return;
    const ready = await launch(plan);
    if (ready !== undefined) say(`${plan.name} serves again at ${ready.url}, as ${ready.node}`);
  };

  let isStarted = false;
  return {
    async start() {
      const ready = await Promise.all(plans.map(launch));
      const silent = plans.find((_, i) => ready[i] === undefined);
      if (silent !== undefined) {
        const log = join(logDir, `${silent.name}.log`);
        throw new Trouble(
          `${silent.name} did not start (${lastTrouble.get(silent.name) ?? messageOf(lastLine(log))}): see ${log}.`,
        );
      }
      isStarted = true;
      return ready as NodeReady[];
    },
    async stop(how) {
      isStopping = true;
      await Promise.all(
        [...running.values()].map((node) => node.end(how === "kill" ? 0 : options.stopWithinMs)),
      );
    },
  };
}

/** Shows a node's errors, and that a store is back, in one line each; everything else is in its log only. */
function troubleTeller(name: string, last: Map<string, string>, say: Say): (line: string) => void {
  const shownAtMs = new Map<string, number>();
  return (line) => {
    const isBad = isTrouble(line);
    if (!isBad && parsed(line)?.awayMs === undefined) return;
    const message = messageOf(line);
    if (isBad) last.set(name, message);
    const nowMs = performance.now();
    if (nowMs - (shownAtMs.get(message) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    if (shownAtMs.size > 100) shownAtMs.clear();
    shownAtMs.set(message, nowMs);
    say(`${name}: ${message}`);
  };
}

/** Errors of the log; what is no log line at all comes from Node itself: only its first line of a crash is telling. */
function isTrouble(line: string): boolean {
  const level = parsed(line)?.level;
  return level === undefined ? /^\w*Error\b/.test(line) : level === "error" || level === "fatal";
}

function messageOf(line: string): string {
  const entry = parsed(line);
  if (entry === undefined) return line;
  const cause = entry.err?.message ?? entry.reason;
  return [entry.msg, cause].filter((each) => each !== undefined && each !== "").join(": ");
}

/** `awayMs`: of a store that answers again. */
type LogLine = {
  level?: string;
  msg?: string;
  reason?: string;
  err?: { message?: string };
  awayMs?: number;
};

function parsed(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
