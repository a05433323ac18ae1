/** How rows travel to Postgres: one array per column, `unnest`ed there. One table per kind of row says both sides. */
import { fromEnd } from "../channel-row.ts";
import type {
  ChannelChange,
  FollowChange,
  MemberChange,
  MentionInsert,
  MessageChange,
  MessageInsert,
  Reacted,
  VersionInsert,
} from "./rows.ts";

/** A column: its name and type in the statement, and where its value comes from. */
export type Column<R> = readonly [
  name: string,
  type: "integer" | "bigint" | "boolean" | "text" | "uuid" | "jsonb",
  of: (row: R) => unknown,
];

/** jsonb as text: pg would write a list inside a list as an array of Postgres. */
const json = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value));

export const CHANNELS: readonly Column<ChannelChange>[] = [
  ["shard", "integer", (row) => row.shard],
  ["id", "uuid", (row) => row.id],
  ["seq", "bigint", (row) => row.seq],
  ["epoch", "bigint", (row) => row.epoch],
  ["last_at_ms", "bigint", (row) => row.lastAtMs],
  ["reigns", "jsonb", (row) => json(row.reigns)],
  ["member_count", "integer", (row) => row.memberCount],
  ["message_count", "bigint", (row) => row.messageCount],
  ["last_message_at_ms", "bigint", (row) => row.lastMessageAtMs],
  ["kind", "text", (row) => row.channel?.kind],
  ["space_id", "uuid", (row) => row.channel?.spaceId],
  ["name", "text", (row) => row.channel?.name],
  ["description", "text", (row) => row.channel?.description],
  ["settings", "jsonb", (row) => json(row.channel?.settings)],
  ["archived", "boolean", (row) => row.channel?.archived],
  ["slowed", "jsonb", (row) => json(row.channel?.slowed)],
  ["slug", "text", (row) => row.channel?.slug],
  ["language", "text", (row) => row.channel?.language],
  ["created_at_ms", "bigint", (row) => row.createdAtMs],
];

const marks: readonly Column<MemberChange>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channelId],
  ["user_id", "uuid", (row) => row.userId],
  ["last_sent_at_ms", "bigint", (row) => row.lastSentAtMs],
  ["delivered_seq", "bigint", (row) => row.deliveredSeq],
  ["read_seq", "bigint", (row) => row.readSeq],
  ["read_count", "bigint", (row) => row.readCount],
];

/** Members about whom the batch holds no more than how far they have got. */
export const MARKS = marks;

export const MEMBERS: readonly Column<MemberChange>[] = [
  ...marks,
  ["head_seq", "bigint", (row) => row.headSeq],
  ["updated_seq", "bigint", (row) => row.updated?.seq],
  ["role", "text", (row) => row.updated?.member.role],
  ["status", "text", (row) => row.updated?.member.status],
  ["overrides", "jsonb", (row) => json(row.updated?.member.overrides)],
  ["muted_until_ms", "bigint", (row) => fromEnd(row.updated?.member.mutedUntilMs)],
  ["banned_until_ms", "bigint", (row) => fromEnd(row.updated?.member.bannedUntilMs)],
  ["joined_at_ms", "bigint", (row) => row.updated?.member.joinedAtMs],
];

