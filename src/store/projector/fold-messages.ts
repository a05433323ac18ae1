/**
 * Folds what happens to messages. A message that the batch brings is put together by the fold that every reader shares; of all
 * others the batch knows only what changes, and Postgres lays that over the rest.
 */
import type { EventRecord } from "../../../actors/ports.ts";
import type { ChannelEvent } from "../../../protocol/events.ts";
import { deletedBy, foldMessages } from "../../../protocol/fold.ts";
import { type MessageId, parseMessageId } from "../../../protocol/ids.ts";
import type { Message } from "../../../protocol/message.ts";
import { fromMessage, type ReactionColumn } from "../message-row.ts";
import {
  EVERYONE,
  type MentionInsert,
  type MessageChange,
  type MessageInsert,
  type Reacted,
  type ReactionChange,
  type Rows,
  type VersionInsert,
} from "./rows.ts";

type Of<T extends ChannelEvent["type"]> = Extract<ChannelEvent, { type: T }>;
/** How a message came: what its row keeps of that. */
type Origin = { shard: number; epoch: number; sentHash: string | null; event: Of<"message:new"> };

export type MessagesFold = {
  origins: Map<MessageId, Origin>;
  /** Those of the batch, as they stand. */
  messages: Map<MessageId, Message>;
  changes: Map<MessageId, MessageChange>;
  /** By message and the event that brought the text. */
  versions: Map<string, VersionInsert>;
  /** By message, then by person and emoji. */
  reactions: Map<MessageId, Map<string, Reacted>>;
  mentions: MentionInsert[];
};

export function noMessages(): MessagesFold {
  return {
    origins: new Map(),
    messages: new Map(),
    changes: new Map(),
    versions: new Map(),
    reactions: new Map(),
    mentions: [],
  };
}

type MessageEvent = Of<
  | "message:new"
  | "message:updated"
  | "message:deleted"
  | "message:pinned"
  | "message:unpinned"
  | "reaction:added"
  | "reaction:removed"
>;

/** `event` is that of `record`. */
export function foldMessageEvent(
  fold: MessagesFold,
  shard: number,
  record: EventRecord,
  event: MessageEvent,
): void {
  switch (event.type) {
    case "message:new":
      foldNew(fold, shard, record, event);
      break;
    case "message:updated":
      foldUpdate(fold, shard, event);
      break;
    case "message:deleted":
      for (const id of deletedBy(event)) foldDeletion(fold, shard, id, event);
      break;
    case "message:pinned":
      change(fold, shard, event.messageId, event, { pinnedSeq: event.seq });
      break;
    case "message:unpinned":
      change(fold, shard, event.messageId, event, { pinnedSeq: 0 });
      break;
    case "reaction:added":
    case "reaction:removed":
      foldReaction(fold, shard, event);
      break;
  }
  foldMessages(fold.messages, event, undefined);
}

/** Rows of the batch, none twice. */
export function messageRows(
  fold: MessagesFold,
): Pick<Rows, "messages" | "changes" | "versions" | "reactions" | "mentions"> {
  return {
    messages: [...fold.origins].map(([id, origin]) => toInsert(fold, id, origin)),
    changes: [...fold.changes.values()],
    versions: [...fold.versions.values()],
    reactions: [...fold.reactions.values()].flatMap((ofMessage) => [...ofMessage.values()]),
    mentions: fold.mentions,
  };
}

function toInsert(fold: MessagesFold, id: MessageId, origin: Origin): MessageInsert {
  const { shard, epoch, sentHash, event } = origin;
  const changed = fold.changes.get(id);
  return {
    ...fromMessage(fold.messages.get(id)!),
    // As it was quoted: who reads looks whether that stands, since a deletion that comes later changes no row but its own.
    reply_to: event.message.replyTo ?? null,
    reactions: toColumn(changed),
    shard,
    epoch,
    sent_hash: sentHash,
    pinned_seq: changed?.pinnedSeq || null,
    updated_seq: changed?.updatedSeq ?? event.seq,
    updated_at_ms: changed?.updatedAtMs ?? event.atMs,
  };
}

/** All that is on a message, since nothing was on it before the batch. */
function toColumn(changed: MessageChange | undefined): ReactionColumn[] | null {
  if (!changed?.reactions || changed.deletedAtMs !== undefined) return null;
  const there = [...changed.reactions.values()].filter(({ count }) => count > 0);
  if (there.length === 0) return null;
  return there
    .map((reaction) => ({ ...reaction, since: reaction.since ?? 0 }))
    .sort((a, b) => a.since - b.since);
}

