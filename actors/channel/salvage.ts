/** What a fenced owner still holds goes to the new owner as commands again (rule G3). */
import { type Channel, type Member, Settings, type SettingsChange } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import { type MessageId, messageId, parseMessageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { ChannelCommand } from "../commands.ts";
import { type EventRecord, isEvent, isMark, type LogRecord } from "../ports.ts";

/** Says that it was sent before: the new owner looks it up whatever its clientId (rule S1). */
export const SALVAGE_ATTEMPT = 99;

/**
 * Where a message stands in the history that goes on: in its old place, in another if it was sent again, nowhere (undefined) if
 * it was refused.
 */
type PlaceOf = (seq: number) => number | undefined;
const asBefore: PlaceOf = (seq) => seq;

type Joined = Extract<ChannelEvent, { type: "member:joined" }>;
type MemberUpdated = Extract<ChannelEvent, { type: "member:updated" }>;

/**
 * The command whose repetition brings `record` back; harmless where it is there already. Undefined where another record's
 * command brings it along (a channel's first events), for what no command of this version makes, and for what became of a
 * message that has no place any more.
 */
export function commandOf(record: LogRecord, placeOf = asBefore): ChannelCommand | undefined {
  if (isEvent(record)) return commandOfEvent(record, placeOf);
  if (!isMark(record)) {
    const { userId, following, readCount } = record.follow;
    const seq = placeOf(record.follow.seq);
    if (seq === undefined) return undefined;
    return {
      type: "follow",
      by: userId,
      seq,
      ...(following !== undefined && { following }),
      ...(readCount !== undefined && { readCount }),
    };
  }
  const { userId, delivered, read } = record.mark;
  return {
    type: "mark",
    by: userId,
    ...(delivered !== undefined && { delivered }),
    ...(read !== undefined && { read }),
  };
}

function commandOfEvent({ event, sentHash }: EventRecord, placeOf: PlaceOf): ChannelCommand | undefined {
  switch (event.type) {
    case "message:new":
      return sendAgain(event.message, sentHash ?? "", placeOf);
    case "channel:created":
      return createAgain(event.by, event.channel);
    case "member:joined":
      return joinAgain(event);
    case "member:left":
      return event.userId === event.by
        ? { type: "leave", by: event.by }
        : removeAgain(event.by, event.member);
    case "member:updated":
      return memberAgain(event);
    case "channel:updated":
    case "channel:archived":
      return updateAgain(event.by, event.channel);
    case "message:deleted":
      return deleteAgain(event, placeOf);
    case "message:updated":
    case "message:pinned":
    case "message:unpinned":
    case "reaction:added":
    case "reaction:removed": {
      const seq = placeOf(parseMessageId(event.messageId).seq);
      return seq === undefined ? undefined : messageChangeAgain(event, seq);
    }
    default:
      return undefined;
  }
}

type Deleted = Extract<ChannelEvent, { type: "message:deleted" }>;
type Changed = Exclude<Extract<ChannelEvent, { messageId: MessageId }>, Deleted>;

function deleteAgain({ by, messageId, messageIds }: Deleted, placeOf: PlaceOf): ChannelCommand | undefined {
  const ids = messageIds ?? (messageId ? [messageId] : []);
  const seqs = ids.flatMap((id) => placeOf(parseMessageId(id).seq) ?? []);
  return seqs.length > 0 ? { type: "delete", by, seqs } : undefined;
}

/** What arrived for a message later (a preview) is nobody's command. */
function messageChangeAgain(event: Changed, seq: number): ChannelCommand | undefined {
  const { by } = event;
  switch (event.type) {
    case "message:updated": {
      const { content, html } = event;
      return content === undefined || html === undefined
        ? undefined
        : { type: "edit", by, seq, content, html };
    }
    case "message:pinned":
    case "message:unpinned":
      return { type: "pin", by, seq, pinned: event.type === "message:pinned" };
    case "reaction:added":
    case "reaction:removed":
      return { type: "react", by, seq, emoji: event.emoji, on: event.type === "reaction:added" };
  }
}

/** A reply follows its thread, and what it quotes; where the thread has no place, it has none either. */
function sendAgain(message: Message, sentHash: string, placeOf: PlaceOf): ChannelCommand | undefined {
  const { clientId, type, content, html, language, filename, mentions, attachments, metadata } = message;
  const { authorId, encryption } = message;
  const placed = (id: MessageId | undefined) => {
    const seq = id && placeOf(parseMessageId(id).seq);
    return seq && messageId(message.channelId, seq);
  };
  const [threadId, replyTo] = [placed(message.threadId), placed(message.replyTo?.id)];
  if (message.threadId && !threadId) return undefined;
  const prepared = {
    clientId,
    type,
    content,
    html,
    mentions,
    attachments,
    metadata,
    sentHash,
    ...(language !== undefined && { language }),
    ...(filename !== undefined && { filename }),
    ...(encryption && { encryption }),
    ...(threadId && { threadId }),
    ...(replyTo && { replyTo }),
  };
  return { type: "send", by: authorId, message: prepared, attempt: SALVAGE_ATTEMPT };
}

/** A dm is made together with its second person, whom only their own event names. */
function createAgain(by: UserId, channel: Channel): ChannelCommand | undefined {
  const { kind, spaceId, name, description, settings, slug, language } = channel;
  if (kind === "dm") return undefined;
  return {
    type: "create",
    by,
    channel: { kind, spaceId, name, description, settings, slug, language },
    memberIds: [],
  };
}

/** Only a dm brings someone in by another's hand; a channel's first member comes with its creation. */
function joinAgain({ by, member: { userId }, memberCount }: Joined): ChannelCommand | undefined {
  if (userId !== by)
    return { type: "create", by, channel: { kind: "dm", settings: {} }, memberIds: [userId] };
  return memberCount === 1 ? undefined : { type: "join", by };
}

/** Invited now; changed since; or banned, or no longer banned, while outside. */
function memberAgain({ by, atMs, member }: MemberUpdated): ChannelCommand {
  switch (member.status) {
    case "active":
      return changeAgain(by, member);
    case "pending":
      return member.joinedAtMs === atMs ? inviteAgain(by, member) : changeAgain(by, member);
    case "left":
      return { type: "remove_member", by, userId: member.userId, bannedUntilMs: 0 };
    case "removed":
      return removeAgain(by, member);
  }
}

/** Of an owner who has handed the channel over, the second event is brought along by the first: nothing is left to change. */
function changeAgain(by: UserId, { userId, role, overrides = {}, mutedUntilMs = 0 }: Member): ChannelCommand {
  return { type: "change_member", by, userId, role, overrides, mutedUntilMs };
}

function removeAgain(by: UserId, { userId, status, bannedUntilMs = null }: Member): ChannelCommand {
  return { type: "remove_member", by, userId, ...(status === "removed" && { bannedUntilMs }) };
}

/** What came by itself (slow mode, the archive) is so already, or comes by itself again. */
function updateAgain(by: UserId, { name, description, settings, archived }: Channel): ChannelCommand {
  return {
    type: "update",
    by,
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    settings: { ...NO_SETTINGS, ...settings },
    archived,
  };
}

/** What the event's channel does not hold was absent, or was taken away. */
const NO_SETTINGS: SettingsChange = Object.fromEntries(Object.keys(Settings.shape).map((key) => [key, null]));

function inviteAgain(by: UserId, { userId, role, overrides, mutedUntilMs }: Member): ChannelCommand {
  return {
    type: "invite",
    by,
    userId,
    role,
    ...(overrides && { overrides }),
    ...(mutedUntilMs !== undefined && { mutedUntilMs }),
  };
}
