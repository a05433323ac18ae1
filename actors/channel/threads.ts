/** Threads: replies under a message, who follows them, and how much of them each has read (row C7, rule E6). */
import type { ChannelEvent } from "../../protocol/events.ts";
import { type MessageId, parseMessageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { assert } from "../../src/lib/assert.ts";
import type { ChannelCommand } from "../commands.ts";
import type { FollowRecord, FollowRow } from "../ports.ts";
import { answer, type Decision, type Need, nextEvent, type Outcome, refuse } from "./decision.ts";
import { type Facts, factName, keepLast } from "./facts.ts";
import { knownMessage } from "./messages.ts";
import { admitTo } from "./named.ts";
import type { ChannelState } from "./state.ts";

/** People's standings in threads kept per channel. Chosen: who talks in its threads within minutes, at about 0.2 KB each. */
const FOLLOWS_MAX = 1_000;

/** What a person has to do with a thread. All that changes it passes here, so it stays right while it is kept. */
export type Following = {
  /** What they said. Undefined: nothing, as far as is known; who began it, or replied, follows until they say otherwise. */
  following: boolean | undefined;
  /** When they said it; 0: they never did, as far as is known. */
  atMs: number;
  readCount: number;
  /** They have replied, in a thread of another: a row that nobody's word stands in may be older than that. */
  hasReplied: boolean;
  /** False: only what happened since activation is known, not the row beneath. */
  known: boolean;
};

const NOT_A_FIRST_MESSAGE = "A thread is named by its first message, and has none inside it.";

/** The message that a request names, where a request may name it. */
export function namedMessage(
  state: Readonly<ChannelState>,
  id: MessageId,
): Readonly<Message> | Decision | Need {
  const { channelId, seq } = parseMessageId(id);
  if (channelId !== state.id)
    return refuse("malformed", { message: "The message that this one refers to is in another channel." });
  const facts = knownMessage(state, seq);
  if (facts === undefined) return { need: [{ fact: "message", seq }] };
  return facts === "missing" ? refuse("not_found") : facts.message;
}

/** The first message of the thread that a request names. */
export function threadOf(state: Readonly<ChannelState>, id: MessageId): Readonly<Message> | Decision | Need {
  const root = namedMessage(state, id);
  if (!("id" in root) || root.threadId === undefined) return root;
  return refuse("malformed", { message: NOT_A_FIRST_MESSAGE });
}

/** Follows a thread or no longer, or marks its first `readCount` replies as read. */
export function decideFollow(
  state: Readonly<ChannelState>,
  { by, seq, following, readCount }: Extract<ChannelCommand, { type: "follow" }>,
  nowMs: number,
): Outcome {
  const action = following === undefined ? "read" : "react";
  const known = followingOf(state.facts, seq, by);
  const named = admitTo(state, { by, seq }, action, nowMs, () =>
    known ? [] : [{ fact: "follow", seq, userId: by }],
  );
  if (!("about" in named)) return named;
  const root = named.about.message;
  if (root.threadId !== undefined) return refuse("malformed", { message: NOT_A_FIRST_MESSAGE });
  assert(known !== undefined, "it was needed, and is here");
  const read = Math.max(known.readCount, Math.min(readCount ?? 0, root.replyCount));
  // Later than what they said before, be it in this millisecond, or by the clock of another owner.
  const atMs = Math.max(nextEvent(state, by, nowMs).atMs, known.atMs + 1);
  const follow: FollowRecord["follow"] = { userId: by, seq, atMs };
  if (following !== undefined && following !== known.following) follow.following = following;
  if (read > known.readCount) follow.readCount = read;
  const moved = follow.following !== undefined || follow.readCount !== undefined;
  const decision = answer({ unread: root.replyCount - read });
  return moved ? { ...decision, follows: [follow] } : decision;
}

/** What is known of a person in the thread that `seq` began; undefined: it must be fetched. Changes nothing. */
export function followingOf(facts: Facts, seq: number, userId: UserId): Readonly<Following> | undefined {
  const kept = facts.follows?.get(factName({ fact: "follow", seq, userId }));
  return kept?.known ? kept : undefined;
}

/** Lays what happened here over the row that a fetch brought: of two, the later and the greater. */
export function learnFollow(facts: Facts, seq: number, userId: UserId, row: FollowRow | undefined): void {
  const kept = touched(facts, seq, userId);
  kept.known = true;
  kept.readCount = Math.max(kept.readCount, row?.readCount ?? 0);
  if (row && row.atMs > kept.atMs) Object.assign(kept, { following: row.following, atMs: row.atMs });
  kept.following ??= row?.following;
  doubt(kept);
}

/** Takes in what was decided here, or found in the log. */
export function applyFollow(
  facts: Facts,
  { userId, seq, atMs, following, readCount = 0 }: FollowRecord["follow"],
): void {
  const kept = touched(facts, seq, userId);
  if (following !== undefined && atMs >= kept.atMs) Object.assign(kept, { following, atMs });
  kept.readCount = Math.max(kept.readCount, readCount);
}

/** Who replies follows, unless they said otherwise, and has read up to there. */
export function applyReply(
  facts: Facts,
  { message, thread }: Extract<ChannelEvent, { type: "message:new" }>,
): void {
  if (thread === undefined) return;
  const { authorId, ordinal } = message;
  const kept = touched(facts, parseMessageId(thread.id).seq, authorId);
  kept.readCount = Math.max(kept.readCount, ordinal);
  kept.hasReplied ||= authorId !== thread.authorId;
  doubt(kept);
}

/** Postgres says of whoever has read a thread that they do not follow it, until they reply: that is no word of theirs. */
function doubt(kept: Following): void {
  if (kept.hasReplied && kept.atMs === 0 && kept.following === false) kept.following = undefined;
}

function touched(facts: Facts, seq: number, userId: UserId): Following {
  const name = factName({ fact: "follow", seq, userId });
  facts.follows ??= new Map();
  const kept = facts.follows.get(name) ?? {
    following: undefined,
    atMs: 0,
    readCount: 0,
    hasReplied: false,
    known: false,
  };
  keepLast(facts.follows, name, kept, FOLLOWS_MAX);
  return kept;
}
