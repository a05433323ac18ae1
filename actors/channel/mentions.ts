/** Mentions: who may call everyone at once, and whom a message really names (rows C10, P7; rule H6). */
import { atLeast, type ChannelKind, type Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Mention } from "../../protocol/message.ts";

/** People whom one message may name: as many as a gateway finds in a text. */
export const NAMED_MAX = 50;
/** Members up to whom anyone may call everyone at once: so many could be named one by one (`NAMED_MAX`). */
export const MENTION_ALL_FREE_MAX = 50;
/** Above so many members only admins may: what one message may interrupt is a decision of those who run the channel. Chosen. */
export const MENTION_ALL_MAX = 10_000;

export const MAY_NOT_MENTION_ALL = "You may not mention everyone in this channel.";

/** May someone in this role call everyone in a channel of so many members? The two of a dm may. */
export function mayMentionAll(kind: ChannelKind, role: Role, memberCount: number): boolean {
  if (kind === "dm") return true;
  if (memberCount > MENTION_ALL_MAX) return atLeast(role, "admin");
  return memberCount <= MENTION_ALL_FREE_MAX || atLeast(role, "moderator");
}

/** Does it call everyone, or everyone here? */
export function mentionsAll(mentions: readonly Mention[]): boolean {
  return mentions.some(({ kind }) => kind !== "user");
}

/** The people whom it names, each once, at most `NAMED_MAX`. */
export function namedIn(mentions: readonly Mention[]): UserId[] {
  const named = mentions.flatMap(({ kind, userId }) => (kind === "user" && userId ? [userId] : []));
  return [...new Set(named)].slice(0, NAMED_MAX);
}

/** What is left of the mentions when only `named` hear of them: each once, in the order of the text. */
export function mentionsOf(mentions: readonly Mention[], named: ReadonlySet<UserId>): Mention[] {
  const left = new Map<string, Mention>();
  for (const mention of mentions) {
    const { kind, userId } = mention;
    if (kind !== "user") left.set(kind, mention);
    else if (userId && named.has(userId)) left.set(userId, mention);
  }
  return [...left.values()];
}
