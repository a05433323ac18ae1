/**
 * Unflushed events over what Postgres says (rule H4). Postgres may have caught up meanwhile, or be ahead of the events:
 * every step may be repeated, and what is deleted stays deleted.
 */
import type { Member } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import { foldMessages } from "../protocol/fold.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";

/** `messages` with `events` (oldest first) applied as `me` sees them: oldest first, changed ones replaced by copies. */
export function overlayMessages(
  messages: readonly Message[],
  events: readonly ChannelEvent[],
  me: UserId,
): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  for (const event of events) {
    const known = event.type === "message:new" ? byId.get(event.message.id) : undefined;
    // Postgres has it, and perhaps what became of it: only the thread's numbers are left to take.
    foldMessages(byId, event.type === "message:new" && known ? { ...event, message: known } : event, me);
  }
  return [...byId.values()].sort((a, b) => a.seq - b.seq);
}

/** Messages that were there before and that the events change, each once. */
export function touchedMessages(events: readonly ChannelEvent[]): MessageId[] {
  const touched = new Set<MessageId>();
  for (const event of events) {
    if (event.type === "message:new") {
      if (event.thread) touched.add(event.thread.id);
    } else if ("messageId" in event && event.messageId !== undefined) touched.add(event.messageId);
    else if (event.type === "message:deleted") for (const id of event.messageIds ?? []) touched.add(id);
  }
  return [...touched];
}

/** Members whom the events touched, as the last of them left each. */
export function touchedMembers(events: readonly ChannelEvent[]): Map<UserId, Member> {
  const touched = new Map<UserId, Member>();
  for (const event of events) {
    if (event.type === "member:joined" || event.type === "member:updated" || event.type === "member:left") {
      touched.set(event.member.userId, event.member);
    }
  }
  return touched;
}
