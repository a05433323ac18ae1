/** Puts into the search what it has missed: messages older than its table, and those whose space came after them. */
import { StoreAway } from "../../actors/ports.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Between two looks at an empty backlog; and between two batches, so that flushes come first. Chosen. */
const IDLE_MS = 5_000;
const BUSY_MS = 50;

/** `catchUp` writes one batch and says whether there was one. Goes on through everything that fails, until it is stopped. */
export function startCatchingUp(catchUp: () => Promise<boolean>, logger: Logger): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = (ms: number) => {
    if (stopped) return;
    timer = setTimeout(() => void work(), ms);
    timer.unref();
  };
  async function work(): Promise<void> {
    try {
      next((await catchUp()) ? BUSY_MS : IDLE_MS);
    } catch (error) {
      // Away is said by the watch over the stores. All else would be a fault of ours: said, and tried again.
      if (!(error instanceof StoreAway))
        logger.error({ err: error }, "search could not take in old messages");
      next(IDLE_MS);
    }
  }
  next(BUSY_MS);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
