/**
 * Unflushed events over what Postgres says (rule H4). Postgres may have caught up meanwhile, or be ahead of the events:
 * every step may be repeated, and what is deleted stays deleted.
 */
import type { Member } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import { deletedBy, foldMessages } from "../protocol/fold.ts";
import type { MessageId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { MessageVersion } from "./ports.ts";

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
    } else if (event.type === "message:deleted") for (const id of deletedBy(event)) touched.add(id);
    else if ("messageId" in event) touched.add(event.messageId);
  }
  return [...touched];
}

/** Messages that the events leave pinned, the last pinned first. */
export function pinnedMessages(events: readonly ChannelEvent[]): MessageId[] {
  const pinned = new Set<MessageId>();
  for (const event of events) {
    if (event.type === "message:deleted") for (const id of deletedBy(event)) pinned.delete(id);
    if (event.type !== "message:pinned" && event.type !== "message:unpinned") continue;
    pinned.delete(event.messageId);
    if (event.type === "message:pinned") pinned.add(event.messageId);
  }
  return [...pinned].reverse();
}

type Reactor = { userId: UserId; emoji: string };

/** Who has put what on a message after the events, in the order in which they did. */
export function overlayReactors(
  stored: readonly Reactor[],
  events: readonly ChannelEvent[],
  id: MessageId,
): Reactor[] {
  let reactors = [...stored];
  for (const event of events) {
    if (event.type === "message:deleted" && deletedBy(event).includes(id)) reactors = [];
    if (event.type !== "reaction:added" && event.type !== "reaction:removed") continue;
    if (event.messageId !== id) continue;
    const { by: userId, emoji } = event;
    const at = reactors.findIndex((each) => each.userId === userId && each.emoji === emoji);
    if (event.type === "reaction:removed") reactors = reactors.filter((_, i) => i !== at);
    else if (at === -1) reactors.push({ userId, emoji });
  }
  return reactors;
}

/** Every text of a message after the events, oldest first. */
export function overlayVersions(
  stored: readonly MessageVersion[],
  events: readonly ChannelEvent[],
  id: MessageId,
): MessageVersion[] {
  const versions = [...stored];
  for (const event of events) {
    const content = writtenBy(event, id);
    if (content === undefined) continue;
    const { by, atMs } = event;
    // Postgres may have caught up meanwhile.
    const isKnown = versions.some((known) => known.atMs === atMs && known.content === content);
    if (!isKnown) versions.push({ content, by, atMs });
  }
  return versions;
}

/** The text that an event gives this message; undefined: none. */
function writtenBy(event: ChannelEvent, id: MessageId): string | undefined {
  if (event.type === "message:new" && event.message.id === id) return event.message.content;
  return event.type === "message:updated" && event.messageId === id ? event.content : undefined;
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
