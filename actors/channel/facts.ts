/** What a decision may need and the state does not hold: named by a key, fetched by the actor, learned here (rule A2). */
import type { Member } from "../../protocol/channel.ts";
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { Following } from "./threads.ts";

/** How old what a space said about a person may be, milliseconds (rule E1). */
export const SPACE_FACT_MAX_AGE_MS = 5_000;
/** People whose standing in the space is kept per channel. Chosen as `MEMBERS_MAX`. */
const SPACE_MEMBERS_MAX = 1_000;
/** How old it may be that there is no block between two people, milliseconds: one takes effect within it. Chosen as the space's. */
export const BLOCK_FACT_MAX_AGE_MS = 5_000;
/** Pairs of people of whom that is kept per channel. Chosen as `MEMBERS_MAX`. */
const BLOCKS_MAX = 1_000;

export type FactKey =
  | { fact: "member"; userId: UserId }
  /** The message that the author sent under this clientId. */
  | { fact: "sent"; authorId: UserId; clientId: ClientId }
  /** The ordinal of the last message up to this seq. */
  | { fact: "ordinal"; seq: number }
  /** How many messages after this seq mention the person. */
  | { fact: "mentions"; seq: number; userId: UserId }
  /** A message that memory does not hold; what a person put on it. */
  | { fact: "message"; seq: number }
  | { fact: "reactions"; seq: number; userId: UserId }
  /** The channel's pinned messages. */
  | { fact: "pins" }
  /** What a person has to do with the thread that this message began. */
  | { fact: "follow"; seq: number; userId: UserId }
  /** Has one of the two blocked the other? In either order it is one fact. */
  | { fact: "block"; userId: UserId; other: UserId }
  /** A person's standing in the channel's space: asked of its own actor. */
  | { fact: "space"; spaceId: ChannelId; userId: UserId };

/** A message that Postgres has, and the hash of what its author asked for. */
export type Sent = { message: Message; sentHash: string };

export type SpaceMember = {
  /** Undefined: not a member. */
  member: Member | undefined;
  /** False: what the channel names as its space is none. */
  isSpace: boolean;
  /** When it was asked, Unix: it is at least as old as that. */
  askedAtMs: number;
};

/** Was there a block between two people, when it was asked? Unix milliseconds. */
type Block = { blocked: boolean; askedAtMs: number };

export type Facts = {
  /** Oldest first; made with the first. */
  spaceMembers?: Map<UserId, SpaceMember>;
  /** How often that was forgotten: an answer to a question from before may be older than what made it so. */
  spaceForgotten?: number;
  /** By `factName`, oldest first; made with the first. */
  blocks?: Map<string, Block>;
  /** By `factName`, longest untouched first; made with the first: see `threads.ts`. */
  follows?: Map<string, Following>;
  /** By `factName`: there while the commands that waited for it are decided, then forgotten. */
  lookups?: Map<string, Lookup>;
};

/** So many messages that Postgres has mention a person; what follows `asOfSeq` is not counted. */
export type Mentioned = { mentions: number; asOfSeq: number };

/** What a look-up brought: a send, an ordinal, mentions; undefined: there is no such thing. */
export type Lookup = Sent | Mentioned | number | undefined;

/** Names a send in its channel: clientIds are unique per author. */
export function sendKey(authorId: UserId, clientId: ClientId): string {
  return `${authorId}.${clientId}`;
}

/** One name per fact and channel: what is being fetched is not fetched again. */
export function factName(key: FactKey): string {
  switch (key.fact) {
    case "member":
      return `member.${key.userId}`;
    case "sent":
      return sendKey(key.authorId, key.clientId);
    case "ordinal":
      return `ordinal.${key.seq}`;
    case "mentions":
      return `mentions.${key.seq}.${key.userId}`;
    case "message":
      return `message.${key.seq}`;
    case "reactions":
      return `reactions.${key.seq}.${key.userId}`;
    case "pins":
      return "pins";
    case "follow":
      return `follow.${key.seq}.${key.userId}`;
    case "block":
      return `block.${[key.userId, key.other].sort().join(".")}`;
    case "space":
      return `space.${key.userId}`;
  }
}

/** What the space said about `userId`, where that is young enough; undefined: it must be asked. */
export function spaceMember(facts: Facts, userId: UserId, nowMs: number): SpaceMember | undefined {
  const known = facts.spaceMembers?.get(userId);
  return known && nowMs - known.askedAtMs <= SPACE_FACT_MAX_AGE_MS ? known : undefined;
}

/** What the space said of a person, or of everyone, is not true any more; what is on its way here may not be either (rule E1). */
export function forgetSpaceMembers(facts: Facts, userId?: UserId): void {
  facts.spaceForgotten = (facts.spaceForgotten ?? 0) + 1;
  if (userId === undefined) facts.spaceMembers = undefined;
  else facts.spaceMembers?.delete(userId);
}

/** Keeps what the space said; the oldest goes where there are too many. */
export function learnSpaceMember(facts: Facts, userId: UserId, said: SpaceMember): void {
  facts.spaceMembers ??= new Map();
  keepLast(facts.spaceMembers, userId, said, SPACE_MEMBERS_MAX);
}

/** Who is not in the space may come in at any moment: that they are not is said to those who waited, and not believed on. */
export function forgetOutsider(facts: Facts, userId: UserId): void {
  if (facts.spaceMembers?.get(userId)?.member?.status !== "active") facts.spaceMembers?.delete(userId);
}

/** Has one of the two blocked the other, as far as is known and young enough (row P7)? Undefined: it must be asked. */
export function blockBetween(
  facts: Facts,
  userId: UserId,
  other: UserId,
  nowMs: number,
): boolean | undefined {
  const known = lastKnownBlock(facts, userId, other);
  return known && nowMs - known.askedAtMs <= BLOCK_FACT_MAX_AGE_MS ? known.blocked : undefined;
}

/** What was known last, however old: it goes on while Postgres is away (rule A3). */
export function lastKnownBlock(facts: Facts, userId: UserId, other: UserId): Block | undefined {
  return facts.blocks?.get(factName({ fact: "block", userId, other }));
}

/** Keeps whether one of the two has blocked the other; the oldest goes where there are too many. */
export function learnBlock(facts: Facts, userId: UserId, other: UserId, block: Block): void {
  facts.blocks ??= new Map();
  keepLast(facts.blocks, factName({ fact: "block", userId, other }), block, BLOCKS_MAX);
}

/** Puts an entry behind all others; the first goes where there are more than `max`. */
export function keepLast<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  for (const first of map.keys()) {
    map.delete(first);
    return;
  }
}

/** Keeps what was looked up, for the commands that wait for it. */
export function learnLookup(facts: Facts, name: string, found: Lookup): void {
  facts.lookups ??= new Map();
  facts.lookups.set(name, found);
}

/** The commands that waited have been decided: the next must look again, since much may have happened. */
export function forgetLookup(facts: Facts, name: string): void {
  facts.lookups?.delete(name);
  if (facts.lookups?.size === 0) facts.lookups = undefined;
}
