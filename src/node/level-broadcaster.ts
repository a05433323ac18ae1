/** What is said to rooms, while gateways of 0.1.0 may listen (rule E7): they pass on whatever reaches one, also to those who are not let in yet. */
import type { Broadcaster } from "../../actors/ports.ts";
import { FIRST_LEVEL } from "../lib/level.ts";

/** `broadcaster`, which at the first level keeps signals to itself. Heads go to gateways of this version alone. */
export function whileUnderstood(broadcaster: Broadcaster, cluster: { readonly level: number }): Broadcaster {
  return {
    publish: (channelId, epoch, events) => broadcaster.publish(channelId, epoch, events),
    signal(signal) {
      if (cluster.level > FIRST_LEVEL || signal.event === "channel:head") broadcaster.signal(signal);
    },
  };
}
