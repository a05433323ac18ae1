/** Taking messages away: one's own, or as a moderator anyone's, many in one event (row C6). */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { Message } from "../../protocol/message.ts";
import type { ChannelCommand } from "../commands.ts";
import { admit, permits } from "./access.ts";
import { archivedBehind, isArchived, refuseArchived } from "./archiving.ts";
import { answer, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import type { FactKey } from "./facts.ts";
import { knownMessage } from "./messages.ts";
import type { ChannelState } from "./state.ts";

type Delete = Extract<ChannelCommand, { type: "delete" }>;

/**
 * Whoever moderates deletes everyone's messages, those of who stands above them included: what must go must go whoever said it,
 * and the event names who took it away. In a dm nobody does. Others delete their own, muted or not, but not out of the archive.
 * What is deleted already is passed over, and among several what is no message; nothing left changes nothing (rule B1).
 */
export function decideDelete(state: Readonly<ChannelState>, { by, seqs }: Delete, nowMs: number): Outcome {
  const admitted = admit(state, by, "read", nowMs);
  if ("answer" in admitted) return admitted;
  const { messages, need } = namedBy(state, seqs);
  if ("need" in admitted) return { need: [...admitted.need, ...need] };
  if (need.length > 0) return { need };
  if (seqs.length === 1 && messages.length === 0) return refuse("not_found");
  const standing = messages.filter(({ deletedAtMs }) => deletedAtMs === undefined);
  if (standing.length === 0) return answer({});
  if (!permits(admitted.channel.kind, admitted.member, "moderate")) {
    if (standing.some(({ authorId }) => authorId !== by)) return refuse("forbidden");
    if (isArchived(state, nowMs)) return refuseArchived(state, by, nowMs);
  }
  const ids = standing.map(({ id }) => id);
  const event: ChannelEvent = {
    type: "message:deleted",
    ...nextEvent(state, by, nowMs),
    ...(ids.length === 1 ? { messageId: ids[0] } : { messageIds: ids }),
  };
  return { ...answer({}), events: archivedBehind(state, [recordOf(state, event)], by, nowMs) };
}

/** The messages under these places, in their order, and those that must be fetched. */
function namedBy(
  state: Readonly<ChannelState>,
  seqs: readonly number[],
): { messages: Message[]; need: FactKey[] } {
  const messages: Message[] = [];
  const need: FactKey[] = [];
  for (const seq of [...new Set(seqs)].sort((a, b) => a - b)) {
    const about = knownMessage(state, seq);
    if (about === undefined) need.push({ fact: "message", seq });
    else if (about !== "missing") messages.push(about.message);
  }
  return { messages, need };
}
