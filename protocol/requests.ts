/** Client → server over Socket.IO: every event with its request and its answer. Unknown fields are refused. */
import * as z from "zod";
import {
  Channel,
  ChannelName,
  Description,
  EndMs,
  Member,
  Overrides,
  Position,
  Role,
  SettingsChange,
} from "./channel.ts";
import { ChannelEvent } from "./events.ts";
import { ChannelId, ClientId, MessageId, UserId } from "./ids.ts";
import { Durability, Encryption, Message } from "./message.ts";
import { PresenceStatus, Presences, PresenceText } from "./signals.ts";
import { CODE_MAX, codePointsWithin, Emoji, Metadata, TEXT_MAX, text } from "./text.ts";

/** Attachments that one message may carry. */
export const ATTACHMENTS_MAX = 10;

/** What a message says, whoever asks and however: the same over Socket.IO and REST. */
const said = {
  clientId: ClientId,
  /** 1 for the first try; counts resends. Any value is safe (rule S1). */
  attempt: z.int().min(1).max(1_000_000).optional(),
  type: z.enum(["text", "code", "image", "file", "audio", "video"]).optional(),
  content: text(0, CODE_MAX),
  language: text(1, 40).optional(),
  filename: text(1, 255).optional(),
  replyTo: MessageId.optional(),
  threadId: MessageId.optional(),
  attachments: z.array(z.string().min(1).max(64)).max(ATTACHMENTS_MAX).optional(),
  encryption: Encryption.optional(),
  durability: Durability.optional(),
  metadata: Metadata.optional(),
};

/** Empty only with attachments; 4,000 characters, code and opaque content 16,000. */
export function lengthFits(request: {
  content: string;
  type?: string;
  attachments?: readonly unknown[];
  encryption?: unknown;
}): boolean {
  const long = request.type === "code" || request.encryption !== undefined;
  if (!codePointsWithin(request.content, long ? CODE_MAX : TEXT_MAX)) return false;
  return request.content.trim().length > 0 || (request.attachments?.length ?? 0) > 0;
}
export const lengthRule = {
  error: `content must have 1 to ${TEXT_MAX} characters (code: ${CODE_MAX}), or come with attachments`,
  path: ["content"],
};

/** The body of `POST /channels/{id}/messages`. */
export const MessageDraft = z.strictObject(said).refine(lengthFits, lengthRule);
export type MessageDraft = z.infer<typeof MessageDraft>;

export const MessageSend = z
  .strictObject({ channelId: ChannelId.optional(), userId: UserId.optional(), ...said })
  .refine((request) => (request.channelId === undefined) !== (request.userId === undefined), {
    error: "name either channelId, or userId for the dm with them",
    path: ["channelId"],
  })
  .refine(lengthFits, lengthRule);
export type MessageSend = z.infer<typeof MessageSend>;
export const MessageSent = z.object({
  message: Message,
  durability: Durability,
  duplicate: z.boolean().optional(),
});
export type MessageSent = z.infer<typeof MessageSent>;

/** Messages that one `message:delete` may name. */
export const BULK_DELETE_MAX = 100;
/** Events that one `channel:sync` may answer, and its default: half a resume window. */
export const SYNC_LIMIT_MAX = 500;
/** People that one `presence:watch` may name: a screen and its margins. */
export const WATCH_MAX = 500;
/** Channels that one `session:resume` may name. */
export const RESUME_CHANNELS_MAX = 1_000;

export const MessageEdit = z.strictObject({ messageId: MessageId, content: text(1, CODE_MAX) });
export type MessageEdit = z.infer<typeof MessageEdit>;
export const MessageIds = z.array(MessageId).min(1).max(BULK_DELETE_MAX);
export const MessageDelete = z.union([
  z.strictObject({ messageId: MessageId }),
  z.strictObject({ channelId: ChannelId, messageIds: MessageIds }),
]);
export const MessagePin = z.strictObject({ messageId: MessageId });
export const React = z.strictObject({ messageId: MessageId, emoji: Emoji });
export type React = z.infer<typeof React>;
export const OfChannel = z.strictObject({ channelId: ChannelId });
export type OfChannel = z.infer<typeof OfChannel>;

/** A page of messages, oldest first. `older` goes back as `before`, `newer` as `after`: opaque and URL-safe. */
export const MessagePage = z
  .object({
    messages: z.array(Message),
    seq: z.int().nonnegative(),
    epoch: z.int().nonnegative(),
    older: z.string().optional(),
    newer: z.string().optional(),
  })
  .meta({ id: "MessagePage" });
export type MessagePage = z.infer<typeof MessagePage>;

export const ChannelOpened = z.object({
  channel: Channel,
  membership: Member,
  recent: MessagePage,
  seq: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
});
export type ChannelOpened = z.infer<typeof ChannelOpened>;

export const ChannelSync = z.strictObject({
  channelId: ChannelId,
  afterSeq: z.int().nonnegative(),
  /** Absent: the position is taken as it stands. */
  epoch: z.int().nonnegative().optional(),
  limit: z.int().min(1).max(SYNC_LIMIT_MAX).optional(),
});
export type ChannelSync = z.infer<typeof ChannelSync>;
export const ChannelSynced = z.object({
  events: z.array(ChannelEvent),
  /** The position after `events`; the head when `more` is false. */
  seq: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  more: z.boolean(),
  /** Outside the window, beyond the head, or another history: load a page instead. */
  reset: z.boolean().optional(),
});
export type ChannelSynced = z.infer<typeof ChannelSynced>;

