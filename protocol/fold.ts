/**
 * How events become state: the one apply() that the channel's owner and every reader share. Pure but for the fold that it
 * is given, and at home in a browser. It never refuses: what the rules forbid was refused before it became an event.
 */
import { assert } from "../src/lib/assert.ts";
import type { Channel } from "./channel.ts";
import type { ChannelEvent, ChannelEvents } from "./events.ts";
import type { MessageId, UserId } from "./ids.ts";
import type { Message } from "./message.ts";

/** Where a channel stands after its last event. */
export type ChannelFold = {
  /** As its last event left it, `seq`, `epoch` and `memberCount` apart; undefined before `channel:created`. */
  channel: Channel | undefined;
  /** Position of the last event; (0, 0) before the first (rule I1). */
  seq: number;
  epoch: number;
  /** Active members. */
  memberCount: number;
  /** Messages ever sent, replies in threads not counted: the ordinal of the last one. */
  messageCount: number;
};

/** A channel that nothing has happened in. */
export function unwritten(): ChannelFold {
  return { channel: undefined, seq: 0, epoch: 0, memberCount: 0, messageCount: 0 };
}

/** The channel as its fold stands, as an object of the caller's own. */
export function channelOf(fold: Readonly<ChannelFold>): Channel | undefined {
  const { channel, seq, epoch, memberCount } = fold;
  return channel && { ...channel, seq, epoch, memberCount };
}

/** Moves `fold` past its next event, in place. Throws where the event does not follow. */
export function foldChannel(fold: ChannelFold, epoch: number, event: ChannelEvent): void {
  assert(event.seq === fold.seq + 1, `event ${event.seq} follows ${fold.seq}`);
  assert(epoch >= fold.epoch, `epoch ${epoch} follows ${fold.epoch}`);
  fold.seq = event.seq;
  fold.epoch = epoch;
  switch (event.type) {
    case "message:new":
      if (event.message.threadId === undefined) fold.messageCount = event.message.ordinal;
      break;
    case "member:joined":
    case "member:left":
    case "member:updated":
      fold.memberCount = event.memberCount;
      break;
    case "channel:created":
    case "channel:updated":
    case "channel:archived":
      fold.channel = event.channel;
      break;
  }
}

/** A channel as one person reads it: what they hold of its messages, kept up to date by `foldEnvelope`. */
export type ReaderFold = ChannelFold & {
  readonly me: UserId;
  /** Those loaded, in any part of the history; events about others pass by. */
  readonly messages: Map<MessageId, Message>;
};

/**
 * What became of an envelope (rules I1, S2). `folded`: at least one event was new. `known`: nothing was. `gap`: events are
 * missing before it; nothing was folded, sync from the fold's position. `fork`: a later reign decided anew what the fold
 * holds; nothing was folded, sync with the fold's position and epoch, which answers `reset`.
 */
export type Folded = "folded" | "known" | "gap" | "fork";

/** Takes in one `channel:events`, in place. What is not above the last position of its reign is dropped. */
export function foldEnvelope(fold: ReaderFold, envelope: Pick<ChannelEvents, "epoch" | "events">): Folded {
  const { epoch, events } = envelope;
  if (epoch < fold.epoch) return "known";
  const first = events[0];
  if (first === undefined) return "known";
  if (first.seq > fold.seq + 1) return "gap";
  if (epoch > fold.epoch && first.seq <= fold.seq) return "fork";
  const fresh = events.filter((event) => event.seq > fold.seq);
  for (const event of fresh) {
    foldChannel(fold, epoch, event);
    foldMessages(fold.messages, event, fold.me);
  }
  return fresh.length > 0 ? "folded" : "known";
}

