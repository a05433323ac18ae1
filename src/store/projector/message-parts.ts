/**
 * The parts of a flush that write messages and what hangs on them. All look at `messages` as it was before the statement: a
 * change that a message's `updated_seq` has reached was written before, so no replay of any part of the log brings it back
 * (rule J1). What is deleted stays as it is.
 */
import { MESSAGES } from "./batch-arrays.ts";

/** What a shard's fence does not let through leaves no trace (rule P1). */
export const LET_THROUGH = "w.shard in (select moved.shard from moved)";

const STORED_AS_SENT = MESSAGES.map(([name]) => name).filter(
  (name) => name !== "shard" && name !== "sent_hash",
);

/** A message's content, which a deletion takes away, as the batch changes it; the rest of the row says who, where and when. */
const CONTENT = [
  ["html", "coalesce(w.html, m.html)", "''"],
  ["content", "coalesce(w.content, m.content)", "''"],
  ["language", "m.language"],
  ["filename", "m.filename"],
  ["mentions", "m.mentions"],
  ["attachments", "nullif(coalesce(w.attachments, m.attachments), '[]')"],
  ["preview", "coalesce(w.preview, m.preview)"],
  ["encryption", "m.encryption"],
  ["metadata", "m.metadata"],
  [
    "reactions",
    "case when w.reactions is null then m.reactions else merge_reactions(m.reactions, w.reactions) end",
  ],
  ["pinned", "coalesce(w.pinned_seq > 0, m.pinned)", "false"],
  ["pinned_seq", "nullif(coalesce(w.pinned_seq, m.pinned_seq), 0)"],
] as const;
const contentAfter = CONTENT.map(
  ([name, changed, taken = "null"]) =>
    `${name} = case when w.deleted_at_ms is null then ${changed} else ${taken} end`,
);

/** A message that is known and not behind the change `w`: then the change is nothing new. */
const knows = (seq: string) => `exists (
      select from messages m where m.channel_id = w.channel_id and m.seq = w.seq and m.updated_seq >= w.${seq})`;

/** `unnest(…) as w (…)` of each kind of row. */
export function messageParts(from: {
  messages: string;
  changes: string;
  versions: string;
  reactions: string;
  mentions: string;
}): string {
  return `
  stored as (
    insert into messages (${STORED_AS_SENT.join(", ")}, sent_hash)
    select ${STORED_AS_SENT.map((name) => `w.${name}`).join(", ")}, decode(w.sent_hash, 'hex')
    from ${from.messages} where ${LET_THROUGH}
    on conflict (channel_id, seq) do nothing
  ), altering as (
    select w.* from ${from.changes} where ${LET_THROUGH}
  ), altered as (
    update messages m set ${contentAfter.join(", ")},
      edited_at_ms = coalesce(w.edited_at_ms, m.edited_at_ms), deleted_at_ms = w.deleted_at_ms,
      reply_count = greatest(w.reply_count, m.reply_count),
      last_reply_at_ms = coalesce(w.last_reply_at_ms, m.last_reply_at_ms),
      updated_seq = w.updated_seq, updated_at_ms = w.updated_at_ms
    from altering w
    where m.channel_id = w.channel_id and m.seq = w.seq and m.updated_seq < w.updated_seq and m.deleted_at_ms is null
  ), ${versionPart(from.versions)}, ${reactionParts(from.reactions)}, mentioned as (
    insert into mentions (channel_id, user_id, seq) select w.channel_id, w.user_id, w.seq
    from ${from.mentions} where ${LET_THROUGH}
    on conflict do nothing
  )`;
}

/** Before its first change, a message in Postgres holds the text as sent; after that, this text is kept already. */
function versionPart(versions: string): string {
  return `versioned as (
    insert into message_edits (channel_id, seq, version_seq, by_user, at_ms, content)
    select w.channel_id, w.seq, w.version_seq, w.by_user, w.at_ms, w.content
    from ${versions} where ${LET_THROUGH}
    union all
    select m.channel_id, m.seq, m.seq, m.author_id, m.at_ms, m.content
    from altering w join messages m on m.channel_id = w.channel_id and m.seq = w.seq
    where (w.content is not null or w.deleted_at_ms is not null) and m.deleted_at_ms is null
    on conflict do nothing
  )`;
}

/** A message that is deleted in the batch brings none of its reactions along, so that no row is written twice. */
function reactionParts(reactions: string): string {
  return `reacting as (
    select w.* from ${reactions} where ${LET_THROUGH} and not ${knows("reacted_seq")}
  ), reacted as (
    insert into reactions (channel_id, seq, user_id, emoji, reacted_seq)
    select w.channel_id, w.seq, w.user_id, w.emoji, w.reacted_seq from reacting w where w.is_there
    on conflict (channel_id, seq, user_id, emoji) do update set reacted_seq = excluded.reacted_seq
  ), withdrawn as (
    delete from reactions r using reacting w
    where not w.is_there and r.channel_id = w.channel_id and r.seq = w.seq
      and r.user_id = w.user_id and r.emoji = w.emoji
  ), cleared as (
    delete from reactions r using altering w
    where w.deleted_at_ms is not null and r.channel_id = w.channel_id and r.seq = w.seq
  )`;
}

/** What people have to do with threads: see `FollowChange`. */
export function followParts(follows: string): string {
  return `followed as (
    insert into thread_follows as t (channel_id, seq, user_id, following, at_ms, read_count)
    select w.channel_id, w.seq, w.user_id, w.following, w.at_ms, w.read_count
    from ${follows} where ${LET_THROUGH}
    on conflict (channel_id, seq, user_id) do update set
      following = case when excluded.at_ms > t.at_ms then excluded.following
        when excluded.at_ms = t.at_ms then t.following or excluded.following else t.following end,
      at_ms = greatest(t.at_ms, excluded.at_ms), read_count = greatest(t.read_count, excluded.read_count)
  )`;
}
