/** Slow mode: how long an author waits between two messages, over all devices and nodes, and how it comes by itself (row C11). */
import { type AutoSlowMode, atLeast, type Channel, type Member } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { EventRecord } from "../ports.ts";
import { channelEvent, nextEvent } from "./decision.ts";
import type { ChannelState } from "./state.ts";

const MINUTE_MS = 60_000;

/** Automatic slow mode lasts so long past its last renewal, and is renewed while people are too fast and less than half is left. */
const SLOWED_MS = MINUTE_MS;

/**
 * Milliseconds until `member` may send again; 0: now. The longer of the channel's own slow mode and the automatic one, which
 * holds nobody past its end. Moderators are exempt. `lastSentAtMs` comes with the member from Postgres, so the wait survives a
 * restart (rule E5); 0: has never sent.
 */
export function slowModeWaitMs(
  { settings, slowed }: Pick<Channel, "settings" | "slowed">,
  member: Member,
  lastSentAtMs: number,
  nowMs: number,
): number {
  if (lastSentAtMs === 0 || atLeast(member.role, "moderator")) return 0;
  const afterMs = (seconds: number) => lastSentAtMs + seconds * 1_000;
  const untilMs = afterMs(settings.slowModeSeconds ?? 0);
  const automaticMs = slowed ? Math.min(afterMs(slowed.seconds), slowed.untilMs) : 0;
  return Math.max(0, untilMs - nowMs, automaticMs - nowMs);
}

const SLOT_MS = 5_000;
const SLOTS = MINUTE_MS / SLOT_MS;

/**
 * Messages of the last minute, counted in slots of 5 s by the time of their events, so that replay counts the same: what is
 * older than a minute never counts, at most 5 s of the minute are not seen. `slot` is that of the last message, in such slots
 * since the Unix epoch; a slot's count stands in `counts` at its number modulo their length.
 */
export type Pace = { slot: number; counts: number[] };

/** The pace once a message has come at `atMs`, not before the last: `pace` itself, changed in place, where there is one. */
export function paceAfter(pace: Pace | undefined, atMs: number): Pace {
  const slot = Math.floor(atMs / SLOT_MS);
  const after = pace ?? { slot, counts: new Array<number>(SLOTS).fill(0) };
  for (let next = Math.max(after.slot, slot - SLOTS) + 1; next <= slot; next++)
    after.counts[next % SLOTS] = 0;
  after.slot = slot;
  after.counts[slot % SLOTS]!++;
  return after;
}

/** Messages in the minute up to `atMs`. */
export function messagesLately(pace: Readonly<Pace> | undefined, atMs: number): number {
  if (pace === undefined) return 0;
  let messages = 0;
  const first = Math.floor(atMs / SLOT_MS) - SLOTS + 1;
  for (let slot = first; slot <= pace.slot; slot++) messages += pace.counts[slot % SLOTS]!;
  return messages;
}

/** `minSeconds` up to twice the limit, doubled with each doubling of the rate: so a restless rate does not change it all the time. */
function secondsAt(rate: number, { messagesPerMinute: limit, minSeconds, maxSeconds }: AutoSlowMode): number {
  const doublings = Math.floor(Math.log2(rate / limit));
  return Math.min(maxSeconds, minSeconds * 2 ** doublings);
}

/**
 * For `sending.ts`: `events`, the last of which is a new message, and behind them the one that slows the channel, where that
 * message makes it faster than its setting allows. Not an event per message: it rises at once, and is renewed, higher or
 * lower, when less than half of its time is left.
 */
export function slowedBehind(
  state: Readonly<ChannelState>,
  events: readonly EventRecord[],
  by: UserId,
  nowMs: number,
): readonly EventRecord[] {
  const { channel } = state.fold;
  const setting = channel?.settings.autoSlowMode;
  if (setting === undefined) return events;
  const { atMs } = nextEvent(state, by, nowMs);
  const rate = messagesLately(state.pace, atMs) + 1;
  if (rate <= setting.messagesPerMinute) return events;
  const seconds = secondsAt(rate, setting);
  const { slowed } = channel!;
  if (slowed && seconds <= slowed.seconds && slowed.untilMs - atMs >= SLOWED_MS / 2) return events;
  const next = { slowed: { seconds, untilMs: atMs + SLOWED_MS } };
  return [...events, channelEvent(state, events, "channel:updated", next, by, nowMs)];
}
