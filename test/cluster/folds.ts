/** What everyone holds at the end, and what they are served on a node that is not their own. */
import { setTimeout as sleep } from "node:timers/promises";
import { inParallel, type Person } from "../../bench/load/site.ts";
import type { HistoryRecord } from "../checker/history.ts";
import type { Reader } from "./reader.ts";
import { served, unreadOf } from "./served.ts";

/** One client in one channel. */
export type Seat = { name: string; channelId: string; person: Person; reader: Reader };

/** Two records a seat. The list of channels follows Postgres, which has read marks a moment later: it is waited for. */
export async function foldsOf(
  seats: readonly Seat[],
  nodes: readonly string[],
  withinMs: number,
): Promise<HistoryRecord[]> {
  const pairs = await inParallel(seats.length, async (i): Promise<HistoryRecord[]> => {
    const { name: client, person, reader, channelId } = seats[i]!;
    const { fromSeq, repliesAfterSeq, messages } = reader;
    const others = nodes.map((_, n) => nodes[(i + 1 + n) % nodes.length]!);
    const endMs = performance.now() + withinMs;
    while ((await unreadOf(others, person, channelId)) !== reader.unread && performance.now() < endMs)
      await sleep(200);
    const { unread } = reader;
    return [
      { what: "held", client, channelId, fromSeq, repliesAfterSeq, messages, unread },
      { ...(await served(others, person, channelId)), client },
    ];
  });
  return pairs.flat();
}
