/** Server → client beside `channel:events`: signals that may be dropped, and what is said to one person. */
import * as z from "zod";
import { ChannelId, MessageId, UserId } from "./ids.ts";
import { TimeMs, text } from "./text.ts";

export const PresenceStatus = z
  .enum(["online", "away", "dnd", "invisible", "offline"])
  .meta({ id: "PresenceStatus" });
export type PresenceStatus = z.infer<typeof PresenceStatus>;
export const PresenceText = text(0, 200);
/** As others see it: invisible looks offline. */
export const Presence = z
  .object({
    userId: UserId,
    status: PresenceStatus.exclude(["invisible"]),
    text: PresenceText.optional(),
    lastSeenAtMs: TimeMs.optional(),
  })
  .meta({ id: "Presence" });
export type Presence = z.infer<typeof Presence>;
export const Presences = z.array(Presence);

/** Typists that a signal names, those who began first; `more` counts the others. */
export const TYPISTS_NAMED_MAX = 5;
export const TypingSignal = z.object({
  channelId: ChannelId,
  threadId: MessageId.optional(),
  userIds: z.array(UserId).max(TYPISTS_NAMED_MAX),
  more: z.int().nonnegative(),
});
export type TypingSignal = z.infer<typeof TypingSignal>;
/** Active members of a channel that receipts are told in: beyond them each would be told of too many (row D7, rule H5). */
export const RECEIPTS_MEMBERS_MAX = 100;
export const Receipts = z.object({
  channelId: ChannelId,
  marks: z.array(z.object({ userId: UserId, delivered: z.int().optional(), read: z.int().optional() })),
});
export type Receipts = z.infer<typeof Receipts>;
/** Where a channel stands. */
export const ChannelHead = z.object({
  channelId: ChannelId,
  seq: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  messageCount: z.int().nonnegative(),
});
export type ChannelHead = z.infer<typeof ChannelHead>;
/** For members who do not listen: every channel of theirs that has moved since they were told. */
export const ChannelHeads = z.object({ heads: z.array(ChannelHead) });
export type ChannelHeads = z.infer<typeof ChannelHeads>;
/** This connection was skipped forward: sync. */
export const ChannelBehind = z.object({
  channelId: ChannelId,
  seq: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
});
export const Unread = z.object({
  channelId: ChannelId,
  unread: z.int().nonnegative(),
  mentions: z.int().nonnegative(),
  lastReadSeq: z.int().nonnegative(),
});
export const Notification = z.looseObject({
  kind: z.enum(["mention", "reply", "thread", "dm", "invite"]),
  channelId: ChannelId,
  messageId: MessageId.optional(),
  by: UserId,
});
