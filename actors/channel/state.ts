/**
 * A channel's rules, with no clock, no socket and no store in reach. `decide` reads the state and says what should happen,
 * or what it must know first; `apply` is the only place where what happened changes the state, in place, and it never
 * refuses: recovery is `apply` over the log. Each family of rules is a file beside this one.
 */

import type { Position } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import { type ChannelFold, foldChannel, unwritten } from "../../protocol/fold.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { assert, unreachable } from "../../src/lib/assert.ts";
import type { ChannelCommand } from "../commands.ts";
import type { ChannelRow, EventRecord } from "../ports.ts";
import { decideCreate } from "./creation.ts";
import { answer, type Outcome, sendKey } from "./decision.ts";
import { type Facts, forgetLookup } from "./facts.ts";
import { decideOpen, decideSync, type Recent } from "./history.ts";
import { decideMark, type Mark, type Marks, replayMark } from "./marks.ts";
import { greater, knownMember, type MemberFacts, type Members, touched } from "./members.ts";
import { decideInvite, decideJoin, decideLeave } from "./membership.ts";
import { decideSend } from "./sending.ts";

/** Reigns remembered per channel (rule I1). */
export const REIGNS_MAX = 32;

export type ChannelState = {
  readonly id: ChannelId;
  /** Epoch of the reign that decides here. */
  readonly reign: number;
  /** The channel, its position, its counts. */
  readonly fold: ChannelFold;
  /** `atMs` of the last event: the next is not earlier (rule E5). */
  lastAtMs: number;
  /** (first seq, epoch) of the last reigns, oldest first. */
  readonly reigns: Position[];
  readonly members: Members;
  /** Events that Postgres lacks, oldest first, without a gap up to the head. */
  readonly unflushed: EventRecord[];
  /** Those of them that are messages, by `sendKey`: a resend finds its first here (rule S1). */
  unflushedSends?: Map<string, EventRecord>;
  /** Postgres has every event up to here. */
  flushedSeq: number;
  /** Undefined while there are none that Postgres lacks. */
  marks?: Marks;
  /** Confirmed events of the resume window, kept by the shard. */
  readonly recent: Recent;
  /** What was looked up for the commands that wait. */
  readonly facts: Facts;
};

/** A channel as Postgres has it, or one that is not there yet, in the hands of a new owner. */
export function restore(
  id: ChannelId,
  reign: number,
  row: ChannelRow | undefined,
  recent: Recent,
): ChannelState {
  const { channel } = row ?? {};
  const fold =
    channel && row
      ? {
          channel,
          seq: channel.seq,
          epoch: channel.epoch,
          memberCount: channel.memberCount,
          messageCount: row.messageCount,
        }
      : unwritten();
  return {
    id,
    reign,
    fold,
    recent,
    lastAtMs: row?.lastAtMs ?? 0,
    reigns: row ? [...row.reigns] : [],
    members: { byUser: new Map(), complete: row === undefined },
    unflushed: [],
    flushedSeq: fold.seq,
    facts: {},
  };
}

/** Judges one command at `nowMs` (Unix). Reads `state`, changes nothing. */
export function decide(state: Readonly<ChannelState>, command: ChannelCommand, nowMs: number): Outcome {
  switch (command.type) {
    case "create":
      return decideCreate(state, command, nowMs);
    case "send":
      return decideSend(state, command, nowMs);
    case "join":
      return decideJoin(state, command, nowMs);
    case "leave":
      return decideLeave(state, command, nowMs);
    case "invite":
      return decideInvite(state, command, nowMs);
    case "open":
      return decideOpen(state, command, nowMs);
    case "sync":
      return decideSync(state, command, nowMs);
    case "mark":
      return decideMark(state, command, nowMs);
    case "member":
      return decideMember(state, command.userId);
    default:
      return unreachable(command);
  }
}

/** One member as they stand, to another actor: it judges for itself. */
function decideMember(state: Readonly<ChannelState>, userId: UserId): Outcome {
  const kind = state.fold.channel?.kind;
  if (kind === undefined) return answer({});
  const facts = knownMember(state.members, userId);
  if (facts === undefined) return { need: [{ fact: "member", userId }] };
  return answer({ kind, member: facts.member });
}

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

/** Is everything that happened here in Postgres? */
export function isSettled(state: Readonly<ChannelState>): boolean {
  return state.unflushed.length === 0 && state.marks === undefined;
}
