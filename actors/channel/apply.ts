/**
 * The only place where what happened changes a channel's state, in place; it never refuses: recovery is `apply` over the log.
 */
import type { ChannelEvent } from "../../protocol/events.ts";
import { foldChannel } from "../../protocol/fold.ts";
import type { UserId } from "../../protocol/ids.ts";
import { assert } from "../../src/lib/assert.ts";
import type { EventRecord } from "../ports.ts";
import { forgetLookup, sendKey } from "./facts.ts";
import { replayMark } from "./marks.ts";
import { greater, type MemberFacts, touched } from "./members.ts";
import type { ChannelState, Mark } from "./state.ts";

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
}

function touchMembers(state: ChannelState, record: EventRecord): void {
  const { event } = record;
  switch (event.type) {
    case "message:new": {
      const { authorId, clientId, ordinal, threadId } = event.message;
      const facts = touchedBy(state, event, authorId);
      facts.lastSentAtMs = event.atMs;
      facts.lastClientId = greater(facts.lastClientId, clientId);
      passed(facts, event.seq, threadId === undefined ? ordinal : facts.readCount);
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
}

/** Replays what the log holds and Postgres lacks over the channel's row; what the row has already is skipped (rule A1). */
export function replay(state: ChannelState, events: readonly EventRecord[], marks: readonly Mark[]): void {
  for (const record of events) if (record.event.seq > state.fold.seq) apply(state, record);
  for (const mark of marks) replayMark(state, mark);
}
