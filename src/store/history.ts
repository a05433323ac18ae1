/** What was said, and what became of it: pages, changes, versions, pins, reactions, receipts, threads. */
import { sql } from "kysely";
import type { History, MessageVersion, Receipt } from "../../gateway/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { PINS_MAX } from "../../protocol/message.ts";
import { NOBODY } from "./channel-row.ts";
import { readPage, selectSeen, toSeen } from "./page.ts";
import type { Pool } from "./pools.ts";
import { IS_ACTIVE, sqlBuilder } from "./tables.ts";
import { isAway } from "./trouble.ts";

/** Replies that are looked at for who has written in a thread: the first ones. Chosen: some milliseconds. */
const REPLIES_LOOKED_AT_MAX = 10_000;

/** `replica`: serves pages up to the position that it has reached; the primary serves the rest. */
export function createHistory(primary: Pool, replica?: Pool): History {
  return {
    async page(channelId, query) {
      if (replica && (await hasReached(replica, channelId, query.upToSeq)))
        return readPage(replica, channelId, query);
      return readPage(primary, channelId, query);
    },
    async changed(channelId, since, limit, reader) {
      const [name, compiled] =
        "seq" in since
          ? (["changed_since_seq", changedAfter(channelId, since.seq, limit, reader)] as const)
          : (["changed_since_ms", changedSince(channelId, since.atMs, limit, reader)] as const);
      const rows = await primary.select(name, compiled);
      return rows.map(toSeen);
    },
    async versions(channelId, seq) {
      const rows = await primary.select("versions", versionsOf(channelId, seq));
      return rows.map(
        (row): MessageVersion => ({ content: row.content, by: row.by_user as UserId, atMs: row.at_ms }),
      );
    },
    async pins(channelId, reader) {
      const rows = await primary.select("pins", pinsOf(channelId, reader));
      return rows.map(toSeen);
    },
    async reactors(channelId, seq, limit) {
      const rows = await primary.select("reactors", reactorsOf(channelId, seq, limit));
      return rows.map((row) => ({ userId: row.user_id as UserId, emoji: row.emoji }));
    },
    async receipts(channelId, seq, page) {
      const rows = await primary.select("receipts", receiptsOf(channelId, seq, page));
      return rows.map(
        (row): Receipt => ({ userId: row.user_id as UserId, delivered: true, read: row.read_seq >= seq }),
      );
    },
    async thread(channelId, seq, reader, limit) {
      const [row] = await primary.select("thread", threadOf(channelId, seq, reader, limit));
      return {
        participants: (row?.participants ?? []) as UserId[],
        following: row?.following ?? false,
        readCount: row?.read_count ?? 0,
      };
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

function changedAfter(channelId: ChannelId, seq: number, limit: number, reader: UserId) {
  return selectSeen(channelId, reader)
    .where("m.updated_seq", ">", seq)
    .orderBy("m.updated_seq")
    .limit(limit)
    .compile();
}

/** What changed after a time has a position above the last message of that time; the time itself sorts out the rest. */
function changedSince(channelId: ChannelId, atMs: number, limit: number, reader: UserId) {
  return selectSeen(channelId, reader)
    .where("m.updated_seq", ">", sql<number>`message_seq_at(${channelId}, ${atMs})`)
    .where("m.updated_at_ms", ">", atMs)
    .orderBy("m.updated_seq")
    .limit(limit)
    .compile();
}

/** A message that nobody has changed is its only version. */
function versionsOf(channelId: ChannelId, seq: number) {
  const kept = sqlBuilder
    .selectFrom("message_edits as e")
    .where("e.channel_id", "=", channelId)
    .where("e.seq", "=", seq);
  const present = sqlBuilder
    .selectFrom("messages as m")
    .select(["m.content", "m.author_id as by_user", "m.at_ms", "m.seq as version_seq"])
    .where("m.channel_id", "=", channelId)
    .where("m.seq", "=", seq)
    .where("m.deleted_at_ms", "is", null)
    .where(({ not, exists }) => not(exists(kept.select("e.seq"))));
  return kept
    .select(["e.content", "e.by_user", "e.at_ms", "e.version_seq"])
    .unionAll(present)
    .orderBy("version_seq")
    .compile();
}

function pinsOf(channelId: ChannelId, reader: UserId) {
  return selectSeen(channelId, reader)
    .where("m.pinned_seq", "is not", null)
    .orderBy("m.pinned_seq", "desc")
    .limit(PINS_MAX)
    .compile();
}

function reactorsOf(channelId: ChannelId, seq: number, limit: number) {
  return sqlBuilder
    .selectFrom("reactions")
    .select(["user_id", "emoji"])
    .where("channel_id", "=", channelId)
    .where("seq", "=", seq)
    .orderBy("reacted_seq")
    .limit(limit)
    .compile();
}

/** Who has read a message has received it. */
function receiptsOf(
  channelId: ChannelId,
  seq: number,
  { afterUserId, limit }: { afterUserId?: UserId; limit: number },
) {
  return sqlBuilder
    .selectFrom("channel_members")
    .select(["user_id", "read_seq"])
    .where("channel_id", "=", channelId)
    .where(IS_ACTIVE)
    .where("user_id", ">", afterUserId ?? NOBODY)
    .where(({ eb, fn }) => eb(fn<number>("greatest", ["delivered_seq", "read_seq"]), ">=", seq))
    .orderBy("user_id")
    .limit(limit)
    .compile();
}

function threadOf(channelId: ChannelId, seq: number, reader: UserId, limit: number) {
  const first = sqlBuilder
    .selectFrom("messages")
    .select(["author_id", "seq"])
    .where("channel_id", "=", channelId)
    .where("thread_seq", "=", seq)
    .orderBy("seq")
    .limit(REPLIES_LOOKED_AT_MAX);
  const writers = sqlBuilder
    .selectFrom(first.as("first"))
    .select(["author_id", sql<number>`min(seq)`.as("since")])
    .groupBy("author_id")
    .orderBy("since")
    .limit(limit);
  const follow = sqlBuilder
    .selectFrom("thread_follows as f")
    .where("f.channel_id", "=", channelId)
    .where("f.seq", "=", seq)
    .where("f.user_id", "=", reader);
  return sqlBuilder
    .selectFrom(writers.as("w"))
    .select(sql<string[] | null>`array_agg(w.author_id order by w.since)`.as("participants"))
    .select(follow.select("f.following").as("following"))
    .select(follow.select("f.read_count").as("read_count"))
    .compile();
}
