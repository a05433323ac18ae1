/**
 * What happens in a channel. One type flows through everything: decided by the actor, logged, applied, broadcast,
 * persisted, replayed after a crash, folded by the client. `seq` is contiguous per channel; `epoch` stands on the envelope.
 */
import * as z from "zod";
import { Channel, Member } from "./channel.ts";
import { ChannelId, MessageId, UserId } from "./ids.ts";
import { Attachment, Message, Preview, RECENT_MAX } from "./message.ts";
import { Emoji, TimeMs } from "./text.ts";

const common = { seq: z.int().positive(), atMs: TimeMs, by: UserId };

export const MessageNew = z.object({
  type: z.literal("message:new"),
  ...common,
  message: Message,
  /** A reply's thread as it stands with this reply. Never lowered. */
  thread: z
    .object({ id: MessageId, authorId: UserId, replyCount: z.int().positive(), lastReplyAtMs: TimeMs })
    .optional(),
});
export const MessageUpdated = z.object({
  type: z.literal("message:updated"),
  ...common,
  messageId: MessageId,
  content: z.string().optional(),
  html: z.string().optional(),
  editedAtMs: TimeMs.optional(),
  preview: Preview.optional(),
  attachments: z.array(Attachment).optional(),
});
export const MessageDeleted = z.object({
  type: z.literal("message:deleted"),
  ...common,
  messageId: MessageId.optional(),
  messageIds: z.array(MessageId).max(100).optional(),
});
export const MessagePinned = z.object({ type: z.literal("message:pinned"), ...common, messageId: MessageId });
export const MessageUnpinned = z.object({
  type: z.literal("message:unpinned"),
  ...common,
  messageId: MessageId,
});
const reaction = {
  ...common,
  messageId: MessageId,
  emoji: Emoji,
  count: z.int().nonnegative(),
  recent: z.array(UserId).max(RECENT_MAX),
};
export const ReactionAdded = z.object({ type: z.literal("reaction:added"), ...reaction });
export const ReactionRemoved = z.object({ type: z.literal("reaction:removed"), ...reaction });
/** On becoming active. */
export const MemberJoined = z.object({
  type: z.literal("member:joined"),
  ...common,
  member: Member,
  memberCount: z.int().nonnegative(),
});
/** On leaving or removal. */
export const MemberLeft = z.object({
  type: z.literal("member:left"),
  ...common,
  userId: UserId,
  member: Member,
  memberCount: z.int().nonnegative(),
});
/** Invited, role, overrides, mute: all else about a member. */
export const MemberUpdated = z.object({
  type: z.literal("member:updated"),
  ...common,
  member: Member,
  memberCount: z.int().nonnegative(),
});
export const ChannelCreated = z.object({ type: z.literal("channel:created"), ...common, channel: Channel });
export const ChannelUpdated = z.object({ type: z.literal("channel:updated"), ...common, channel: Channel });
export const ChannelArchived = z.object({ type: z.literal("channel:archived"), ...common, channel: Channel });

export const ChannelEvent = z
  .discriminatedUnion("type", [
    MessageNew,
    MessageUpdated,
    MessageDeleted,
    MessagePinned,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
    MemberJoined,
    MemberLeft,
    MemberUpdated,
    ChannelCreated,
    ChannelUpdated,
    ChannelArchived,
  ])
  .meta({ id: "ChannelEvent" });
export type ChannelEvent = z.infer<typeof ChannelEvent>;

/** The one envelope: in `seq` order, one event or many, never of two reigns. */
export const ChannelEvents = z
  .object({ channelId: ChannelId, epoch: z.int().positive(), events: z.array(ChannelEvent).min(1) })
  .meta({ id: "ChannelEvents" });
export type ChannelEvents = z.infer<typeof ChannelEvents>;
