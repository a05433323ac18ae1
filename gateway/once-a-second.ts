/** Who is connected, as the cluster said within the last second: a crowd that opens one list asks all nodes once. */
import { LRUCache } from "lru-cache";
import type { ChannelId } from "../protocol/ids.ts";
import type { ConnectedMembers } from "./ports.ts";

/** Milliseconds for which an answer stands: a list that is a second old is as good as one that was just read. Chosen. */
const STANDS_MS = 1_000;
/** Answers that are kept, the oldest go first: each names up to 1,000 people, 50 bytes each, so 10 MB. Chosen. */
const ANSWERS_MAX = 200;

/** `nowMs`: monotonic milliseconds. */
export function onceASecond(
  members: ConnectedMembers,
  nowMs: () => number = () => performance.now(),
): ConnectedMembers {
  const answers = new LRUCache<ChannelId, ReturnType<ConnectedMembers["of"]>>({
    max: ANSWERS_MAX,
    ttl: STANDS_MS,
    ttlResolution: 0,
    perf: { now: nowMs },
  });
  return {
    of(channelId) {
      const known = answers.get(channelId);
      if (known) return known;
      const asked = members.of(channelId);
      answers.set(channelId, asked);
      return asked;
    },
  };
}
