/** What a shard's retained log says to a new owner: which records Postgres lacks, channel by channel (rules A1, L7). */
import type { Position } from "../protocol/channel.ts";
import type { ChannelId } from "../protocol/ids.ts";
import type { Unflushed } from "./channel/activation.ts";
import type { Mark } from "./channel/state.ts";
import {
  type EventRecord,
  type FollowRecord,
  isEvent,
  isMark,
  type LogRecord,
  type MarkRecord,
} from "./ports.ts";

export type Replayed = {
  /** In the order of the log. */
  unflushed: LogRecord[];
  /** The same by channel. */
  byChannel: Map<ChannelId, Unflushed>;
};

/** The channels that the log holds events of. */
export function channelsOf(retained: readonly LogRecord[]): ChannelId[] {
  return [...new Set(retained.filter(isEvent).map(({ channelId }) => channelId))];
}

/**
 * Events beyond their channel's row, by seq and never by the flushed position; where two reigns decided one seq, the later one
 * counts. Marks carry no seq, and Postgres takes the greatest: of each member's only those that no later one covers. What was
 * said of threads is written again: it changes nothing that is there.
 */
export function findUnflushed(
  retained: readonly LogRecord[],
  rows: ReadonlyMap<ChannelId, Position>,
): Replayed {
  const kept = new Set<LogRecord>();
  const byChannel = new Map<ChannelId, Found>();
  const of = (channelId: ChannelId) => {
    const found = byChannel.get(channelId) ?? { events: [], marks: [], follows: [] };
    byChannel.set(channelId, found);
    return found;
  };
  for (const record of retained.filter(isEvent)) {
    const { channelId, event } = record;
    const later = byChannel.get(channelId)?.events ?? [];
    while (later.length > 0 && later.at(-1)!.event.seq >= event.seq) kept.delete(later.pop()!);
    if (event.seq <= (rows.get(channelId)?.[0] ?? 0)) continue;
    of(channelId).events.push(record);
    kept.add(record);
  }
  for (const record of retained) {
    if (isEvent(record) || isMark(record)) continue;
    of(record.channelId).follows.push(record.follow);
    kept.add(record);
  }
  for (const record of uncovered(retained)) {
    of(record.channelId).marks.push(record.mark);
    kept.add(record);
  }
  return { unflushed: retained.filter((record) => kept.has(record)), byChannel };
}

type Found = { events: EventRecord[]; marks: Mark[]; follows: FollowRecord["follow"][] };

/** The marks that move their member further than all later ones, oldest first. */
function uncovered(retained: readonly LogRecord[]): MarkRecord[] {
  const greatest = new Map<string, { delivered: number; read: number }>();
  return retained
    .filter(isMark)
    .reverse()
    .filter(({ channelId, mark: { userId, delivered = 0, read = 0 } }) => {
      const key = `${channelId}.${userId}`;
      const later = greatest.get(key) ?? { delivered: 0, read: 0 };
      greatest.set(key, {
        delivered: Math.max(later.delivered, delivered),
        read: Math.max(later.read, read),
      });
      return delivered > later.delivered || read > later.read;
    })
    .reverse();
}
