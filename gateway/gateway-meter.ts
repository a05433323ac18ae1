/** What the gateway's parts tell an operator, as metrics. */

import type { Logger } from "pino";
import type { Clock } from "../actors/ports.ts";
import type { Metrics } from "../src/telemetry/metrics.ts";
import type { BudgetMeter } from "./outlet.ts";
import type { ResumeOptions } from "./resuming.ts";
import type { RoomMeter } from "./rooms/room.ts";

export interface GatewayMeter extends RoomMeter, BudgetMeter {
  resumed: ResumeOptions["meter"]["resumed"];
  answered: ResumeOptions["meter"]["answered"];
  /** Runs `relay` for a frame of this node's own actors, and measures it. */
  broadcast(events: number, relay: () => void): void;
  /** Redis did not take a frame: a gap for the other nodes, until they ask (rule H1). */
  unpublished(reason: string): void;
}

/** Redis away means thousands of these: one line, and how many, in so many milliseconds. */
const UNPUBLISHED_EVERY_MS = 5_000;

export function gatewayMeter(metrics: Metrics, clock: Clock, log: Logger): GatewayMeter {
  let unpublished = 0;
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return {
    unpublished(reason) {
      unpublished += 1;
      if (performance.now() - saidAtMs < UNPUBLISHED_EVERY_MS) return;
      log.warn(
        { reason, frames: unpublished },
        "frames not published; listeners elsewhere will ask for them",
      );
      saidAtMs = performance.now();
      unpublished = 0;
    },
    delivered(frames, run) {
      if (frames === 0) return;
      metrics.deliveries.inc(frames);
      // The owner's clock to this gateway's write (both follow the cluster's).
      const lateMs = Math.max(0, clock.nowMs() - run.events.at(-1)!.atMs);
      metrics.stageDuration.observe({ stage: "deliver" }, lateMs / 1_000);
    },
    skipped: (events) => metrics.skippedEvents.inc(events),
    duplicate: () => metrics.duplicates.inc(),
    gap: () => metrics.gaps.inc(),
    asked: () => metrics.syncRequests.inc({ source: "gateway" }),
    answered: (source) => metrics.syncRequests.inc({ source }),
    resumed: (outcome) => metrics.reconnects.inc({ outcome }),
    lagging: (connections) => metrics.laggingConnections.set(connections),
    waitingBytes: (bytes) => metrics.writeBufferBytes.set(bytes),
    broadcast(events, relay) {
      metrics.batchSize.observe(events);
      const startMs = performance.now();
      relay();
      metrics.stageDuration.observe({ stage: "broadcast" }, (performance.now() - startMs) / 1_000);
    },
  };
}
