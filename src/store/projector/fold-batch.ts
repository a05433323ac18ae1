/**
 * Folds a batch of logged records into rows (rule J1): one per channel, member and message, last seq wins. Pure. Every
 * value is absolute and marks take the greatest, so that rows of any part of a log may be written any number of times.
 */
import { type EventRecord, isEvent, type LogRecord, type MarkRecord } from "../../../actors/ports.ts";
import type { Channel, Member, Position } from "../../../protocol/channel.ts";
import type { ChannelEvent } from "../../../protocol/events.ts";
import { type ChannelId, parseMessageId, type UserId } from "../../../protocol/ids.ts";
import { unreachable } from "../../lib/assert.ts";
import { fromMessage, type MessageRow } from "../message-row.ts";

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
  lastMessageAtMs?: number;
};

/** How far someone has got; 0: nothing of it in the batch. */
type Marks = { lastSentAtMs: number; deliveredSeq: number; readSeq: number; readCount: number };

export type MemberChange = Marks & {
  shard: number;
  channelId: ChannelId;
  userId: UserId;
  /** Of the last event about the member, and the member as it says; absent: marks only. */
  updated?: { seq: number; member: Member };
  /** They joined at this seq, before any message of the batch: `readCount` is the channel's message count before it. */
  headSeq?: number;
};

export type MessageInsert = MessageRow & {
  shard: number;
  epoch: number;
  sent_hash: string | null;
  /** The event of the batch that changed it last. */
  updated_seq: number;
  updated_at_ms: number;
};

/** A thread's first message, as the last reply of the batch leaves it. */
export type ThreadChange = {
  shard: number;
  channelId: ChannelId;
  seq: number;
  replyCount: number;
  lastReplyAtMs: number;
  updatedSeq: number;
};

export type MentionInsert = { shard: number; channelId: ChannelId; userId: UserId; seq: number };

export type Rows = {
  channels: ChannelChange[];
  members: MemberChange[];
  messages: MessageInsert[];
  threads: ThreadChange[];
  mentions: MentionInsert[];
};

/** An event that this version cannot put into rows. Not an operating error: it is set aside, with an alarm. */
export class Unprojectable extends Error {
  override name = "Unprojectable";
}

type Fold = {
  channels: Map<ChannelId, ChannelChange>;
  members: Map<string, MemberChange>;
  messages: Map<string, MessageInsert>;
  threads: Map<string, ThreadChange>;
  mentions: MentionInsert[];
};

/** `records` of each shard in the order of its log. Throws `Unprojectable`. */
export function foldBatch(batch: readonly { shard: number; records: readonly LogRecord[] }[]): Rows {
  const fold: Fold = {
    channels: new Map(),
    members: new Map(),
    messages: new Map(),
    threads: new Map(),
    mentions: [],
  };
  for (const { shard, records } of batch) {
    for (const record of records) {
      if (isEvent(record)) foldEvent(fold, shard, record);
      else foldMark(fold, shard, record);
    }
  }
  return {
    channels: [...fold.channels.values()],
    members: [...fold.members.values()],
    messages: [...fold.messages.values()],
    threads: [...fold.threads.values()],
    mentions: fold.mentions,
  };
}

function foldEvent(fold: Fold, shard: number, record: EventRecord): void {
  const { event } = record;
  const channel = channelOf(fold, shard, record);
  switch (event.type) {
    case "channel:created":
      channel.messageCount ??= 0;
      setChannel(channel, event);
      break;
    case "channel:updated":
    case "channel:archived":
      setChannel(channel, event);
      break;
    case "message:new":
      foldMessage(fold, shard, record, event);
      break;
    case "member:joined":
      foldJoin(fold, shard, channel, event);
      break;
    case "member:left":
    case "member:updated":
      channel.memberCount = event.memberCount;
      setMember(memberOf(fold, shard, channel.id, event.member.userId), event);
      break;
    case "message:updated":
    case "message:deleted":
    case "message:pinned":
    case "message:unpinned":
    case "reaction:added":
    case "reaction:removed":
      throw new Unprojectable(`this version does not store ${event.type}`);
    default:
      unreachable(event);
  }
}

/** The channel's change, moved to the position of this event. */
function channelOf(fold: Fold, shard: number, { channelId, epoch, event }: EventRecord): ChannelChange {
  let change = fold.channels.get(channelId);
  if (!change) {
    change = { shard, id: channelId, seq: 0, epoch: 0, lastAtMs: 0, reigns: [] };
    fold.channels.set(channelId, change);
  }
  if (change.reigns.at(-1)?.[1] !== epoch) change.reigns.push([event.seq, epoch]);
  change.seq = event.seq;
  change.epoch = epoch;
  change.lastAtMs = event.atMs;
  return change;
}

