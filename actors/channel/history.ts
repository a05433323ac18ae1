/** Reading: who may listen, and what happened after a position, from memory alone (rules H4, I1; row D5). */
import type { Position } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { ChannelSynced } from "../../protocol/requests.ts";
import type { ChannelCommand, Opened } from "../commands.ts";
import type { EventRecord } from "../ports.ts";
import { admit } from "./access.ts";
import { answer, channelAfter, type Outcome } from "./decision.ts";
import { knownMember } from "./members.ts";
import type { ChannelState } from "./state.ts";

export function decideOpen(state: Readonly<ChannelState>, { by }: { by: UserId }, nowMs: number): Outcome {
  const admitted = admit(state, by, "read", nowMs);
  if (!("member" in admitted)) return admitted;
  return answer(opened(state, by, []));
}

/** What a listener starts from once `events` have happened: the channel, the own membership, what Postgres lacks (rule H4). */
export function opened(state: Readonly<ChannelState>, by: UserId, events: readonly EventRecord[]): Opened {
  const channel = channelAfter(state, events);
  const joined = events.map(({ event }) => event).findLast((event) => event.type === "member:joined");
  const membership = joined?.member ?? knownMember(state.members, by)!.member!;
  const unflushed = [...state.unflushed, ...events].map(({ event }) => event);
  return { channel, membership, seq: channel.seq, epoch: channel.epoch, unflushed };
}

type Sync = Extract<ChannelCommand, { type: "sync" }>;

/**
 * Events after a position, at most `limit` and of one reign; `reset` where the position lies beyond the head, on another
 * history, or outside what is in memory. What is not confirmed yet is, when the answer has passed the gate.
 */
export function decideSync(state: Readonly<ChannelState>, command: Sync, nowMs: number): Outcome {
  const admitted = admit(state, command.by, "read", nowMs);
  if (!("member" in admitted)) return admitted;
  return answer(syncedFrom(state, command));
}

function syncedFrom(
  state: Readonly<ChannelState>,
  { afterSeq, epoch, limit }: Omit<Sync, "type" | "by">,
): ChannelSynced {
  const { seq: head, epoch: headEpoch } = state.fold;
  const reset: ChannelSynced = { events: [], seq: head, epoch: headEpoch, more: false, reset: true };
  if (afterSeq > head || !isOurs(state.reigns, afterSeq, epoch)) return reset;
  if (afterSeq === head) return { events: [], seq: head, epoch: headEpoch, more: false };
  const first = eventAt(state, afterSeq + 1);
  if (first === undefined) return reset;
  const events: ChannelEvent[] = [];
  for (let seq = afterSeq + 1; seq <= head && events.length < limit; seq++) {
    const record = eventAt(state, seq);
    if (record?.epoch !== first.epoch) break;
    events.push(record.event);
  }
  const seq = afterSeq + events.length;
  return { events, seq, epoch: first.epoch, more: seq < head };
}

/** Does (seq, epoch) name a position of this history? Nothing is before the first event, whatever the epoch. */
function isOurs(reigns: readonly Position[], seq: number, epoch: number | undefined): boolean {
  if (epoch === undefined || seq === 0) return true;
  return reigns.findLast(([first]) => first <= seq)?.[1] === epoch;
}

/** An event of this channel that memory holds: unflushed, or within the resume window. */
export function eventAt(state: Readonly<ChannelState>, seq: number): EventRecord | undefined {
  return seq > state.flushedSeq
    ? state.unflushed[seq - state.flushedSeq - 1]
    : state.recent.at(state.id, seq);
}
