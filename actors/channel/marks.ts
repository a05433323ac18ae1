/** How far each member has got: delivered, read. Marks carry no seq; the greatest wins (rules E6, L7). */
import type { UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import type { MarkRecord } from "../ports.ts";
import { admit } from "./access.ts";
import { answer, type Outcome, type ToPerson } from "./decision.ts";
import { type FactKey, factName } from "./facts.ts";
import { eventAt } from "./history.ts";
import { touched } from "./members.ts";
import { type ChannelState, type Mark, Marks } from "./state.ts";
import { mentionsBehind, mentionsNeeded, type Reading, unreadOf } from "./unread.ts";

/** Marks that go into the log at once: a quarter of what may wait at the gate (rule L4), so that messages find room beside them. */
export const MARKS_AT_ONCE_MAX = 250;

/** Moves the marks of `by` forward, never back and never beyond the head; a mark that moves nothing answers all the same. */
export function decideMark(
  state: Readonly<ChannelState>,
  command: Extract<ChannelCommand, { type: "mark" }>,
  nowMs: number,
): Outcome {
  const { by } = command;
  const admitted = admit(state, by, "read", nowMs);
  if (!("member" in admitted)) return admitted;
  const { facts } = admitted;
  const { seq: head, messageCount } = state.fold;
  const read = Math.min(command.read ?? 0, head);
  const delivered = Math.min(Math.max(command.delivered ?? 0, read), head);
  const readCount = read > facts.readSeq ? ordinalAt(state, read) : facts.readCount;
  const need = readNeeds(state, facts, by, { read, readCount });
  if (need.length > 0 || readCount === undefined) return { need };
  const mark: Mark = { userId: by };
  if (delivered > facts.deliveredSeq) mark.delivered = delivered;
  if (read > facts.readSeq) Object.assign(mark, { read, readCount: Math.max(readCount, facts.readCount) });
  const moved = mark.delivered !== undefined || mark.read !== undefined;
  const decision = answer({ unread: messageCount - Math.max(readCount, facts.readCount) });
  return moved ? { ...decision, marks: [mark], notices: toOtherDevices(state, facts, mark) } : decision;
}

/** What a mark part of the way back needs, where memory does not reach so far. */
function readNeeds(
  state: Readonly<ChannelState>,
  facts: Reading,
  userId: UserId,
  { read, readCount }: { read: number; readCount: number | undefined },
): FactKey[] {
  const need: FactKey[] = readCount === undefined ? [{ fact: "ordinal", seq: read }] : [];
  const isTold = read <= facts.readSeq || mentionsBehind(state, userId, facts, read) !== undefined;
  const mentions = isTold ? undefined : mentionsNeeded(state, userId, read);
  return mentions ? [...need, mentions] : need;
}

/** A read mark that moves is shown on the reader's other devices. */
function toOtherDevices(state: Readonly<ChannelState>, facts: Reading, mark: Mark): ToPerson[] {
  const { userId, read: readSeq, readCount = facts.readCount } = mark;
  if (readSeq === undefined) return [];
  const mentions = mentionsBehind(state, userId, facts, readSeq);
  const unread = unreadOf(state, userId, { readSeq, readCount, mentions });
  return unread ? [{ userId, unread }] : [];
}

/**
 * The ordinal of the last message up to `seq`: one less than the next one's, which memory holds unless the mark is far behind.
 * Undefined: Postgres must be asked.
 */
function ordinalAt(state: Readonly<ChannelState>, seq: number): number | undefined {
  const looked = state.facts.lookups?.get(factName({ fact: "ordinal", seq }));
  if (typeof looked === "number") return looked;
  for (let next = seq + 1; next <= state.fold.seq; next++) {
    const event = eventAt(state, next)?.event;
    if (event === undefined) return undefined;
    if (event.type === "message:new" && event.message.threadId === undefined)
      return event.message.ordinal - 1;
  }
  return state.fold.messageCount;
}

/** Moves the member's marks in place and keeps what is to be logged. */
export function applyMark(state: ChannelState, mark: Mark): void {
  const { userId, read = 0 } = mark;
  const facts = touched(state.members, userId);
  facts.mentions = mentionsBehind(state, userId, facts, read);
  facts.deliveredSeq = Math.max(facts.deliveredSeq, mark.delivered ?? 0);
  facts.readSeq = Math.max(facts.readSeq, read);
  facts.readCount = Math.max(facts.readCount, mark.readCount ?? 0);
  facts.marked = true;
  state.marks ??= new Marks();
  merge(state.marks.toLog, mark);
}

/** Puts back what the log has and Postgres may lack. */
export function replayMark(state: ChannelState, mark: Mark): void {
  applyMark(state, mark);
  state.marks!.toLog.delete(mark.userId);
  merge(state.marks!.toFlush, mark);
}

function merge(marks: Map<UserId, Mark>, mark: Mark): void {
  marks.set(mark.userId, { ...marks.get(mark.userId), ...mark });
}

/** Takes out what was gathered, at most `max`, as records for the log. */
export function takeMarks(state: ChannelState, max: number): MarkRecord[] {
  if (state.marks === undefined) return [];
  const { toLog, toFlush } = state.marks;
  const taken: MarkRecord[] = [];
  for (const [userId, mark] of toLog) {
    if (taken.length === max) break;
    toLog.delete(userId);
    merge(toFlush, mark);
    taken.push({ channelId: state.id, mark });
  }
  return taken;
}

/** What of `mark` goes beyond `flushed`, of the same member; undefined: nothing. */
export function beyond(
  { userId, delivered = 0, read = 0, readCount }: Mark,
  flushed: Mark,
): Mark | undefined {
  const isDeliveredBeyond = delivered > (flushed.delivered ?? 0);
  const isReadBeyond = read > (flushed.read ?? 0);
  if (!isDeliveredBeyond && !isReadBeyond) return undefined;
  return { userId, ...(isDeliveredBeyond && { delivered }), ...(isReadBeyond && { read, readCount }) };
}

/** Postgres has this mark. What it lacks of the same member stays: a greater one, or the other of delivered and read. */
export function settleMark(state: ChannelState, flushed: Mark): void {
  const { userId } = flushed;
  const waiting = state.marks?.toFlush.get(userId);
  if (state.marks === undefined || waiting === undefined) return;
  const { toLog, toFlush } = state.marks;
  const lacking = beyond(waiting, flushed);
  if (lacking) {
    toFlush.set(userId, lacking);
    return;
  }
  toFlush.delete(userId);
  const facts = state.members.byUser.get(userId);
  if (facts && !toLog.has(userId)) facts.marked = false;
  if (toLog.size + toFlush.size === 0) state.marks = undefined;
}
