/**
 * The drift auditor (row C12): counts again what the tables say in numbers. Nothing is ever incremented, so nothing should
 * drift; the auditor is who would notice. A flush is one statement, and so is this: it never sees half of one.
 */

import { NOBODY } from "./channel-row.ts";
import type { Pool, Statement } from "./pools.ts";

/** Messages of a channel that are counted again: the newest, whose numbers move. Chosen: a page or two of each channel. */
const MESSAGES_PER_CHANNEL = 200;

/** How many rows say a number that a recount does not find, of how many. */
export type Drift = {
  channels: number;
  /** Of these, those whose message count is not the ordinal of the last message outside threads. */
  messageCounts: number;
  /** Those whose member count is not the number of active members. */
  memberCounts: number;
  /** Messages looked at: the newest of each channel. */
  messages: number;
  /** Of these, those whose reply count is not the number of replies. */
  replyCounts: number;
  /** Those whose summary of reactions is not what people have put on them. */
  reactions: number;
};

/** Audits up to `sampleMax` channels, those behind the last of the call before, from the start again after the last. Rejects with `StoreAway`. */
export type Audit = (sampleMax: number) => Promise<Drift>;

/** A deleted message keeps the reply count that it had (see `foldMessages`): it is not audited. */
const AUDIT: Statement = {
  name: "audit",
  text: `
    with sample as (
      select c.id, c.message_count, c.member_count from channels c where c.id > $1 order by c.id limit $2
    ), recounted as (
      select s.id,
        s.message_count <> coalesce((
          select m.ordinal from messages m where m.channel_id = s.id and m.thread_seq is null
          order by m.seq desc limit 1), 0) as message_count,
        s.member_count <> (
          select count(*) from channel_members m where m.channel_id = s.id and m.status = 'active') as member_count
      from sample s
    ), newest as (
      select m.* from sample s cross join lateral (
        select m.channel_id, m.seq, m.reply_count, m.reactions from messages m
        where m.channel_id = s.id and m.deleted_at_ms is null order by m.seq desc limit ${MESSAGES_PER_CHANNEL}
      ) m
    ), compared as (
      select
        n.reply_count <> (
          select count(*) from messages r where r.channel_id = n.channel_id and r.thread_seq = n.seq) as reply_count,
        coalesce((
          select jsonb_object_agg(k.emoji, k.count) from jsonb_to_recordset(n.reactions) as k (emoji text, count integer)
        ), '{}') <> coalesce((
          select jsonb_object_agg(r.emoji, r.count) from (
            select r.emoji, count(*) from reactions r
            where r.channel_id = n.channel_id and r.seq = n.seq group by r.emoji) r
        ), '{}') as reactions
      from newest n
    )
    select
      (select max(id::text) from sample) as last,
      (select count(*) from recounted) as channels,
      (select count(*) from recounted where message_count) as message_counts,
      (select count(*) from recounted where member_count) as member_counts,
      (select count(*) from compared) as messages,
      (select count(*) from compared where reply_count) as reply_counts,
      (select count(*) from compared where reactions) as reactions`,
};

type AuditRow = {
  last: string | null;
  channels: number;
  message_counts: number;
  member_counts: number;
  messages: number;
  reply_counts: number;
  reactions: number;
};

/** Over a pool for reading, of the primary or a replica: each is right at its own time. */
export function createAudit(pool: Pool): Audit {
  let last = NOBODY;
  return async (sampleMax) => {
    const [row] = await pool.rows<AuditRow>(AUDIT, [last, sampleMax]);
    const { channels, messages, reactions, message_counts, member_counts, reply_counts } = row!;
    last = channels < sampleMax ? NOBODY : (row!.last ?? NOBODY);
    return {
      channels,
      messageCounts: message_counts,
      memberCounts: member_counts,
      messages,
      replyCounts: reply_counts,
      reactions,
    };
  };
}
