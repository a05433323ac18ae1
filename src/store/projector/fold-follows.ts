/** Folds who follows which thread, and how far they have read it (rule E6; row C7). */
import type { FollowRecord } from "../../../actors/ports.ts";
import type { ChannelEvent } from "../../../protocol/events.ts";
import { type ChannelId, parseMessageId, type UserId } from "../../../protocol/ids.ts";
import type { FollowChange } from "./rows.ts";

type Follows = Map<string, FollowChange>;

/** What a person, or the actor for them, said of a thread. */
export function foldFollow(follows: Follows, shard: number, { channelId, follow }: FollowRecord): void {
  const { userId, seq, atMs, following, readCount = 0 } = follow;
  const change = followOf(follows, shard, channelId, seq, userId);
  if (following !== undefined) say(change, following, atMs);
  change.readCount = Math.max(change.readCount, readCount);
}

/** Who replies, and who began the thread, follows it unless they ever said otherwise; who replies has read up to there. */
export function foldAutomaticFollows(
  follows: Follows,
  shard: number,
  { message, thread }: Extract<ChannelEvent, { type: "message:new" }>,
): void {
  if (thread === undefined) return;
  const { seq } = parseMessageId(thread.id);
  say(followOf(follows, shard, message.channelId, seq, thread.authorId), true, 0);
  const author = followOf(follows, shard, message.channelId, seq, message.authorId);
  say(author, true, 0);
  author.readCount = Math.max(author.readCount, message.ordinal);
}

function followOf(
  follows: Follows,
  shard: number,
  channelId: ChannelId,
  seq: number,
  userId: UserId,
): FollowChange {
  const key = `${channelId} ${seq} ${userId}`;
  let change = follows.get(key);
  if (!change) {
    change = { shard, channelId, seq, userId, following: false, atMs: 0, readCount: 0 };
    follows.set(key, change);
  }
  return change;
}

function say(change: FollowChange, following: boolean, atMs: number): void {
  if (atMs < change.atMs) return;
  change.following = following || (atMs === change.atMs && change.following);
  change.atMs = atMs;
}
