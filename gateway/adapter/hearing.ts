/** The adapter's half of rule P4: a beat of our own that must come back over the adapter's subscriptions. */
import type { Logger } from "pino";
import type { Hearing } from "../../src/ports.ts";
import type { RedisClient, Subscriptions } from "./subscriptions.ts";

/** Silence for so long, while beats were sent, and the connection is made anew: two beats have not come back. As the bus does. */
const SILENCE_MS = 4_000;

/**
 * `channel` is this incarnation's own. A beat is the monotonic time at which it was sent, so a late one proves no more
 * than it may. A subscriber says nothing by itself, so nobody else would notice that its connection leads nowhere.
 */
export function adapterHearing(options: {
  publisher: RedisClient;
  subscriber: RedisClient;
  subscriptions: Subscriptions;
  channel: string;
  logger: Logger;
  /** Monotonic; default `performance.now`. */
  nowMs?: () => number;
}): Hearing & { close(): void } {
  const { publisher, subscriber, subscriptions, channel, logger, nowMs = () => performance.now() } = options;
  let lastHeardAtMs = Number.NEGATIVE_INFINITY;
  /** When silence is counted from: the first beat, the last one heard, the last repair. */
  let patientFromMs = Number.POSITIVE_INFINITY;
  const onMessage = (from: Buffer, beat: Buffer) => {
    if (from.toString() !== channel) return;
    const sentAtMs = Number(beat.toString());
    if (sentAtMs > lastHeardAtMs) lastHeardAtMs = sentAtMs;
    patientFromMs = nowMs();
  };
  subscriber.on("smessageBuffer", onMessage);
  void subscriptions.add(channel);
  return {
    speak() {
      const sentAtMs = nowMs();
      if (sentAtMs - patientFromMs > SILENCE_MS) {
        logger.warn("adapter: this node does not hear itself; subscribing anew");
        subscriptions.repair();
        patientFromMs = sentAtMs;
      }
      if (patientFromMs === Number.POSITIVE_INFINITY) patientFromMs = sentAtMs;
      // A beat that was not sent is one that does not come back: nothing more to do about the failure.
      publisher.spublish(channel, String(sentAtMs)).catch(() => {});
    },
    lastHeardAtMs: () => lastHeardAtMs,
    close() {
      subscriber.off("smessageBuffer", onMessage);
      void subscriptions.remove(channel);
    },
  };
}
