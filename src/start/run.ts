/** Runs the parent from the command line to the end of the process: signals, exit code, one line for trouble. */
import type { Command } from "commander";
import { Trouble } from "../lib/trouble.ts";
import { readStartOptions, type StartOptions } from "./options.ts";
import { createParent } from "./parent.ts";
import { createSay } from "./progress.ts";

/** Under npm one Ctrl-C arrives twice: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs until the process ends: with 0 after an ordered stop, with 1 after trouble. */
export async function runStart(command: Command): Promise<void> {
  let options: StartOptions;
  try {
    options = readStartOptions(command);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    console.error(error.message);
    process.exit(1);
  }
  await runParent(options);
}

async function runParent(options: StartOptions): Promise<void> {
  const say = createSay();
  const stopping = new AbortController();
  const parent = createParent(options, say, stopping.signal);
  let firstAtMs: number | undefined;
  const onSignal = () => {
    if (firstAtMs !== undefined && performance.now() - firstAtMs < SAME_SIGNAL_MS) return;
    if (firstAtMs === undefined) {
      firstAtMs = performance.now();
      say("Draining; Ctrl-C again ends at once");
      stopping.abort();
      void started.then(() => leave("drain", 0));
    } else {
      say("Ending at once");
      void leave("kill", 0);
    }
  };
  const leave = async (how: "drain" | "kill", code: number) => {
    await parent.stop(how);
    if (code === 0) say("Everything is stopped");
    process.exit(code);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const started = parent.start().catch(async (error: unknown) => {
    if (stopping.signal.aborted) return; // the start was given up, or failed on its way out
    console.error(error instanceof Trouble ? error.message : error);
    await leave("drain", 1);
  });
  await started;
}
