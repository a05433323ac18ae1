/** One node as a process: configuration from the environment, one JSON line per event, SIGTERM drains. */

import { ClusterDisagrees } from "./cluster/cluster-record.ts";
import { loadConfig } from "./config.ts";
import { Trouble } from "./lib/trouble.ts";
import { startNode } from "./node/start-node.ts";
import { DatabaseNewer, migrate } from "./store/migrate.ts";
import { createLogger } from "./telemetry/logger.ts";

/** A signal that arrives twice within this time is one: under npm one Ctrl-C does (40). */
const SAME_SIGNAL_MS = 500;
/** Beyond the drain itself: waves of sockets, closing of stores. */
const LEAVE_GRACE_MS = 15_000;

const config = readConfig();
const logger = createLogger({ level: config.logLevel, node: config.name });
let leaving: { sinceMs: number } | undefined;
let started: ReturnType<typeof startNode> | undefined;

for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => leave(signal));
process.on("disconnect", () => leave("parent gone"));
process.on("uncaughtException", (error) => fail("broken promise", error));
process.on("unhandledRejection", (error) => fail("unhandled rejection", error));

try {
  await migrate(config.databaseUrl, logger);
  started = startNode(config, logger, { onDrain: () => leave("drain asked for") });
  const node = await started;
  logger.info({ incarnation: node.id, url: node.place.url, metricsUrl: node.place.metricsUrl }, "serving");
  process.send?.({ ready: true, url: node.place.url, metricsUrl: node.place.metricsUrl, node: node.id });
} catch (error) {
  fail("could not start", error);
}

/** Drains once; a second signal, after the time in which one arrives twice, ends the process at once. */
function leave(why: string): void {
  if (leaving) {
    if (performance.now() - leaving.sinceMs > SAME_SIGNAL_MS && why.startsWith("SIG")) process.exit(1);
    return;
  }
  leaving = { sinceMs: performance.now() };
  logger.info({ why }, "leaving");
  if (!started) process.exit(0);
  setTimeout(() => fail("leaving took too long", undefined), config.drainMs + LEAVE_GRACE_MS).unref();
  started
    .then((node) => node.leave(config.drainMs))
    .then(() => {
      logger.info("left");
      process.exit(0);
    })
    .catch((error: unknown) => fail("leaving failed", error));
}

/** Ends the process. What was foreseeable is one line that says what to do; anything else keeps its stack. */
function fail(what: string, error: unknown): never {
  const foreseen =
    error instanceof Trouble || error instanceof ClusterDisagrees || error instanceof DatabaseNewer;
  logger.fatal(foreseen ? { reason: error.message } : { err: error }, what);
  process.exit(1);
}

function readConfig(): ReturnType<typeof loadConfig> {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
