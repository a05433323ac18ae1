/** Recounts a few channels now and then, so that drift is a metric before it is anyone's question (row C12). */
import { StoreAway } from "../../actors/ports.ts";
import type { Audit } from "../store/audit.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** How often, and how many channels each time. Chosen: one statement of some milliseconds, and 72,000 channels a day and node. */
const EVERY_MS = 60_000;
const CHANNELS_AT_ONCE = 50;

export type AuditingOptions = {
  audit: Audit;
  /** Nothing is asked of a Postgres that is away. */
  stores: { readonly postgres: boolean };
  metrics: Pick<Metrics, "auditDrift">;
  logger: Logger;
};

/** Goes on through everything that fails, until it is stopped. */
export function startAuditing({ audit, stores, metrics, logger }: AuditingOptions): { stop(): void } {
  async function look(): Promise<void> {
    if (!stores.postgres) return;
    try {
      const { channels: _channels, messages: _messages, ...drift } = await audit(CHANNELS_AT_ONCE);
      for (const [what, rows] of Object.entries(drift)) metrics.auditDrift.set({ what }, rows);
      if (Object.values(drift).some((rows) => rows > 0))
        logger.error({ drift }, "tables say numbers that a recount does not find");
    } catch (error) {
      // Away is said by the watch over the stores. All else would be a fault of ours: said, and tried again.
      if (!(error instanceof StoreAway)) logger.error({ err: error }, "the auditor failed");
    }
  }
  const timer = setInterval(() => void look(), EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
