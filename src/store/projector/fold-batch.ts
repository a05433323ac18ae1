/**
 * Folds a batch of logged records into rows (rule J1): one per channel, member and message, last seq wins. Pure. Every
 * value is absolute and marks take the greatest, so that rows of any part of a log may be written any number of times.
 */
import { type EventRecord, isEvent, isMark, type LogRecord, type MarkRecord } from "../../../actors/ports.ts";
import type { Channel, Member } from "../../../protocol/channel.ts";
import type { ChannelEvent } from "../../../protocol/events.ts";
import type { ChannelId, UserId } from "../../../protocol/ids.ts";
import { foldAutomaticFollows, foldFollow } from "./fold-follows.ts";
import { foldMessageEvent, type MessagesFold, messageRows, noMessages } from "./fold-messages.ts";
import type { ChannelChange, FollowChange, Marks, MemberChange, Rows } from "./rows.ts";

/** An event of a type that this version does not know. Not an operating error: it is set aside, with an alarm. */
export class Unprojectable extends Error {
  override name = "Unprojectable";
}

type Fold = {
  channels: Map<ChannelId, ChannelChange>;
  members: Map<string, MemberChange>;
  messages: MessagesFold;
  follows: Map<string, FollowChange>;
};

/** `records` of each shard in the order of its log. Throws `Unprojectable`. */
export function foldBatch(batch: readonly { shard: number; records: readonly LogRecord[] }[]): Rows {
  const fold: Fold = {
    channels: new Map(),
    members: new Map(),
    messages: noMessages(),
    follows: new Map(),
  };
  for (const { shard, records } of batch) {
    for (const record of records) {
      if (isEvent(record)) foldEvent(fold, shard, record);
      else if (isMark(record)) foldMark(fold, shard, record);
      else foldFollow(fold.follows, shard, record);
    }
  }
  return {
    channels: [...fold.channels.values()],
    members: [...fold.members.values()],
    ...messageRows(fold.messages),
    follows: [...fold.follows.values()],
  };
}

function foldEvent(fold: Fold, shard: number, record: EventRecord): void {
  const { event } = record;
  const channel = channelOf(fold, shard, record);
  // What stands in the log twice happened once (rule I2).
  if (event.seq <= channel.seq) return;
  advance(channel, record);
  switch (event.type) {
    case "channel:created":
      channel.messageCount ??= 0;
      setChannel(channel, event);
      break;
    case "channel:updated":
    case "channel:archived":
      setChannel(channel, event);
      break;
    case "member:joined":
      foldJoin(fold, shard, channel, event);
      break;
    case "member:left":
    case "member:updated":
      channel.memberCount = event.memberCount;
      setMember(memberOf(fold, shard, channel.id, event.member.userId), event);
      break;
    case "message:new":
      foldSend(fold, shard, channel, event);
      foldAutomaticFollows(fold.follows, shard, event);
      foldMessageEvent(fold.messages, shard, record, event);
      break;
    case "message:updated":
    case "message:deleted":
    case "message:pinned":
    case "message:unpinned":
    case "reaction:added":
    case "reaction:removed":
      foldMessageEvent(fold.messages, shard, record, event);
      break;
    default:
      throw new Unprojectable(`this version does not store ${(event satisfies never as ChannelEvent).type}`);
  }
}

function channelOf(fold: Fold, shard: number, { channelId }: EventRecord): ChannelChange {
  let change = fold.channels.get(channelId);
  if (!change) {
    change = { shard, id: channelId, seq: 0, epoch: 0, lastAtMs: 0, reigns: [] };
    fold.channels.set(channelId, change);
  }
  return change;
}

function advance(change: ChannelChange, { epoch, event }: EventRecord): void {
  if (change.reigns.at(-1)?.[1] !== epoch) change.reigns.push([event.seq, epoch]);
  change.seq = event.seq;
  change.epoch = epoch;
  change.lastAtMs = event.atMs;
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

/** What a message does to its channel and its author; a reply's ordinal counts in its thread, not here (rule E6). */
function foldSend(
  fold: Fold,
  shard: number,
  channel: ChannelChange,
  { seq, atMs, message }: Extract<ChannelEvent, { type: "message:new" }>,
): void {
  channel.lastMessageAtMs = atMs;
  const author = memberOf(fold, shard, channel.id, message.authorId);
  author.lastSentAtMs = Math.max(author.lastSentAtMs, atMs);
  passed(author, seq);
  if (message.threadId !== undefined) return;
  channel.messageCount = message.ordinal;
  author.readCount = Math.max(author.readCount, message.ordinal);
}

function foldMark(fold: Fold, shard: number, { channelId, mark }: MarkRecord): void {
  const member = memberOf(fold, shard, channelId, mark.userId);
  member.deliveredSeq = Math.max(member.deliveredSeq, mark.delivered ?? 0);
  member.readSeq = Math.max(member.readSeq, mark.read ?? 0);
  member.readCount = Math.max(member.readCount, mark.readCount ?? 0);
}
