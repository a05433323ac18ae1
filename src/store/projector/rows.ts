/** What a folded batch comes to: the rows that it writes, one per channel, member, message, reaction and so on (rule J1). */
import type { Channel, Member, Position } from "../../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../../protocol/ids.ts";
import type { Attachment, Message } from "../../../protocol/message.ts";
import type { MessageRow, ReactionColumn } from "../message-row.ts";

/** Stands for everyone in a channel where a person's id is expected: the nil UUID, which nobody has. */
export const EVERYONE = "00000000-0000-0000-0000-000000000000" as UserId;

export type ChannelChange = {
  shard: number;
  id: ChannelId;
  /** Position and time of the last event of the batch. */
  seq: number;
  epoch: number;
  lastAtMs: number;
  /** First (seq, epoch) of each reign in the batch. */
  reigns: Position[];
  /** As the last event that carries the whole channel has it; without, the channel's row must exist. */
  channel?: Channel;
  /** When that row is new. */
  createdAtMs?: number;
  memberCount?: number;
  /** Ordinal of the last message outside threads; 0 from the channel's creation on. */
  messageCount?: number;
  /** Of any message, replies too. */
  lastMessageAtMs?: number;
};

/** How far someone has got; 0: nothing of it in the batch. */
export type Marks = { lastSentAtMs: number; deliveredSeq: number; readSeq: number; readCount: number };

export type MemberChange = Marks & {
  shard: number;
  channelId: ChannelId;
  userId: UserId;
  /** Of the last event about the member, and the member as it says; absent: marks only. */
  updated?: { seq: number; member: Member };
  /** They joined at this seq, before any message of the batch: `readCount` is the channel's message count before it. */
  headSeq?: number;
};

/** A message that the batch brings, as its last event leaves it. */
export type MessageInsert = MessageRow & {
  shard: number;
  epoch: number;
  sent_hash: string | null;
  pinned_seq: number | null;
  /** The event of the batch that changed it last. */
  updated_seq: number;
  updated_at_ms: number;
};

/** How the batch leaves a message that may be in Postgres already; what is absent stays. Nothing follows a deletion. */
export type MessageChange = {
  shard: number;
  channelId: ChannelId;
  seq: number;
  /** Of the last event that changed it. */
  updatedSeq: number;
  updatedAtMs: number;
  content?: string;
  html?: string;
  editedAtMs?: number;
  preview?: NonNullable<Message["preview"]>;
  /** An empty list takes them away. */
  attachments?: Attachment[];
  /** Of the event that pinned it; 0: not pinned. */
  pinnedSeq?: number;
  deletedAtMs?: number;
  /** By emoji. A count of 0: gone. Without `since`: it was there before the batch. */
  reactions?: Map<string, ReactionChange>;
  replyCount?: number;
  lastReplyAtMs?: number;
};

export type ReactionChange = Omit<ReactionColumn, "since"> & { since?: number };

/** A text that a message had, named by the event that brought it. */
export type VersionInsert = {
  shard: number;
  channelId: ChannelId;
  seq: number;
  versionSeq: number;
  byUser: UserId;
  atMs: number;
  content: string;
};

/** What the last event about one person and one emoji on a message says. */
export type Reacted = {
  shard: number;
  channelId: ChannelId;
  seq: number;
  userId: UserId;
  emoji: string;
  reactedSeq: number;
  isThere: boolean;
};

export type MentionInsert = { shard: number; channelId: ChannelId; userId: UserId; seq: number };

/**
 * What a person has to do with a thread. The later `atMs` says whether it is followed; 0 is before anything that they did
 * themselves, and of the same time following wins, so that the order of records does not matter. `readCount`: the greatest.
 */
export type FollowChange = {
  shard: number;
  channelId: ChannelId;
  seq: number;
  userId: UserId;
  following: boolean;
  atMs: number;
  readCount: number;
};

export type Rows = {
  channels: ChannelChange[];
  members: MemberChange[];
  messages: MessageInsert[];
  changes: MessageChange[];
  versions: VersionInsert[];
  reactions: Reacted[];
  mentions: MentionInsert[];
  follows: FollowChange[];
};
