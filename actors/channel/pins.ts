/** Pins: few enough to be read, and known by their number without loading a message (row C9). */
import type { ChannelEvent } from "../../protocol/events.ts";
import { parseMessageId } from "../../protocol/ids.ts";
import { PINS_MAX } from "../../protocol/message.ts";
import type { ChannelCommand } from "../commands.ts";
import { cutOff } from "./access.ts";
import { isArchived, refuseArchived } from "./archiving.ts";
import { answer, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { eventAt } from "./history.ts";
import { admitTo } from "./named.ts";
import type { ChannelState } from "./state.ts";

type Pin = Extract<ChannelCommand, { type: "pin" }>;

/** Whoever may pin may unpin. What stands so already changes nothing (rule B1). */
export function decidePin(state: Readonly<ChannelState>, command: Pin, nowMs: number): Outcome {
  const { by, pinned } = command;
  const isCountUnknown = pinned && state.pins === undefined;
  const named = admitTo(state, command, "pin", nowMs, () => (isCountUnknown ? [{ fact: "pins" }] : []));
  if (!("about" in named)) return named;
  const { message } = named.about;
  if (message.deletedAtMs !== undefined) return refuse("already_deleted");
  if (message.pinned === pinned) return answer({});
  if (isArchived(state, nowMs)) return refuseArchived(state, by, nowMs);
  const stopped = pinned ? cutOff(state, by, nowMs) : undefined;
  if (stopped) return stopped;
  if (pinned && state.pins!.size >= PINS_MAX)
    return refuse("conflict", { message: `The channel has ${PINS_MAX} pins, as many as it may have.` });
  const type = pinned ? "message:pinned" : "message:unpinned";
  const event: ChannelEvent = { type, ...nextEvent(state, by, nowMs), messageId: message.id };
  return { ...answer({}), events: [recordOf(state, event)] };
}

/** Brings the pins, where they are known, past an event that `state` has just taken in. */
export function applyToPins(state: ChannelState, event: ChannelEvent): void {
  if (state.pins) takePin(state.pins, event);
}

/** Takes in the pins that were fetched; false: what Postgres lacked then is not in memory any more, so they must be fetched again. */
export function learnPins(
  state: ChannelState,
  { seqs, asOfSeq }: { seqs: readonly number[]; asOfSeq: number },
): boolean {
  if (state.pins) return true;
  const pins = new Set(seqs);
  for (let next = asOfSeq + 1; next <= state.fold.seq; next++) {
    const event = eventAt(state, next)?.event;
    if (event === undefined) return false;
    takePin(pins, event);
  }
  state.pins = pins;
  return true;
}

/** What is deleted is not pinned any more. */
function takePin(pins: Set<number>, event: ChannelEvent): void {
  if (event.type === "message:pinned") pins.add(parseMessageId(event.messageId).seq);
  else if (event.type === "message:unpinned") pins.delete(parseMessageId(event.messageId).seq);
  else if (event.type === "message:deleted")
    for (const id of event.messageIds ?? [event.messageId]) if (id) pins.delete(parseMessageId(id).seq);
}
