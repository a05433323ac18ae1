/** Pages of messages: where one is cut, and what it holds. */
import { sql } from "kysely";
import type { PageQuery } from "../../gateway/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { MESSAGE_COLUMNS, type MessageRow, QUOTE_GONE, type QuoteGone, toMessage } from "./message-row.ts";
import type { Pool } from "./pools.ts";
import { sqlBuilder } from "./tables.ts";

export type Page = { messages: Message[]; hasOlder: boolean; hasNewer: boolean };

/** Where a page is cut: messages below `seq`, and from it on, so many of each. */
type Cut = { seq: number; below: number; from: number };

/** A page of the channel outside its threads, or of one thread. */
export async function readPage(pool: Pool, channelId: ChannelId, query: PageQuery): Promise<Page> {
  const { limit, threadSeq } = query;
  const cut = await cutOf(pool, channelId, query);
  const name = threadSeq === undefined ? "page" : "thread_page";
  const rows = await pool.select(name, around(channelId, query, cut));
  const older = rows.filter((row) => row.seq < cut.seq);
  const newer = rows.filter((row) => row.seq >= cut.seq);
  const wanted = share(query, limit, older.length, newer.length);
  const page = [...older.slice(older.length - wanted.older), ...newer.slice(0, wanted.newer)];
  return {
    messages: page.map(toSeen),
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

const SEEN_COLUMNS = MESSAGE_COLUMNS.map((column) => `m.${column}` as const);

/** A message's row, whether what it quotes is gone, and what whoever reads has put on it. */
type SeenRow = MessageRow & QuoteGone & { mine: string[] | null };

/** Messages of a channel as `reader` sees them, for `toSeen`: their own reactions come with the rows, not one by one. */
export function selectSeen(channelId: ChannelId, reader: UserId) {
  const mine = sql<string[] | null>`case when m.reactions is not null then (
    select array_agg(r.emoji) from reactions r
    where r.channel_id = m.channel_id and r.seq = m.seq and r.user_id = ${reader}) end`;
  return sqlBuilder
    .selectFrom("messages as m")
    .select(SEEN_COLUMNS)
    .select(mine.as("mine"))
    .select(sql.raw<boolean | null>(QUOTE_GONE).as("quote_gone"))
    .where("m.channel_id", "=", channelId);
}

export function toSeen(row: SeenRow): Message {
  return toMessage(row, row.mine);
}

/** Each side is one walk of an index: of what is outside threads, or of one thread's replies. */
function around(channelId: ChannelId, { threadSeq, upToSeq, reader }: PageQuery, cut: Cut) {
  const inPlace = () => {
    const seen = selectSeen(channelId, reader).where("m.seq", "<=", upToSeq);
    return threadSeq === undefined
      ? seen.where("m.thread_seq", "is", null)
      : seen.where("m.thread_seq", "=", threadSeq);
  };
  const older = inPlace().where("m.seq", "<", cut.seq).orderBy("m.seq", "desc").limit(cut.below);
  const newer = inPlace().where("m.seq", ">=", cut.seq).orderBy("m.seq").limit(cut.from);
  return sqlBuilder
    .selectFrom(older.as("older"))
    .selectAll()
    .unionAll(sqlBuilder.selectFrom(newer.as("newer")).selectAll())
    .orderBy("seq")
    .compile();
}
