/** Single faults in what events do to messages, and in what is held and served of them at the end. */
import type { Message } from "../../protocol/message.ts";
import type { EventSeen, Held, HistoryRecord, Served } from "./history.ts";
import { change, type Mutation } from "./planting.ts";

type Fits = (message: Message) => boolean;

/** Replaces the last message that fits, in what one client holds. */
function heldOtherwise(fits: Fits, to: (message: Message) => Partial<Message>): Mutation {
  return otherwise("held", fits, to);
}

function otherwise(
  what: "held" | "served",
  fits: Fits,
  to: (message: Message) => Partial<Message>,
): Mutation {
  return change(
    what,
    (record) => [{ ...record, messages: replaced(record, fits, to) }],
    ({ messages }: Held | Served) => messages.some(fits),
  );
}

function replaced(
  { messages }: { messages: Message[] },
  fits: Fits,
  to: (message: Message) => Partial<Message>,
): Message[] {
  const at = messages.findLastIndex(fits);
  return messages.with(at, { ...messages[at]!, ...to(messages[at]!) });
}

/** Changes one event in the same way for everyone, the log included. */
function forAll(fits: (event: EventSeen) => boolean, to: (event: EventSeen) => EventSeen): Mutation {
  return (history, pick) => {
    const places = history.flatMap((record) =>
      record.what === "logged" && fits(record.event) ? [record] : [],
    );
    const place = places[pick % places.length];
    if (place === undefined) return undefined;
    const { channelId, event } = place;
    const each = (seen: EventSeen) => (seen.seq === event.seq ? to(seen) : seen);
    return history.map((record): HistoryRecord => {
      if (!("channelId" in record) || record.channelId !== channelId) return record;
      if (record.what === "logged") return { ...record, event: each(record.event) };
      const hasEvents = record.what === "events" || record.what === "sync";
      return hasEvents ? { ...record, events: record.events.map(each) } : record;
    });
  };
}

const isDeleted: Fits = ({ deletedAtMs }) => deletedAtMs !== undefined;
const isReply = ({ threadId }: EventSeen) => threadId !== undefined;

/** By name. Together they touch every kind of violation that `changes.ts` and `folds.ts` know. */
export const FOLD_MUTATIONS: Record<string, Mutation> = {
  "a message is missing for one reader": change(
    "held",
    (held) => [{ ...held, messages: held.messages.slice(1) }],
    ({ messages }) => messages.length > 0,
  ),
  "a reader holds a message that is not served": change(
    "served",
    (served) => [{ ...served, messages: served.messages.slice(0, -1) }],
    ({ messages }) => messages.length > 0,
  ),
  "a reaction is lost for one reader": heldOtherwise(
    ({ reactions }) => reactions.length > 0,
    () => ({ reactions: [] }),
  ),
  "a reader is not shown which reaction is theirs": heldOtherwise(
    ({ reactions }) => reactions.some(({ me }) => me),
    ({ reactions }) => ({ reactions: reactions.map(({ me: _, ...others }) => others) }),
  ),
  "an edit was folded out of order": heldOtherwise(
    ({ editedAtMs }) => editedAtMs !== undefined,
    ({ content }) => ({ content: `${content} before` }),
  ),
  "a deleted message still speaks to one reader": heldOtherwise(isDeleted, () => ({ content: "secret" })),
  "a deleted message is still served to one reader": otherwise("served", isDeleted, () => ({
    html: "<p>secret</p>",
  })),
  "a deletion was not heard": heldOtherwise(isDeleted, () => ({ deletedAtMs: undefined })),
  "a pin is forgotten by one reader": heldOtherwise(
    ({ pinned }) => pinned,
    () => ({ pinned: false }),
  ),
  "a pin is missing in the list": change(
    "served",
    (served) => [{ ...served, pinned: served.pinned.slice(1) }],
    ({ pinned }) => pinned.length > 0,
  ),
  "a thread has one reply too few for one reader": heldOtherwise(
    ({ replyCount }) => replyCount > 0,
    ({ replyCount }) => ({ replyCount: replyCount - 1 }),
  ),
  "one reader has one unread too many": change("held", (held) => [{ ...held, unread: held.unread + 1 }]),
  "one reader is served one unread too few": change("served", (served) => [
    { ...served, unread: served.unread - 1 },
  ]),
  "a message has another author for one reader": heldOtherwise(
    () => true,
    () => ({ authorId: "stranger" as Message["authorId"] }),
  ),
  "a reaction is counted twice": forAll(
    ({ emoji }) => emoji !== undefined,
    (event) => ({ ...event, count: event.count! + 1 }),
  ),
  "a message is counted twice": forAll(
    ({ ordinal }) => ordinal !== undefined,
    (event) => ({ ...event, ordinal: event.ordinal! + 1 }),
  ),
  "a reply is not counted in its thread": forAll(isReply, (event) => ({
    ...event,
    replyCount: event.replyCount! - 1,
  })),
  "an acked edit stands nowhere": change(
    "changed",
    (changed) => [{ ...changed, content: "another text" }],
    (changed) => changed.change === "edited",
  ),
  "an acked reaction stands nowhere": change(
    "changed",
    (changed) => [{ ...changed, emoji: "🎉" }],
    (changed) => changed.emoji !== undefined,
  ),
  "an acked deletion stands nowhere": change(
    "changed",
    (changed) => [{ ...changed, messageId: `${changed.messageId}0` }],
    (changed) => changed.change === "deleted",
  ),
};
