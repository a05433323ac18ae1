/**
 * What is known of single messages: those that a command changes or refers to. A recent one is put together from the events
 * that memory holds, since its first one tells everything; an older one is fetched, with what Postgres lacked laid over it
 * (rule A2). Bounded; what was changed since Postgres last wrote stays.
 */
import type { ChannelEvent } from "../../protocol/events.ts";
import { deletedBy, foldMessages } from "../../protocol/fold.ts";
import { type MessageId, parseMessageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { BULK_DELETE_MAX } from "../../protocol/requests.ts";
import type { MessageAsOf } from "../ports.ts";
import { factName, learnLookup } from "./facts.ts";
import { eventAt } from "./history.ts";
import type { ChannelState } from "./state.ts";

/**
 * Messages kept per channel beside those of which Postgres lacks something. Chosen: what one command may name, so that all of
 * it is here at once, and as many again that people react to meanwhile.
 */
export const MESSAGES_MAX = 2 * BULK_DELETE_MAX;
/** People of whom it is known what they put on one message. Chosen: a great many, and still no more than about 0.2 MB. */
export const REACTORS_MAX = 1_000;

export type MessageFacts = {
  /** As it stands; nobody's `me`. Replaced, never changed. */
  message: Message;
  /** What each person has put on it, of those of whom that is known, in the order in which they came. */
  reactors: Map<UserId, ReadonlySet<string>>;
  /** Nobody else has put anything on it. */
  complete: boolean;
  /** The last event that touched it; while Postgres lacks that, the entry stays. */
  touchedSeq: number;
};

/** A message that commands may name; `missing`: there is none under this seq; undefined: it must be fetched. Changes nothing. */
export function knownMessage(
  state: Readonly<ChannelState>,
  seq: number,
): Readonly<MessageFacts> | "missing" | undefined {
  const kept = state.messages?.get(seq);
  if (kept) return kept;
  if (seq > state.fold.seq) return "missing";
  const first = eventAt(state, seq);
  if (first && first.event.type !== "message:new") return "missing";
  if (state.facts.lookups?.has(factName({ fact: "message", seq }))) return "missing";
  return first && recalled(state, seq);
}

/** What `userId` has put on a message that is known; undefined: it must be fetched. */
export function reactionsOf(facts: Readonly<MessageFacts>, userId: UserId): ReadonlySet<string> | undefined {
  return facts.reactors.get(userId) ?? (facts.complete ? new Set() : undefined);
}

/** The message as `userId` sees it, whose own reactions are known. */
export function asSeenBy(facts: Readonly<MessageFacts>, userId: UserId): Message {
  const mine = reactionsOf(facts, userId);
  if (!mine?.size) return facts.message;
  const reactions = facts.message.reactions.map((reaction) =>
    mine.has(reaction.emoji) ? { ...reaction, me: true } : reaction,
  );
  return { ...facts.message, reactions };
}

/** A message as `event` leaves it; nobody's `me`. */
export function messageAfter(message: Message, event: ChannelEvent): Message {
  const one = new Map([[message.id, message]]);
  foldMessages(one, event, undefined);
  return one.get(message.id)!;
}

/** Messages that an event changes by name; of a new one, its thread's first. */
function touchedIds(event: ChannelEvent): readonly MessageId[] {
  switch (event.type) {
    case "message:new":
      return event.thread ? [event.thread.id] : [];
    case "message:deleted":
      return deletedBy(event);
    case "message:updated":
    case "message:pinned":
    case "message:unpinned":
    case "reaction:added":
    case "reaction:removed":
      return [event.messageId];
    default:
      return [];
  }
}

/** Does an event change this message? A deletion changes also what quotes the deleted one (row C6). */
function touches(event: ChannelEvent, { id, replyTo }: Message): boolean {
  const ids = touchedIds(event);
  return ids.includes(id) || (event.type === "message:deleted" && !!replyTo && ids.includes(replyTo.id));
}

/** Brings what is kept of messages past an event that `state` has just taken in. */
export function applyToMessages(state: ChannelState, event: ChannelEvent): void {
  for (const id of touchedIds(event)) {
    const { seq } = parseMessageId(id);
    const kept = state.messages?.get(seq);
    if (kept) take(kept, event);
    // What memory puts together holds the event already.
    keep(state, seq, kept ?? recalled(state, seq));
  }
  if (event.type === "message:deleted") unquoteKept(state, event);
}

/** What is kept and quotes a deleted message. What is put together or fetched later holds the event then. */
function unquoteKept({ messages }: ChannelState, event: ChannelEvent): void {
  for (const facts of messages?.values() ?? [])
    if (facts.touchedSeq < event.seq && touches(event, facts.message)) take(facts, event);
}

/** Takes in a message that was fetched; false: what Postgres lacked then is not in memory any more, so it must be fetched again. */
export function learnMessage(state: ChannelState, seq: number, found: MessageAsOf | undefined): boolean {
  if (state.messages?.has(seq)) return true;
  if (found === undefined) {
    learnLookup(state.facts, factName({ fact: "message", seq }), undefined);
    return true;
  }
  const facts: MessageFacts = {
    message: found.message,
    reactors: new Map(),
    complete: found.message.reactions.length === 0,
    touchedSeq: found.asOfSeq,
  };
  const isWhole = takeSince(state, found.asOfSeq, facts);
  if (isWhole) keep(state, seq, facts);
  return isWhole;
}

/** Takes in what a person has put on a message; false as for `learnMessage`, and where the message is not known (any more). */
export function learnReactions(
  state: ChannelState,
  seq: number,
  userId: UserId,
  { emojis, asOfSeq }: { emojis: readonly string[]; asOfSeq: number },
): boolean {
  const facts = state.messages?.get(seq);
  if (facts === undefined) return false;
  if (reactionsOf(facts, userId)) return true;
  const mine = new Set(emojis);
  const isWhole = eachSince(state, asOfSeq, facts.message, (event) => reactedWith(mine, event, userId));
  if (isWhole) knowReactor(facts, userId, mine);
  return isWhole;
}

/**
 * Forgets the longest untouched beyond `MESSAGES_MAX`. The first of which Postgres lacks something ends it: what stands behind
 * came later, and goes with the next flush.
 */
export function evictMessages({ messages, flushedSeq }: ChannelState): void {
  if (messages === undefined) return;
  for (const [seq, { touchedSeq }] of messages) {
    if (messages.size <= MESSAGES_MAX || touchedSeq > flushedSeq) return;
    messages.delete(seq);
  }
}

/** Keeps a message as the last to be forgotten. */
function keep(state: ChannelState, seq: number, facts: MessageFacts | undefined): void {
  if (facts === undefined) return;
  state.messages ??= new Map();
  state.messages.delete(seq);
  state.messages.set(seq, facts);
  evictMessages(state);
}

/** A message put together from its own event and all since; undefined: memory does not hold all of them. */
function recalled(state: Readonly<ChannelState>, seq: number): MessageFacts | undefined {
  const first = eventAt(state, seq)?.event;
  if (first?.type !== "message:new") return undefined;
  const facts: MessageFacts = {
    message: first.message,
    reactors: new Map(),
    complete: true,
    touchedSeq: seq,
  };
  return takeSince(state, seq, facts) ? facts : undefined;
}

/** Takes in what touched the message after `asOfSeq`; false: memory does not hold all of it. */
function takeSince(state: Readonly<ChannelState>, asOfSeq: number, facts: MessageFacts): boolean {
  return eachSince(state, asOfSeq, facts.message, (event) => take(facts, event));
}

/** Every event after `asOfSeq` that touches the message, in order; false: memory does not hold all of them. */
function eachSince(
  state: Readonly<ChannelState>,
  asOfSeq: number,
  message: Message,
  visit: (event: ChannelEvent) => void,
): boolean {
  for (let next = asOfSeq + 1; next <= state.fold.seq; next++) {
    const event = eventAt(state, next)?.event;
    if (event === undefined) return false;
    if (touches(event, message)) visit(event);
  }
  return true;
}

function take(facts: MessageFacts, event: ChannelEvent): void {
  facts.message = messageAfter(facts.message, event);
  facts.touchedSeq = event.seq;
  if (event.type === "message:deleted") {
    if (!deletedBy(event).includes(facts.message.id)) return;
    facts.reactors = new Map();
    facts.complete = true;
  } else if (event.type === "reaction:added" || event.type === "reaction:removed") {
    const before = reactionsOf(facts, event.by);
    if (before === undefined) return;
    const mine = new Set(before);
    reactedWith(mine, event, event.by);
    // Who comes back comes behind the others.
    if (before.size === 0) facts.reactors.delete(event.by);
    knowReactor(facts, event.by, mine);
  }
}

/** Of too many people, what the first of them put on it is forgotten: it can be fetched again. */
function knowReactor(facts: MessageFacts, userId: UserId, emojis: ReadonlySet<string>): void {
  facts.reactors.set(userId, emojis);
  if (facts.reactors.size <= REACTORS_MAX) return;
  const [first] = facts.reactors.keys();
  facts.reactors.delete(first!);
  facts.complete = false;
}

function reactedWith(emojis: Set<string>, event: ChannelEvent, userId: UserId): void {
  if (event.by !== userId) return;
  if (event.type === "reaction:added") emojis.add(event.emoji);
  else if (event.type === "reaction:removed") emojis.delete(event.emoji);
}
