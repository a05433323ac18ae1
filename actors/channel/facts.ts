/** What a decision may need and the state does not hold: named by a key, fetched by the actor, learned here (rule A2). */
import type { Member } from "../../protocol/channel.ts";
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";

/** How old what a space said about a person may be, milliseconds (rule E1). */
export const SPACE_FACT_MAX_AGE_MS = 5_000;
/** People whose standing in the space is kept per channel. Chosen as `MEMBERS_MAX`. */
const SPACE_MEMBERS_MAX = 1_000;

export type FactKey =
  | { fact: "member"; userId: UserId }
  /** The message that the author sent under this clientId. */
  | { fact: "sent"; authorId: UserId; clientId: ClientId }
  /** The ordinal of the last message up to this seq. */
  | { fact: "ordinal"; seq: number }
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

export type Facts = {
  /** Oldest first; made with the first. */
  spaceMembers?: Map<UserId, SpaceMember>;
  /** By `factName`: there while the commands that waited for it are decided, then forgotten. */
  lookups?: Map<string, Sent | number | undefined>;
};

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
    case "space":
      return `space.${key.userId}`;
  }
}

/** What the space said about `userId`, where that is young enough; undefined: it must be asked. */
export function spaceMember(facts: Facts, userId: UserId, nowMs: number): SpaceMember | undefined {
  const known = facts.spaceMembers?.get(userId);
  return known && nowMs - known.askedAtMs <= SPACE_FACT_MAX_AGE_MS ? known : undefined;
}

/** Keeps what the space said; the oldest goes where there are too many. */
export function learnSpaceMember(facts: Facts, userId: UserId, said: SpaceMember): void {
  const { spaceMembers = new Map<UserId, SpaceMember>() } = facts;
  facts.spaceMembers = spaceMembers;
  spaceMembers.delete(userId);
  spaceMembers.set(userId, said);
  const [oldest] = spaceMembers.keys();
  if (spaceMembers.size > SPACE_MEMBERS_MAX && oldest) spaceMembers.delete(oldest);
}

/** Keeps what was looked up, for the commands that wait for it. */
export function learnLookup(facts: Facts, name: string, found: Sent | number | undefined): void {
  facts.lookups ??= new Map();
  facts.lookups.set(name, found);
}

/** The commands that waited have been decided: the next must look again, since much may have happened. */
export function forgetLookup(facts: Facts, name: string): void {
  facts.lookups?.delete(name);
  if (facts.lookups?.size === 0) facts.lookups = undefined;
}
