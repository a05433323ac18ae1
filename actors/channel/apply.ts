/**
 * The only place where what happened changes a channel's state, in place; it never refuses: recovery is `apply` over the log.
 */
import type { ChannelEvent } from "../../protocol/events.ts";
import { foldChannel } from "../../protocol/fold.ts";
import type { UserId } from "../../protocol/ids.ts";
import { assert } from "../../src/lib/assert.ts";
import type { EventRecord, FollowRecord, LogRecord } from "../ports.ts";
import type { Decision } from "./decision.ts";
import { forgetLookup, sendKey } from "./facts.ts";
import { applyMark, MARKS_AT_ONCE_MAX, replayMark, takeMarks } from "./marks.ts";
import { greater, type MemberFacts, touched } from "./members.ts";
import { applyToMessages, evictMessages } from "./messages.ts";
import { applyToPins } from "./pins.ts";
import { paceAfter } from "./slow-mode.ts";
import type { ChannelState, Mark } from "./state.ts";
import { applyFollow, applyReply } from "./threads.ts";
import { countMentions } from "./unread.ts";

/** Reigns remembered per channel (rule I1). */
export const REIGNS_MAX = 32;

/** Moves `state` past one event that was decided here or comes from the log. Throws where it does not follow. */
export function apply(state: ChannelState, record: EventRecord): void {
  const { epoch, event } = record;
  assert(record.channelId === state.id, `an event of ${record.channelId} in ${state.id}`);
  foldChannel(state.fold, epoch, event);
  if (state.reigns.at(-1)?.[1] !== epoch) state.reigns.push([event.seq, epoch]);
  if (state.reigns.length > REIGNS_MAX) state.reigns.shift();
  state.lastAtMs = Math.max(state.lastAtMs, event.atMs);
  state.unflushed.push(record);
  touchMembers(state, record);
  applyToMessages(state, event);
  applyToPins(state, event);
}

/**
 * Moves `state` past what was decided beside events, and answers what of it goes into the log with them. Marks that come with
 * events do; others are gathered.
 */
export function applyBeside(
  state: ChannelState,
  { marks = [], follows = [] }: Pick<Decision, "marks" | "follows">,
  isWithEvents: boolean,
): LogRecord[] {
  for (const mark of marks) applyMark(state, mark);
  for (const follow of follows) applyFollow(state.facts, follow);
  const records: LogRecord[] = follows.map((follow) => ({ channelId: state.id, follow }));
  if (isWithEvents && marks.length > 0) records.push(...takeMarks(state, MARKS_AT_ONCE_MAX));
  return records;
}

function touchMembers(state: ChannelState, record: EventRecord): void {
  const { event } = record;
  switch (event.type) {
    case "message:new": {
      const { authorId, clientId, ordinal, threadId } = event.message;
      countMentions(state, event.message);
      applyReply(state.facts, event);
      const facts = touchedBy(state, event, authorId);
      facts.lastSentAtMs = event.atMs;
      facts.lastClientId = greater(facts.lastClientId, clientId);
      passed(facts, event.seq, threadId === undefined ? ordinal : state.fold.messageCount);
      state.lastMessageAtMs = event.atMs;
      state.pace = paceAfter(state.pace, event.atMs);
      const key = sendKey(authorId, clientId);
      state.unflushedSends ??= new Map();
      state.unflushedSends.set(key, record);
      forgetLookup(state.facts, key);
      break;
    }
    case "member:joined": {
      const facts = touchedBy(state, event, event.member.userId);
      facts.member = event.member;
      passed(facts, event.seq, state.fold.messageCount);
      if (state.fold.channel?.kind === "dm") state.pair = [...(state.pair ?? []), event.member.userId];
      break;
    }
    case "member:left":
    case "member:updated":
      touchedBy(state, event, event.member.userId).member = event.member;
      break;
  }
}

function touchedBy(state: ChannelState, event: ChannelEvent, userId: UserId): MemberFacts {
  const facts = touched(state.members, userId);
  facts.touchedSeq = event.seq;
  return facts;
}

/** Sending moves the author's marks, joining starts at the head (rule E6). */
function passed(facts: MemberFacts, seq: number, readCount: number): void {
  facts.deliveredSeq = seq;
  facts.readSeq = seq;
  facts.readCount = Math.max(facts.readCount, readCount);
  facts.mentions = 0;
}

/** Postgres has every event up to `seq`: what was kept for its sake may go (rules A2, S1). */
export function settle(state: ChannelState, seq: number): void {
  if (seq <= state.flushedSeq) return;
  const count = Math.min(seq - state.flushedSeq, state.unflushed.length);
  for (const { event } of state.unflushed.splice(0, count)) {
    if (event.type === "message:new")
      state.unflushedSends?.delete(sendKey(event.message.authorId, event.message.clientId));
  }
  state.flushedSeq = seq;
  if (state.unflushedSends?.size === 0) state.unflushedSends = undefined;
  evictMessages(state);
}

/** Replays what the log holds and Postgres lacks over the channel's row; what the row has already is skipped (rule A1). */
export function replay(state: ChannelState, { events, marks, follows = [] }: Replayed): void {
  for (const record of events) if (record.event.seq > state.fold.seq) apply(state, record);
  for (const mark of marks) replayMark(state, mark);
  for (const follow of follows) applyFollow(state.facts, follow);
}

/** Oldest first. */
type Replayed = {
  events: readonly EventRecord[];
  marks: readonly Mark[];
  follows?: readonly FollowRecord["follow"][];
};
