/** What deciding a command comes to, and the few phrases that every family of rules speaks in. */
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import { channelOf, foldChannel } from "../../protocol/fold.ts";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, type RefusalCode, type RefusalExtras, refused } from "../../protocol/refusals.ts";
import { assert } from "../../src/lib/assert.ts";
import type { Notice, UnreadCounts } from "../commands.ts";
import type { EventRecord, FollowRecord } from "../ports.ts";
import type { FactKey } from "./facts.ts";
import type { ChannelState, Mark } from "./state.ts";
import type { TypingChange } from "./typing.ts";

/** What should happen: events for the log, marks, and the answer for whoever asked. Changes nothing by itself. */
export type Decision = {
  events: readonly EventRecord[];
  marks?: readonly Mark[];
  /** What becomes of threads that people follow: logged with the events. */
  follows?: readonly FollowRecord["follow"][];
  /** Said to people's session actors, when all this is in the log. */
  notices?: readonly ToPerson[];
  /** Said after that to who follows a thread: nothing waits for it. */
  followersOf?: ToFollowers;
  /** Shown at once, and not logged. */
  typing?: TypingChange;
  answer: Answer;
  /** Who is out of this space: the answer leaves when every node has heard it (rule E1). */
  outOfSpace?: UserId;
  /** The answer leaves when Postgres has all that was decided up to here (rule S3). */
  waitsForFlush?: boolean;
};
export type ToPerson = { userId: UserId; notice?: Notice; unread?: UnreadCounts };
/** `seq` began the thread; `except`: who need not be told. */
export type ToFollowers = { seq: number; notice: Notice; except: readonly UserId[] };
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

/** What `before` leaves of the channel, changed: the event behind them. */
export function channelEvent(
  state: Readonly<ChannelState>,
  before: readonly EventRecord[],
  type: "channel:updated" | "channel:archived",
  changes: Partial<Channel>,
  by: UserId,
  nowMs: number,
): EventRecord {
  const common = nextEvent(state, by, nowMs, before.length);
  const channel = { ...channelAfter(state, before), ...changes, seq: common.seq, epoch: state.reign };
  return recordOf(state, { type, ...common, channel });
}

/** Nothing happens; who asked hears this. */
export function answer(content: object): Decision {
  return { events: [], answer: { ok: true, ...content } };
}

/** Nothing happens; who asked hears no. */
export function refuse(code: RefusalCode, extras?: RefusalExtras): Decision {
  return { events: [], answer: refused(code, extras) };
}
