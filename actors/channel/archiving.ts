/**
 * The archive: what a channel there refuses, and how it gets there by itself when nothing has happened in it for so many days
 * (row C13). Judged at each command from the channel's state (rule E5): no timer runs for it.
 */
import type { UserId } from "../../protocol/ids.ts";
import type { EventRecord } from "../ports.ts";
import { channelEvent, type Decision, refuse } from "./decision.ts";
import type { ChannelState } from "./state.ts";

const DAY_MS = 86_400_000;

/**
 * Should the channel be in the archive by now, and is not yet? Every event counts, not messages alone: so its creation, this
 * setting, and its way out of the archive start the days anew, and the time of the last event survives a restart.
 */
export function archiveDue({ fold: { channel }, lastAtMs }: Readonly<ChannelState>, nowMs: number): boolean {
  if (channel === undefined || channel.archived || channel.kind === "space") return false;
  const { autoArchiveDays } = channel.settings;
  return autoArchiveDays !== undefined && nowMs >= lastAtMs + autoArchiveDays * DAY_MS;
}

/** Is the channel archived at `nowMs`, whether or not an event says so already? */
export function isArchived(state: Readonly<ChannelState>, nowMs: number): boolean {
  return state.fold.channel?.archived === true || archiveDue(state, nowMs);
}

/**
 * `events`, and behind them the one that archives the channel, where that is due: what is decided there after all (someone
 * leaves, is muted, is put out) does not wake it.
 */
export function archivedBehind(
  state: Readonly<ChannelState>,
  events: readonly EventRecord[],
  by: UserId,
  nowMs: number,
): readonly EventRecord[] {
  if (!archiveDue(state, nowMs)) return events;
  return [...events, channelEvent(state, events, "channel:archived", { archived: true }, by, nowMs)];
}

/** No, since the channel is archived; who comes when that is due makes it so. */
export function refuseArchived(state: Readonly<ChannelState>, by: UserId, nowMs: number): Decision {
  return { ...refuse("archived"), events: archivedBehind(state, [], by, nowMs) };
}