/** Brings the messages at hand past one event, as `me` sees them (undefined: nobody). Messages are replaced, never changed in place. */
export function foldMessages(
  messages: Map<MessageId, Message>,
  event: ChannelEvent,
  me: UserId | undefined,
): void {
  switch (event.type) {
    case "message:new":
      messages.set(event.message.id, quotingWhatStands(messages, event.message));
      if (event.thread) {
        const { id, replyCount, lastReplyAtMs } = event.thread;
        change(messages, id, (root) => (replyCount > root.replyCount ? { replyCount, lastReplyAtMs } : {}));
      }
      break;
    case "message:updated":
      change(messages, event.messageId, () => updateOf(event));
      break;
    case "message:deleted":
      for (const id of deletedBy(event)) change(messages, id, (message) => stubOf(message, event.atMs));
      unquote(messages, new Set(deletedBy(event)));
      break;
    case "message:pinned":
    case "message:unpinned":
      change(messages, event.messageId, () => ({ pinned: event.type === "message:pinned" }));
      break;
    case "reaction:added":
    case "reaction:removed":
      change(messages, event.messageId, ({ reactions }) => ({ reactions: reacted(reactions, event, me) }));
      break;
  }
}

/** The messages that an event takes away. */
export function deletedBy({
  messageId,
  messageIds,
}: Extract<ChannelEvent, { type: "message:deleted" }>): readonly MessageId[] {
  return messageIds ?? (messageId ? [messageId] : []);
}

/** What is deleted is quoted nowhere (row C6). Who edits a message leaves it as it was quoted. */
function unquote(messages: Map<MessageId, Message>, deleted: ReadonlySet<MessageId>): void {
  for (const [id, message] of messages)
    if (message.replyTo && deleted.has(message.replyTo.id)) messages.set(id, withoutExcerpt(message));
}

/** Who reads a page of a later time may hold the stub of what an event still quotes. */
function quotingWhatStands(messages: ReadonlyMap<MessageId, Message>, message: Message): Message {
  const quoted = message.replyTo && messages.get(message.replyTo.id);
  return quoted?.deletedAtMs === undefined ? message : withoutExcerpt(message);
}

/** The message, still saying what it answers and whom, and nothing of what was said there. */
function withoutExcerpt(message: Message): Message {
  return message.replyTo ? { ...message, replyTo: { ...message.replyTo, excerpt: "" } } : message;
}

/** Nothing else changes a message after its deletion. */
function change(
  messages: Map<MessageId, Message>,
  id: MessageId,
  changed: (message: Message) => Partial<Message>,
): void {
  const message = messages.get(id);
  if (message && message.deletedAtMs === undefined) messages.set(id, { ...message, ...changed(message) });
}

/** Only what the event names: a preview that arrives later leaves the text alone. */
function updateOf(event: Extract<ChannelEvent, { type: "message:updated" }>): Partial<Message> {
  const { content, html, editedAtMs, preview, attachments } = event;
  return {
    ...(content !== undefined && { content }),
    ...(html !== undefined && { html }),
    ...(editedAtMs !== undefined && { editedAtMs }),
    ...(preview && { preview }),
    ...(attachments && { attachments }),
  };
}

/** What a deleted message leaves: who, where and when; never what. */
function stubOf(message: Message, deletedAtMs: number): Partial<Message> {
  return {
    ...withoutExcerpt(message),
    content: "",
    html: "",
    language: undefined,
    filename: undefined,
    mentions: [],
    attachments: [],
    preview: undefined,
    reactions: [],
    pinned: false,
    encryption: undefined,
    metadata: {},
    deletedAtMs,
  };
}

type Reactions = Message["reactions"];
type Reacted = Extract<ChannelEvent, { type: "reaction:added" | "reaction:removed" }>;

/** Events carry the resulting number; `me` follows from `by`, since an event says the same to everyone. */
function reacted(reactions: Reactions, event: Reacted, me: UserId | undefined): Reactions {
  const { emoji, count, recent, by } = event;
  const at = reactions.findIndex((reaction) => reaction.emoji === emoji);
  const others = reactions.filter((reaction) => reaction.emoji !== emoji);
  if (count === 0) return others;
  const mine = by === me ? event.type === "reaction:added" : reactions[at]?.me === true;
  others.splice(at === -1 ? others.length : at, 0, { emoji, count, recent, ...(mine && { me: true }) });
  return others;
}
