/**
 * What is known of a channel's members: rows fetched on demand, with what Postgres lacks laid over them (rule A2). Bounded,
 * since a channel may have a million members; what an unflushed event or mark touched stays.
 */
import type { Member } from "../../protocol/channel.ts";
import type { ClientId, UserId } from "../../protocol/ids.ts";
import type { MemberRow } from "../ports.ts";

/** Members kept per channel beside those of whom Postgres lacks something. Chosen: what talks within minutes, at about 0.5 KB each. */
export const MEMBERS_MAX = 1_000;

export type MemberFacts = {
  /** Undefined: was never a member, when `known`. */
  member: Member | undefined;
  /** Time of their last message here; 0: never. */
  lastSentAtMs: number;
  /** Greatest clientId of theirs in this channel, unflushed ones included (rule S1). */
  lastClientId: ClientId | undefined;
  deliveredSeq: number;
  readSeq: number;
  /** Ordinal at the read mark. */
  readCount: number;
  /** Messages after the read mark that mention them, or everyone. Undefined: not known. */
  mentions: number | undefined;
  /** False: only what happened since activation is known, not the row beneath. */
  known: boolean;
  /** The last event that touched this member; while Postgres lacks it, the entry stays. */
  touchedSeq: number;
  /** Marks that Postgres lacks; while there are any, the entry stays. */
  marked: boolean;
};

export type Members = {
  /** Least recently touched first. */
  readonly byUser: Map<UserId, MemberFacts>;
  /** The channel is so young that everyone who ever was a member is in `byUser`: no row needs fetching. */
  complete: boolean;
};

/** A person of whom this channel knows nothing. */
function stranger(known: boolean): MemberFacts {
  return {
    member: undefined,
    lastSentAtMs: 0,
    lastClientId: undefined,
    deliveredSeq: 0,
    readSeq: 0,
    readCount: 0,
    mentions: known ? 0 : undefined,
    known,
    touchedSeq: 0,
    marked: false,
  };
}

/** What is known of `userId`; undefined: it must be fetched. Changes nothing. */
export function knownMember(members: Members, userId: UserId): Readonly<MemberFacts> | undefined {
  const facts = members.byUser.get(userId);
  if (facts === undefined) return members.complete ? stranger(true) : undefined;
  return facts.known || members.complete ? facts : undefined;
}

/** The entry of `userId`, to be changed by what happened now: made where there is none, and the last to be evicted. */
export function touched(members: Members, userId: UserId): MemberFacts {
  const facts = members.byUser.get(userId) ?? stranger(members.complete);
  members.byUser.delete(userId);
  members.byUser.set(userId, facts);
  return facts;
}

/**
 * Lays what is in memory over the row that a fetch brought. Right whatever happened during the fetch: an entry that an
 * event touched holds what came of it, and every field is the last or the greatest of both.
 */
export function learnMember(members: Members, userId: UserId, row: MemberRow | undefined): void {
  const facts = touched(members, userId);
  if (facts.known) return;
  facts.known = true;
  if (row === undefined) return;
  facts.member ??= row.member;
  facts.lastSentAtMs = Math.max(facts.lastSentAtMs, row.lastSentAtMs);
  facts.lastClientId = greater(facts.lastClientId, row.lastClientId);
  facts.deliveredSeq = Math.max(facts.deliveredSeq, row.deliveredSeq);
  if (row.readSeq > facts.readSeq) facts.mentions = undefined;
  facts.readSeq = Math.max(facts.readSeq, row.readSeq);
  facts.readCount = Math.max(facts.readCount, row.readCount);
}

/** UUIDv7s grow, and lower-case hex sorts as its bytes do. */
export function greater(a: ClientId | undefined, b: ClientId | undefined): ClientId | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

/**
 * Forgets the least recently touched beyond `MEMBERS_MAX`, those apart that Postgres lacks something of and those that
 * `isFetched` says are being fetched: what their fetch brings may be older than what is known here. Who must stay is put
 * behind the others, so that the next call does not find them first again.
 */
export function evictMembers(
  { members, unflushed, marks, flushedSeq }: Evicting,
  isFetched: (userId: UserId) => boolean,
): void {
  // Each event and each mark that Postgres lacks holds one member at most.
  const heldMax = unflushed.length + (marks ? marks.toLog.size + marks.toFlush.size : 0);
  let surplus = members.byUser.size - MEMBERS_MAX - heldMax;
  let unseen = members.byUser.size;
  for (const [userId, facts] of members.byUser) {
    if (surplus <= 0 || unseen-- === 0) break;
    members.byUser.delete(userId);
    if (facts.touchedSeq > flushedSeq || facts.marked || isFetched(userId)) {
      members.byUser.set(userId, facts);
      continue;
    }
    members.complete = false;
    surplus--;
  }
}

/** Of a channel's state. */
type Evicting = {
  members: Members;
  unflushed: { readonly length: number };
  marks?: { toLog: { size: number }; toFlush: { size: number } };
  flushedSeq: number;
};
