/** The adapter's half of rule P4: a beat of our own that must come back over the adapter's subscriptions. */
import type { Hearing } from "../../src/ports.ts";
import type { RedisClient, Subscriptions } from "./subscriptions.ts";

/**
 * `channel` is this incarnation's own. A beat is the monotonic time at which it was sent, so a late one proves no more
 * than it may.
 */
export function adapterHearing(options: {
  publisher: RedisClient;
  subscriber: RedisClient;
  subscriptions: Subscriptions;
  channel: string;
}): Hearing & { close(): void } {
  const { publisher, subscriber, subscriptions, channel } = options;
  let lastHeardAtMs = Number.NEGATIVE_INFINITY;
  const onMessage = (from: Buffer, beat: Buffer) => {
    if (from.toString() !== channel) return;
    const sentAtMs = Number(beat.toString());
    if (sentAtMs > lastHeardAtMs) lastHeardAtMs = sentAtMs;
  };
  subscriber.on("smessageBuffer", onMessage);
  void subscriptions.add(channel);
  return {
    speak() {
      // A beat that was not sent is one that does not come back: nothing more to do about the failure.
      publisher.spublish(channel, String(performance.now())).catch(() => {});
    },
    lastHeardAtMs: () => lastHeardAtMs,
    close() {
      subscriber.off("smessageBuffer", onMessage);
      void subscriptions.remove(channel);
    },
  };
}
