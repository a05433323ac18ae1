/** One node as a child process, seen by its parent: `npm start`, cluster tests, benches. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openBoundedLog } from "./bounded-log.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const MAIN = join(ROOT, "src", "main.ts");

/** What a node tells its parent when it serves. `node` is its incarnation. */
export type NodeReady = { ready: true; url: string; metricsUrl: string; node: string };

export type NodeExit = { code: number | null; signal: NodeJS.Signals | null };

export type NodeProcess = {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<NodeExit>;
  /** What it said when it served; undefined when it ended or stayed silent for `withinMs`. */
  ready(withinMs: number): Promise<NodeReady | undefined>;
  /** Nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM (it drains), SIGKILL after `withinMs`; resolves when it has ended. */
  end(withinMs: number): Promise<NodeExit>;
};

export type NodeOptions = {
  name: string;
  /** Settings of the node, over our own environment. */
  env: Record<string, string>;
  /** Takes its stdout and stderr; bounded, and continued when it exists. */
  logFile: string;
  /** What runs; default `src/main.ts`. */
  main?: string;
  /** Each line that it writes, as it comes. */
  onLine?: (line: string) => void;
};

/**
 * Starts `src/main.ts`, not in our session's foreground group: Ctrl-C reaches us alone, and we drain. It ends when we are
 * gone, since its channel to us closes.
 */
export function spawnNode({ name, env, logFile, onLine, main = MAIN }: NodeOptions): NodeProcess {
  const child = spawn(process.execPath, [main], {
    cwd: ROOT,
    env: { ...process.env, ...env, HUBBUB_NAME: name },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const exited = new Promise<NodeExit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => child.pid === undefined && resolve({ code: 1, signal: null }));
  });
  const log = openBoundedLog(logFile);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream! }).on("line", (line) => {
      log.write(line);
      onLine?.(line);
    });
  }
  child.once("close", () => log.close());
  const served = readyOf(child);
  const kill = (signal: NodeJS.Signals) => void child.kill(signal);
  return {
    name,
    pid: child.pid ?? 0,
    exited,
    kill,
    ready: (withinMs) => Promise.race([served, exited.then(() => undefined), timeout(withinMs)]),
    async end(withinMs) {
      kill("SIGCONT"); // a frozen one would not hear SIGTERM
      kill("SIGTERM");
      const insist = setTimeout(() => kill("SIGKILL"), withinMs);
      const exit = await exited;
      clearTimeout(insist);
      return exit;
    },
  };
}

function readyOf(child: ChildProcess): Promise<NodeReady> {
  return new Promise((resolve) => {
    child.on("message", (message) => {
      if (typeof message === "object" && message !== null && "ready" in message)
        resolve(message as NodeReady);
    });
  });
}

function timeout(afterMs: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), afterMs).unref();
  });
}