type OfChannel = Extract<ChannelEvent, { channel: Channel }>;

function setChannel(change: ChannelChange, event: OfChannel): void {
  change.channel = event.channel;
  change.createdAtMs ??= event.atMs;
  change.memberCount = event.channel.memberCount;
}

function memberOf(fold: Fold, shard: number, channelId: ChannelId, userId: UserId): MemberChange {
  const key = `${channelId} ${userId}`;
  let change = fold.members.get(key);
  if (!change) {
    change = { shard, channelId, userId, lastSentAtMs: 0, deliveredSeq: 0, readSeq: 0, readCount: 0 };
    fold.members.set(key, change);
  }
  return change;
}

function setMember(change: MemberChange, event: { seq: number; member: Member }): void {
  change.updated = { seq: event.seq, member: event.member };
}

/** Who joins starts at the head: nothing that was there before is unread (rule E6). */
function foldJoin(
  fold: Fold,
  shard: number,
  channel: ChannelChange,
  event: Extract<ChannelEvent, { type: "member:joined" }>,
): void {
  channel.memberCount = event.memberCount;
  const member = memberOf(fold, shard, channel.id, event.member.userId);
  setMember(member, event);
  if (channel.messageCount === undefined) member.headSeq = event.seq;
  else member.readCount = Math.max(member.readCount, channel.messageCount);
  passed(member, event.seq);
}

/** Who sends or joins has everything up to there. */
function passed(marks: Marks, seq: number): void {
  marks.deliveredSeq = Math.max(marks.deliveredSeq, seq);
  marks.readSeq = Math.max(marks.readSeq, seq);
}

type MessageNew = Extract<ChannelEvent, { type: "message:new" }>;

function foldMessage(fold: Fold, shard: number, record: EventRecord, event: MessageNew): void {
  const { message } = event;
  const { channelId } = record;
  fold.messages.set(message.id, {
    ...fromMessage(message),
    shard,
    epoch: record.epoch,
    sent_hash: record.sentHash ?? null,
    updated_seq: event.seq,
    updated_at_ms: event.atMs,
  });
  const author = memberOf(fold, shard, channelId, message.authorId);
  author.lastSentAtMs = Math.max(author.lastSentAtMs, event.atMs);
  passed(author, event.seq);
  if (event.thread) foldThread(fold, shard, channelId, event.seq, event.thread);
  if (message.threadId === undefined) {
    const channel = fold.channels.get(channelId)!;
    channel.messageCount = message.ordinal;
    channel.lastMessageAtMs = event.atMs;
    author.readCount = Math.max(author.readCount, message.ordinal);
  }
  foldMentions(fold, shard, event);
}

function foldThread(
  fold: Fold,
  shard: number,
  channelId: ChannelId,
  seq: number,
  thread: NonNullable<MessageNew["thread"]>,
): void {
  const { replyCount, lastReplyAtMs } = thread;
  fold.threads.set(thread.id, {
    shard,
    channelId,
    seq: parseMessageId(thread.id).seq,
    replyCount,
    lastReplyAtMs,
    updatedSeq: seq,
  });
  // The first message may be in this batch, where an update does not find it yet.
  const first = fold.messages.get(thread.id);
  if (!first) return;
  first.reply_count = replyCount;
  first.last_reply_at_ms = first.updated_at_ms = lastReplyAtMs;
  first.updated_seq = seq;
}

function foldMentions(fold: Fold, shard: number, { message }: MessageNew): void {
  const people = new Set<UserId>();
  for (const mention of message.mentions)
    people.add(mention.kind === "user" ? (mention.userId ?? EVERYONE) : EVERYONE);
  for (const userId of people)
    fold.mentions.push({ shard, channelId: message.channelId, userId, seq: message.seq });
}

function foldMark(fold: Fold, shard: number, { channelId, mark }: MarkRecord): void {
  const member = memberOf(fold, shard, channelId, mark.userId);
  member.deliveredSeq = Math.max(member.deliveredSeq, mark.delivered ?? 0);
  member.readSeq = Math.max(member.readSeq, mark.read ?? 0);
  member.readCount = Math.max(member.readCount, mark.readCount ?? 0);
}
