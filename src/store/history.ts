/** Messages of the past: pages and changes. */
import { sql } from "kysely";
import type { History, PageQuery } from "../../gateway/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { MESSAGE_COLUMNS, toMessage } from "./message-row.ts";
import type { Pool } from "./pools.ts";
import { sqlBuilder } from "./tables.ts";
import { isAway } from "./trouble.ts";

type Page = { messages: Message[]; hasOlder: boolean; hasNewer: boolean };

/** Where a page is cut: messages below `seq`, and from it on, so many of each. */
type Cut = { seq: number; below: number; from: number };

/** `replica`: serves pages up to the position that it has reached; the primary serves the rest. */
export function createHistory(primary: Pool, replica?: Pool): History {
  return {
    async page(channelId, query) {
      if (replica && (await hasReached(replica, channelId, query.upToSeq)))
        return readPage(replica, channelId, query);
      return readPage(primary, channelId, query);
    },
    async changed(channelId, since, limit) {
      const [name, compiled] =
        "seq" in since
          ? (["changed_since_seq", changedAfter(channelId, since.seq, limit)] as const)
          : (["changed_since_ms", changedSince(channelId, since.atMs, limit)] as const);
      const rows = await primary.select(name, compiled);
      return rows.map(toMessage);
    },
  };
}

/** A replica only ever goes forward, so what it has reached now it still has when the page is read. Away: it has not. */
async function hasReached(replica: Pool, channelId: ChannelId, seq: number): Promise<boolean> {
  try {
    const [channel] = await replica.select(
      "reached",
      sqlBuilder.selectFrom("channels").select("seq").where("id", "=", channelId).compile(),
    );
    return channel !== undefined && channel.seq >= seq;
  } catch (error) {
    if (isAway(error)) return false;
    throw error;
  }
}

async function readPage(pool: Pool, channelId: ChannelId, query: PageQuery): Promise<Page> {
  const { limit, upToSeq } = query;
  const cut = await cutOf(pool, channelId, query);
  const rows = await pool.select("page", around(channelId, cut, upToSeq));
  const older = rows.filter((row) => row.seq < cut.seq);
  const newer = rows.filter((row) => row.seq >= cut.seq);
  const wanted = share(query, limit, older.length, newer.length);
  const page = [...older.slice(older.length - wanted.older), ...newer.slice(0, wanted.newer)];
  return {
    messages: page.map(toMessage),
    hasOlder: older.length > wanted.older,
    hasNewer: newer.length > wanted.newer,
  };
}

/** One more than wanted tells that there is more; one on the other side, that there is something. */
async function cutOf(pool: Pool, channelId: ChannelId, query: PageQuery): Promise<Cut> {
  const { limit, upToSeq } = query;
  const seq = await pivot(pool, channelId, query);
  if (query.afterSeq !== undefined) return { seq, below: 1, from: limit + 1 };
  if (isAround(query)) return { seq, below: limit + 1, from: limit + 1 };
  return { seq: Math.min(seq, upToSeq + 1), below: limit + 1, from: 1 };
}

/** The first seq on the newer side of the cut. */
async function pivot(pool: Pool, channelId: ChannelId, query: PageQuery): Promise<number> {
  if (query.afterSeq !== undefined) return query.afterSeq + 1;
  if (query.beforeSeq !== undefined) return query.beforeSeq;
  if (query.aroundSeq !== undefined) return query.aroundSeq;
  if (query.aroundMs === undefined) return query.upToSeq + 1;
  // The first message at that time or later follows the last one before it.
  const before = sqlBuilder.selectNoFrom(
    sql<number>`message_seq_at(${channelId}, ${query.aroundMs - 1})`.as("seq"),
  );
  const [row] = await pool.select("seq_at", before.compile());
  return row!.seq + 1;
}

function isAround(query: PageQuery): boolean {
  return query.aroundSeq !== undefined || query.aroundMs !== undefined;
}

/** How many of each side make the page: half and half around a point, and what one side lacks the other gives. */
function share(
  query: PageQuery,
  limit: number,
  older: number,
  newer: number,
): { older: number; newer: number } {
  if (query.afterSeq !== undefined) return { older: 0, newer: Math.min(newer, limit) };
  if (!isAround(query)) return { older: Math.min(older, limit), newer: 0 };
  const half = Math.floor(limit / 2);
  const olderWanted = Math.min(older, Math.max(half, limit - newer));
  return { older: olderWanted, newer: Math.min(newer, limit - olderWanted) };
}

function selectMessages(channelId: ChannelId) {
  return sqlBuilder.selectFrom("messages").select(MESSAGE_COLUMNS).where("channel_id", "=", channelId);
}

function around(channelId: ChannelId, cut: Cut, upToSeq: number) {
  const older = selectMessages(channelId)
    .where("seq", "<", cut.seq)
    .where("seq", "<=", upToSeq)
    .orderBy("seq", "desc")
    .limit(cut.below);
  const newer = selectMessages(channelId)
    .where("seq", ">=", cut.seq)
    .where("seq", "<=", upToSeq)
    .orderBy("seq")
    .limit(cut.from);
  return sqlBuilder
    .selectFrom(older.as("older"))
    .select(MESSAGE_COLUMNS)
    .unionAll(sqlBuilder.selectFrom(newer.as("newer")).select(MESSAGE_COLUMNS))
    .orderBy("seq")
    .compile();
}

function changedAfter(channelId: ChannelId, seq: number, limit: number) {
  return selectMessages(channelId)
    .where("updated_seq", ">", seq)
    .orderBy("updated_seq")
    .limit(limit)
    .compile();
}

/** What changed after a time has a position above the last message of that time; the time itself sorts out the rest. */
function changedSince(channelId: ChannelId, atMs: number, limit: number) {
  return selectMessages(channelId)
    .where("updated_seq", ">", sql<number>`message_seq_at(${channelId}, ${atMs})`)
    .where("updated_at_ms", ">", atMs)
    .orderBy("updated_seq")
    .limit(limit)
    .compile();
}