export const MESSAGES: readonly Column<MessageInsert>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channel_id],
  ["seq", "bigint", (row) => row.seq],
  ["epoch", "bigint", (row) => row.epoch],
  ["ordinal", "bigint", (row) => row.ordinal],
  ["author_id", "uuid", (row) => row.author_id],
  ["client_id", "uuid", (row) => row.client_id],
  ["sent_hash", "text", (row) => row.sent_hash],
  ["type", "text", (row) => row.type],
  ["content", "text", (row) => row.content],
  ["html", "text", (row) => row.html],
  ["language", "text", (row) => row.language],
  ["filename", "text", (row) => row.filename],
  ["mentions", "jsonb", (row) => json(row.mentions)],
  ["attachments", "jsonb", (row) => json(row.attachments)],
  ["preview", "jsonb", (row) => json(row.preview)],
  ["reply_to", "jsonb", (row) => json(row.reply_to)],
  ["thread_seq", "bigint", (row) => row.thread_seq],
  ["reply_count", "integer", (row) => row.reply_count],
  ["last_reply_at_ms", "bigint", (row) => row.last_reply_at_ms],
  ["pinned", "boolean", (row) => row.pinned],
  ["pinned_seq", "bigint", (row) => row.pinned_seq],
  ["reactions", "jsonb", (row) => json(row.reactions)],
  ["edited_at_ms", "bigint", (row) => row.edited_at_ms],
  ["deleted_at_ms", "bigint", (row) => row.deleted_at_ms],
  ["at_ms", "bigint", (row) => row.at_ms],
  ["encryption", "jsonb", (row) => json(row.encryption)],
  ["metadata", "jsonb", (row) => json(row.metadata)],
  ["updated_seq", "bigint", (row) => row.updated_seq],
  ["updated_at_ms", "bigint", (row) => row.updated_at_ms],
];

export const CHANGES: readonly Column<MessageChange>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channelId],
  ["seq", "bigint", (row) => row.seq],
  ["updated_seq", "bigint", (row) => row.updatedSeq],
  ["updated_at_ms", "bigint", (row) => row.updatedAtMs],
  ["content", "text", (row) => row.content],
  ["html", "text", (row) => row.html],
  ["edited_at_ms", "bigint", (row) => row.editedAtMs],
  ["preview", "jsonb", (row) => json(row.preview)],
  ["attachments", "jsonb", (row) => json(row.attachments)],
  ["pinned_seq", "bigint", (row) => row.pinnedSeq],
  ["deleted_at_ms", "bigint", (row) => row.deletedAtMs],
  ["reactions", "jsonb", (row) => json(row.reactions && [...row.reactions.values()])],
  ["reply_count", "integer", (row) => row.replyCount],
  ["last_reply_at_ms", "bigint", (row) => row.lastReplyAtMs],
];

export const VERSIONS: readonly Column<VersionInsert>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channelId],
  ["seq", "bigint", (row) => row.seq],
  ["version_seq", "bigint", (row) => row.versionSeq],
  ["by_user", "uuid", (row) => row.byUser],
  ["at_ms", "bigint", (row) => row.atMs],
  ["content", "text", (row) => row.content],
];

export const REACTIONS: readonly Column<Reacted>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channelId],
  ["seq", "bigint", (row) => row.seq],
  ["user_id", "uuid", (row) => row.userId],
  ["emoji", "text", (row) => row.emoji],
  ["reacted_seq", "bigint", (row) => row.reactedSeq],
  ["is_there", "boolean", (row) => row.isThere],
];

export const MENTIONS: readonly Column<MentionInsert>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channelId],
  ["user_id", "uuid", (row) => row.userId],
  ["seq", "bigint", (row) => row.seq],
];

export const FOLLOWS: readonly Column<FollowChange>[] = [
  ["shard", "integer", (row) => row.shard],
  ["channel_id", "uuid", (row) => row.channelId],
  ["seq", "bigint", (row) => row.seq],
  ["user_id", "uuid", (row) => row.userId],
  ["following", "boolean", (row) => row.following],
  ["at_ms", "bigint", (row) => row.atMs],
  ["read_count", "bigint", (row) => row.readCount],
];

/** `unnest($7::uuid[], …) as w (id, …)`: the rows that `arrays` sends as parameters from `first` on. */
export function unnest<R>(columns: readonly Column<R>[], first: number): string {
  const parameters = columns.map(([, type], i) => `$${first + i}::${type}[]`);
  return `unnest(${parameters.join(", ")}) as w (${columns.map(([name]) => name).join(", ")})`;
}

export function arrays<R>(columns: readonly Column<R>[], rows: readonly R[]): unknown[] {
  return columns.map(([, , of]) => rows.map((row) => of(row) ?? null));
}