export const UpToSeq = z.strictObject({ channelId: ChannelId, seq: z.int().nonnegative() });
export const ChannelUpdate = z.strictObject({
  channelId: ChannelId,
  name: ChannelName.optional(),
  description: Description.optional(),
  settings: SettingsChange.optional(),
  archived: z.boolean().optional(),
});
export type ChannelUpdate = z.infer<typeof ChannelUpdate>;
export const MemberChange = z.strictObject({
  channelId: ChannelId,
  userId: UserId,
  role: Role.optional(),
  overrides: Overrides.optional(),
  mutedUntilMs: EndMs.optional(),
});
export type MemberChange = z.infer<typeof MemberChange>;
export const MemberRemove = z.strictObject({
  channelId: ChannelId,
  userId: UserId,
  bannedUntilMs: EndMs.optional(),
});
export type MemberRemove = z.infer<typeof MemberRemove>;
export const Typing = z.strictObject({ channelId: ChannelId, threadId: MessageId.optional() });
export const PresenceUpdate = z.strictObject({
  status: PresenceStatus.exclude(["offline"]),
  text: PresenceText.optional(),
});
export const WatchList = z.strictObject({ userIds: z.array(UserId).min(1).max(WATCH_MAX) });

/** Positions that the client holds, by channel. */
export const ResumePoints = z
  .record(ChannelId, Position)
  .refine(
    (points) => Object.keys(points).length <= RESUME_CHANNELS_MAX,
    `at most ${RESUME_CHANNELS_MAX} channels`,
  );
export type ResumePoints = z.infer<typeof ResumePoints>;
export const SessionResume = z.strictObject({ channels: ResumePoints });
export type SessionResume = z.infer<typeof SessionResume>;
export const SessionResumed = z.object({
  channels: z.record(ChannelId, ChannelSynced),
  /** Channels that the user has come into, or lost, since: by comparing what the client named with memberships. */
  joined: z.array(ChannelId),
  left: z.array(ChannelId),
});
export type SessionResumed = z.infer<typeof SessionResumed>;

export const Health = z.object({
  node: z.string(),
  atMs: z.int(),
  redis: z.enum(["ok", "away"]),
  postgres: z.enum(["ok", "away"]),
  roles: z.array(z.enum(["gateway", "actors", "worker"])),
});
export type Health = z.infer<typeof Health>;

/** What writes answer, over Socket.IO and REST. */
export const Nothing = z.object({});
export const WithMessage = z.object({ message: Message });
export const WithMember = z.object({ member: Member });
export const WithChannel = z.object({ channel: Channel });
export const ReactionCount = z.object({ count: z.int().nonnegative() });
export const UnreadCount = z.object({ unread: z.int().nonnegative() });

/** The whole client API: event → request and answer. `gateway/handlers/table.ts` has a row for each. */
export const REQUESTS = {
  "message:send": { request: MessageSend, answer: MessageSent },
  "message:edit": { request: MessageEdit, answer: WithMessage },
  "message:delete": { request: MessageDelete, answer: Nothing },
  "message:pin": { request: MessagePin, answer: Nothing },
  "message:unpin": { request: MessagePin, answer: Nothing },
  "reaction:add": { request: React, answer: ReactionCount },
  "reaction:remove": { request: React, answer: ReactionCount },
  "channel:join": { request: OfChannel, answer: ChannelOpened },
  "channel:open": { request: OfChannel, answer: ChannelOpened },
  "channel:close": { request: OfChannel, answer: Nothing },
  "channel:leave": { request: OfChannel, answer: Nothing },
  "channel:sync": { request: ChannelSync, answer: ChannelSynced },
  "channel:read": { request: UpToSeq, answer: UnreadCount },
  "channel:delivered": { request: UpToSeq, answer: Nothing },
  "channel:update": { request: ChannelUpdate, answer: WithChannel },
  "member:invite": { request: MemberChange, answer: WithMember },
  "member:update": { request: MemberChange, answer: WithMember },
  "member:remove": { request: MemberRemove, answer: WithMember },
  "typing:start": { request: Typing, answer: Nothing },
  "typing:stop": { request: Typing, answer: Nothing },
  "presence:update": { request: PresenceUpdate, answer: Nothing },
  "presence:watch": { request: WatchList, answer: z.object({ presences: Presences }) },
  "presence:unwatch": { request: WatchList, answer: Nothing },
  "session:resume": { request: SessionResume, answer: SessionResumed },
  "health:check": { request: z.strictObject({}), answer: Health },
} as const satisfies Record<string, { request: z.ZodType; answer: z.ZodType }>;

export type RequestName = keyof typeof REQUESTS;
export type RequestOf<E extends RequestName> = z.infer<(typeof REQUESTS)[E]["request"]>;
export type AnswerOf<E extends RequestName> = z.infer<(typeof REQUESTS)[E]["answer"]>;
