/** What a fenced owner still holds goes to the new owner as commands again (rule G3). */
import type { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { ChannelCommand } from "../commands.ts";
import { type EventRecord, isEvent, type LogRecord } from "../ports.ts";

/** Says that it was sent before: the new owner looks it up whatever its clientId (rule S1). */
export const SALVAGE_ATTEMPT = 99;

type Joined = Extract<ChannelEvent, { type: "member:joined" }>;

/**
 * The command whose repetition brings `record` back; harmless where it is there already. Undefined where another record's
 * command brings it along (a channel's first events), and for what no command of this version makes.
 */
export function commandOf(record: LogRecord): ChannelCommand | undefined {
  if (isEvent(record)) return commandOfEvent(record);
  const { userId, delivered, read } = record.mark;
  return {
    type: "mark",
    by: userId,
    ...(delivered !== undefined && { delivered }),
    ...(read !== undefined && { read }),
  };
}

function commandOfEvent({ event, sentHash }: EventRecord): ChannelCommand | undefined {
  switch (event.type) {
    case "message:new":
      return sendAgain(event.message, sentHash ?? "");
    case "channel:created":
      return createAgain(event.by, event.channel);
    case "member:joined":
      return joinAgain(event);
    case "member:left":
      return event.userId === event.by ? { type: "leave", by: event.by } : undefined;
    case "member:updated":
      return event.member.status === "pending" ? inviteAgain(event.by, event.member) : undefined;
    default:
      return undefined;
  }
}

function sendAgain(message: Message, sentHash: string): ChannelCommand {
  const { clientId, type, content, html, language, filename, mentions, attachments, metadata } = message;
  const { authorId, encryption, threadId, replyTo } = message;
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
    ...(replyTo && { replyTo: replyTo.id }),
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
