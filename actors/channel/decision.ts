/** What deciding a command comes to, and the few phrases that every family of rules speaks in. */
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import { channelOf, foldChannel } from "../../protocol/fold.ts";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, type RefusalCode, type RefusalExtras, refused } from "../../protocol/refusals.ts";
import { assert } from "../../src/lib/assert.ts";
import type { EventRecord } from "../ports.ts";
import type { FactKey } from "./facts.ts";
import type { ChannelState, Mark } from "./state.ts";

/** What should happen: events for the log, marks, and the answer for whoever asked. Changes nothing by itself. */
export type Decision = {
  events: readonly EventRecord[];
  marks?: readonly Mark[];
  answer: Answer;
  /** The answer leaves when Postgres has all that was decided up to here (rule S3). */
  waitsForFlush?: boolean;
};
/** What must be known before it can be decided; then the command is decided again, from the start. */
export type Need = { need: FactKey[] };
export type Outcome = Decision | Need;

/** The next event of this channel, at the time it happens. `ahead`: how many are decided before it in the same command. */
export function nextEvent(state: Readonly<ChannelState>, by: UserId, nowMs: number, ahead = 0) {
  return { seq: state.fold.seq + 1 + ahead, atMs: Math.max(nowMs, state.lastAtMs), by };
}

/** An event as the log keeps it, decided in this reign. */
export function recordOf(state: Readonly<ChannelState>, event: ChannelEvent, sentHash?: string): EventRecord {
  const record: EventRecord = { channelId: state.id, epoch: state.reign, event };
  return sentHash === undefined ? record : { ...record, sentHash };
}

/** The channel as it will stand after `events`, as an object of the caller's own. */
export function channelAfter(state: Readonly<ChannelState>, events: readonly EventRecord[]): Channel {
  const fold = { ...state.fold };
  for (const { epoch, event } of events) foldChannel(fold, epoch, event);
  const channel = channelOf(fold);
  assert(channel !== undefined, "a channel that is answered exists");
  return channel;
}

/** Nothing happens; who asked hears this. */
export function answer(content: object): Decision {
  return { events: [], answer: { ok: true, ...content } };
}

/** Nothing happens; who asked hears no. */
export function refuse(code: RefusalCode, extras?: RefusalExtras): Decision {
  return { events: [], answer: refused(code, extras) };
}
