/** A row of `messages` and the `Message` it stands for: the one mapping, both ways. */
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import { messageId, parseMessageId } from "../../protocol/ids.ts";
import type { Message, MessageType } from "../../protocol/message.ts";

/** How one emoji stands on a message. `since`: the seq with which it appeared, and the order of the list. */
export type ReactionColumn = { emoji: string; count: number; recent: UserId[]; since: number };

/** The columns that a `Message` needs. Absent things are null, empty lists and bags as well. */
export type MessageRow = {
  channel_id: string;
  seq: number;
  ordinal: number;
  author_id: string;
  client_id: string;
  type: string;
  content: string;
  html: string;
  language: string | null;
  filename: string | null;
  mentions: Message["mentions"] | null;
  attachments: Message["attachments"] | null;
  preview: NonNullable<Message["preview"]> | null;
  reply_to: NonNullable<Message["replyTo"]> | null;
  thread_seq: number | null;
  reply_count: number;
  last_reply_at_ms: number | null;
  pinned: boolean;
  reactions: ReactionColumn[] | null;
  edited_at_ms: number | null;
  deleted_at_ms: number | null;
  at_ms: number;
  encryption: NonNullable<Message["encryption"]> | null;
  metadata: Message["metadata"] | null;
};

/**
 * For `select` beside the columns: is what the message `m` quotes deleted? One look-up by primary key, for those that quote; a
 * reply and what it quotes are of one channel.
 */
export const QUOTE_GONE = `case when m.reply_to is not null then (
  select q.deleted_at_ms is not null from messages q
  where q.channel_id = m.channel_id and q.seq = split_part(m.reply_to ->> 'id', '.', 2)::bigint) end`;

/** What reading brings with it. */
export type QuoteGone = { quote_gone: boolean | null };

/** For `select`. */
export const MESSAGE_COLUMNS = [
  "channel_id",
  "seq",
  "ordinal",
  "author_id",
  "client_id",
  "type",
  "content",
  "html",
  "language",
  "filename",
  "mentions",
  "attachments",
  "preview",
  "reply_to",
  "thread_seq",
  "reply_count",
  "last_reply_at_ms",
  "pinned",
  "reactions",
  "edited_at_ms",
  "deleted_at_ms",
  "at_ms",
  "encryption",
  "metadata",
] as const satisfies readonly (keyof MessageRow)[];

/**
 * `mine`: emojis of whoever reads, which are marked `me`. A deleted message is a stub, the same that the fold leaves: who,
 * where and when, and nothing of what was said. Nor does anything say what is quoted of a deleted one (row C6).
 */
export function toMessage(row: MessageRow & QuoteGone, mine: readonly string[] | null = null): Message {
  const channelId = row.channel_id as ChannelId;
  const deleted = row.deleted_at_ms !== null;
  const message: Message = {
    id: messageId(channelId, row.seq),
    channelId,
    seq: row.seq,
    ordinal: row.ordinal,
    authorId: row.author_id as UserId,
    clientId: row.client_id as ClientId,
    type: row.type as MessageType,
    content: deleted ? "" : row.content,
    html: deleted ? "" : row.html,
    mentions: (deleted ? null : row.mentions) ?? [],
    attachments: (deleted ? null : row.attachments) ?? [],
    replyCount: row.reply_count,
    reactions: (deleted ? null : row.reactions)?.map((reaction) => toReaction(reaction, mine)) ?? [],
    pinned: row.pinned && !deleted,
    atMs: row.at_ms,
    metadata: (deleted ? null : row.metadata) ?? {},
  };
  if (row.thread_seq !== null) message.threadId = messageId(channelId, row.thread_seq);
  if (row.reply_to !== null)
    message.replyTo = deleted || row.quote_gone ? { ...row.reply_to, excerpt: "" } : row.reply_to;
  if (row.last_reply_at_ms !== null) message.lastReplyAtMs = row.last_reply_at_ms;
  if (row.edited_at_ms !== null) message.editedAtMs = row.edited_at_ms;
  if (row.deleted_at_ms !== null) message.deletedAtMs = row.deleted_at_ms;
  else addContents(message, row);
  return message;
}

function addContents(message: Message, row: MessageRow): void {
  if (row.language !== null) message.language = row.language;
  if (row.filename !== null) message.filename = row.filename;
  if (row.preview !== null) message.preview = row.preview;
  if (row.encryption !== null) message.encryption = row.encryption;
}

function toReaction({ emoji, count, recent }: ReactionColumn, mine: readonly string[] | null) {
  return { emoji, count, recent, ...(mine?.includes(emoji) && { me: true }) };
}

/** Its reactions apart: when each appeared, the message does not say. */
export function fromMessage(message: Message): Omit<MessageRow, "reactions"> {
  return {
    channel_id: message.channelId,
    seq: message.seq,
    ordinal: message.ordinal,
    author_id: message.authorId,
    client_id: message.clientId,
    type: message.type,
    content: message.content,
    html: message.html,
    language: message.language ?? null,
    filename: message.filename ?? null,
    mentions: message.mentions.length > 0 ? message.mentions : null,
    attachments: message.attachments.length > 0 ? message.attachments : null,
    preview: message.preview ?? null,
    reply_to: message.replyTo ?? null,
    thread_seq: message.threadId === undefined ? null : parseMessageId(message.threadId).seq,
    reply_count: message.replyCount,
    last_reply_at_ms: message.lastReplyAtMs ?? null,
    pinned: message.pinned,
    edited_at_ms: message.editedAtMs ?? null,
    deleted_at_ms: message.deletedAtMs ?? null,
    at_ms: message.atMs,
    encryption: message.encryption ?? null,
    metadata: Object.keys(message.metadata).length > 0 ? message.metadata : null,
  };
}
