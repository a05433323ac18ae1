/**
 * What a member has not read (rule E6): messages behind their read mark, and those of them that mention them. Unread follows
 * from two ordinals; mentions are counted as messages come, and again from memory where a mark moves part of the way. A deleted
 * message counts until it is passed.
 */
import type { UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { UnreadCounts } from "../commands.ts";
import type { MemberRow } from "../ports.ts";
import { type FactKey, factName, learnLookup, type Mentioned } from "./facts.ts";
import { eventAt } from "./history.ts";
import type { MemberFacts } from "./members.ts";
import type { ChannelState } from "./state.ts";

/** What the counts of one member are made from. */
export type Reading = Pick<MemberFacts, "readSeq" | "readCount" | "mentions">;

/** Does the message mention this person, by name or as one of all? */
function mentionsPerson({ mentions }: Message, userId: UserId): boolean {
  return mentions.some((mention) => mention.kind !== "user" || mention.userId === userId);
}

/** What the member has not read as the channel stands, `coming` included; undefined: their mentions are not known. */
export function unreadOf(
  { id, fold }: Readonly<ChannelState>,
  userId: UserId,
  { readSeq, readCount, mentions }: Reading,
  coming?: Message,
): UnreadCounts | undefined {
  if (mentions === undefined) return undefined;
  const comes = coming && coming.threadId === undefined ? 1 : 0;
  const mentioned = coming && mentionsPerson(coming, userId) ? 1 : 0;
  return {
    channelId: id,
    unread: fold.messageCount + comes - readCount,
    mentions: mentions + mentioned,
    lastReadSeq: readSeq,
  };
}

/** What is left of the member's mentions once they have read up to `read`; undefined: it must be looked up, or cannot be told. */
export function mentionsBehind(
  state: Readonly<ChannelState>,
  userId: UserId,
  facts: Reading,
  read: number,
): number | undefined {
  if (read <= facts.readSeq) return facts.mentions;
  return facts.mentions === 0
    ? 0
    : (mentionsSince(state, userId, read) ?? mentionsFound(state, userId, read));
}

/** What must be known to tell the mentions behind `seq` where memory does not; undefined: nothing more, whatever came of it. */
export function mentionsNeeded(
  { facts }: Readonly<ChannelState>,
  userId: UserId,
  seq: number,
): FactKey | undefined {
  const key = { fact: "mentions", seq, userId } as const;
  return facts.lookups?.has(factName(key)) ? undefined : key;
}

/** What a look-up counted, and memory since; undefined: there was none, or memory does not reach back so far. */
function mentionsFound(state: Readonly<ChannelState>, userId: UserId, seq: number): number | undefined {
  const found = state.facts.lookups?.get(factName({ fact: "mentions", seq, userId }));
  if (typeof found !== "object" || !("mentions" in found)) return undefined;
  const since = mentionsSince(state, userId, Math.max(found.asOfSeq, seq));
  return since === undefined ? undefined : found.mentions + since;
}

/** Counts a message that has just come for everyone at hand whom it mentions. */
export function countMentions({ members }: ChannelState, { mentions }: Message): void {
  if (mentions.length === 0) return;
  const isForAll = mentions.some(({ kind }) => kind !== "user");
  const mentioned = isForAll ? members.byUser.keys() : new Set(mentions.map(({ userId }) => userId!));
  for (const userId of mentioned) {
    const facts = members.byUser.get(userId);
    if (facts?.mentions !== undefined) facts.mentions++;
  }
}

/** Completes a member whose row has just been learned, unless their mark has moved on from the row's, beyond what memory holds. */
export function learnMentions(state: ChannelState, userId: UserId, row: MemberRow | undefined): void {
  const facts = state.members.byUser.get(userId);
  if (facts === undefined || facts.mentions !== undefined) return;
  facts.mentions = row ? mentionsFrom(state, userId, facts, row) : 0;
}

/** Keeps what was looked up, for the commands that wait for it; of a member whose mark is there, for good. */
export function learnMentionsAfter(state: ChannelState, userId: UserId, seq: number, found: Mentioned): void {
  learnLookup(state.facts, factName({ fact: "mentions", seq, userId }), found);
  const facts = state.members.byUser.get(userId);
  if (facts?.known && facts.readSeq === seq) facts.mentions ??= mentionsFound(state, userId, seq);
}

/** What the row counts and the messages since; all of them are counted in memory where the mark has moved on. */
function mentionsFrom(
  state: Readonly<ChannelState>,
  userId: UserId,
  { readSeq }: Reading,
  row: MemberRow,
): number | undefined {
  if (row.readSeq !== readSeq) return mentionsSince(state, userId, readSeq);
  const since = mentionsSince(state, userId, Math.max(row.asOfSeq, readSeq));
  return since === undefined ? undefined : row.mentions + since;
}

function mentionsSince(state: Readonly<ChannelState>, userId: UserId, afterSeq: number): number | undefined {
  let count = 0;
  for (let seq = afterSeq + 1; seq <= state.fold.seq; seq++) {
    const event = eventAt(state, seq)?.event;
    if (event === undefined) return undefined;
    if (event.type === "message:new" && mentionsPerson(event.message, userId)) count++;
  }
  return count;
}