/** Lays `changes` over what the batch knows of the message; undefined: it was deleted, and nothing changes it any more. */
function change(
  fold: MessagesFold,
  shard: number,
  id: MessageId,
  event: ChannelEvent,
  changes: Partial<MessageChange>,
): MessageChange | undefined {
  const known = fold.changes.get(id);
  if (known?.deletedAtMs !== undefined) return undefined;
  const changed = known ?? { shard, ...parseMessageId(id), updatedSeq: 0, updatedAtMs: 0 };
  Object.assign(changed, changes, { updatedSeq: event.seq, updatedAtMs: event.atMs });
  fold.changes.set(id, changed);
  return changed;
}

function foldNew(fold: MessagesFold, shard: number, record: EventRecord, event: Of<"message:new">): void {
  const { message, thread } = event;
  fold.origins.set(message.id, { shard, epoch: record.epoch, sentHash: record.sentHash ?? null, event });
  foldMentions(fold, shard, message);
  if (thread === undefined) return;
  const { replyCount, lastReplyAtMs } = thread;
  change(fold, shard, thread.id, event, { replyCount, lastReplyAtMs });
}

function foldMentions(fold: MessagesFold, shard: number, { channelId, seq, mentions }: Message): void {
  // A message mentions a person once: one that calls everyone names nobody besides.
  const isForAll = mentions.some(({ kind }) => kind !== "user");
  const people = new Set(isForAll ? [EVERYONE] : mentions.flatMap(({ userId }) => userId ?? []));
  for (const userId of people) fold.mentions.push({ shard, channelId, userId, seq });
}

function foldUpdate(fold: MessagesFold, shard: number, event: Of<"message:updated">): void {
  const { content, html, editedAtMs, preview, attachments, messageId: id } = event;
  const changed = change(fold, shard, id, event, {
    ...(content !== undefined && { content }),
    ...(html !== undefined && { html }),
    ...(editedAtMs !== undefined && { editedAtMs }),
    ...(preview && { preview }),
    ...(attachments && { attachments }),
  });
  if (changed === undefined || content === undefined) return;
  keepFirstText(fold, id);
  const { seq: versionSeq, by: byUser, atMs } = event;
  const { channelId, seq } = changed;
  keepText(fold, id, { shard, channelId, seq, versionSeq, byUser, atMs, content });
}

/** The text as sent, of a message that the batch brings; of others, Postgres has it. */
function keepFirstText(fold: MessagesFold, id: MessageId): void {
  const origin = fold.origins.get(id);
  if (origin === undefined) return;
  const { shard, event } = origin;
  const { channelId, seq, authorId: byUser, atMs, content } = event.message;
  keepText(fold, id, { shard, channelId, seq, versionSeq: seq, byUser, atMs, content });
}

function keepText(fold: MessagesFold, id: MessageId, version: VersionInsert): void {
  fold.versions.set(`${id} ${version.versionSeq}`, version);
}

/** Content goes; who, where and when stay. What people put on it goes as well. */
function foldDeletion(fold: MessagesFold, shard: number, id: MessageId, event: Of<"message:deleted">): void {
  const known = fold.changes.get(id);
  if (known?.deletedAtMs !== undefined) return;
  keepFirstText(fold, id);
  fold.reactions.delete(id);
  const { editedAtMs, replyCount, lastReplyAtMs } = known ?? {};
  fold.changes.delete(id);
  change(fold, shard, id, event, { editedAtMs, replyCount, lastReplyAtMs, deletedAtMs: event.atMs });
}

function foldReaction(
  fold: MessagesFold,
  shard: number,
  event: Of<"reaction:added" | "reaction:removed">,
): void {
  const { messageId: id, emoji, by, seq: reactedSeq } = event;
  const changed = change(fold, shard, id, event, {});
  if (changed === undefined) return;
  changed.reactions ??= new Map();
  changed.reactions.set(emoji, reactionAfter(changed.reactions.get(emoji), event));
  const { channelId, seq } = changed;
  const reacted = {
    shard,
    channelId,
    seq,
    userId: by,
    emoji,
    reactedSeq,
    isThere: event.type === "reaction:added",
  };
  const ofMessage = fold.reactions.get(id) ?? new Map<string, Reacted>();
  ofMessage.set(`${by} ${emoji}`, reacted);
  fold.reactions.set(id, ofMessage);
}

/** The first person who puts an emoji on a message gives it its place; it loses it with the last one. */
function reactionAfter(
  before: ReactionChange | undefined,
  { type, seq, emoji, count, recent }: Of<"reaction:added" | "reaction:removed">,
): ReactionChange {
  const isFirst = type === "reaction:added" && count === 1;
  const since = isFirst ? seq : count === 0 ? undefined : before?.since;
  return { emoji, count, recent, ...(since !== undefined && { since }) };
}
