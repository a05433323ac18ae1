/** Who may what, where: kind × role × action, as tables (rows C1, C2). */
import { atLeast, type Channel, type ChannelKind, type Member, type Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import { isArchived, refuseArchived } from "./archiving.ts";
import { type Decision, type Need, refuse } from "./decision.ts";
import { blockBetween, type FactKey, type SpaceMember, spaceMember } from "./facts.ts";
import { knownMember, type MemberFacts } from "./members.ts";
import { isBanned, isMuted, untilEnd } from "./sanctions.ts";
import type { ChannelState } from "./state.ts";

/**
 * `react`: reactions and follows too. `pin`: the channel's pins. `moderate`: others' messages deleted, people muted. `slow`: slow
 * mode. `manage`: name, description, settings, archive, roles and overrides. `remove`: people put out; `ban`: and kept out.
 */
export type Action =
  | "read"
  | "post"
  | "react"
  | "pin"
  | "invite"
  | "remove"
  | "ban"
  | "moderate"
  | "slow"
  | "manage";

/** What most kinds have in common. */
const USUAL = {
  read: "guest",
  post: "member",
  react: "member",
  pin: "moderator",
  invite: "member",
  remove: "moderator",
  ban: "moderator",
  moderate: "moderator",
  slow: "moderator",
  manage: "admin",
} as const satisfies Record<Action, Role>;

/** The least role that may, among active members; `nobody`: not even its owner. */
export const LEAST_ROLE: Record<ChannelKind, Record<Action, Role | "nobody">> = {
  topic: USUAL,
  announcement: { ...USUAL, post: "moderator", invite: "moderator" },
  private: { ...USUAL, invite: "moderator" },
  group: USUAL,
  // Two equals: nobody stands above the other, and nobody comes or goes.
  dm: {
    ...USUAL,
    pin: "member",
    invite: "nobody",
    remove: "nobody",
    ban: "nobody",
    moderate: "nobody",
    slow: "nobody",
    manage: "nobody",
  },
  // Members and roles only: nobody talks in it.
  space: { ...USUAL, post: "nobody", react: "nobody", pin: "nobody", slow: "nobody", invite: "moderator" },
};

/**
 * How one becomes a member. `space`: members of the space come in by themselves, its guests by invitation; `invitation`: only
 * so; `open`: anyone; `pair`: the two it was made for, and nobody else.
 */
export const ENTRY: Record<ChannelKind, "space" | "invitation" | "open" | "pair"> = {
  topic: "space",
  announcement: "space",
  private: "invitation",
  group: "invitation",
  dm: "pair",
  space: "open",
};

/** What a member's own override says about an action, where one may. */
const OVERRIDE: Partial<Record<Action, "send" | "addMembers" | "removeMembers">> = {
  post: "send",
  invite: "addMembers",
  remove: "removeMembers",
};

/**
 * May this active member do this? An override goes before the role, but never against `nobody`. Who may not remove may not ban
 * either; who may remove by an override may not ban by it.
 */
export function permits(kind: ChannelKind, member: Member, action: Action): boolean {
  const least = LEAST_ROLE[kind][action];
  if (least === "nobody") return false;
  if (action === "ban" && member.overrides?.removeMembers === false) return false;
  const override = OVERRIDE[action];
  return (override && member.overrides?.[override]) ?? atLeast(member.role, least);
}

/** Does `own` stand above `other`? Nobody does above themselves. */
export function outranks(own: Role, other: Role): boolean {
  return atLeast(own, other) && own !== other;
}

/** A person as their channel and, where it has one, its space know them. */
export type Standing = { channel: Channel; facts: Readonly<MemberFacts>; space: SpaceMember | undefined };

/** Looks a person up; undecided where the channel is not there, its space is none, or something must be fetched first. */
export function standingOf(
  state: Readonly<ChannelState>,
  userId: UserId,
  nowMs: number,
): Standing | Decision | Need {
  const { channel } = state.fold;
  if (channel === undefined) return refuse("not_found");
  const need: FactKey[] = [];
  const facts = knownMember(state.members, userId);
  if (facts === undefined) need.push({ fact: "member", userId });
  const space = channel.spaceId && spaceMember(state.facts, userId, nowMs);
  if (channel.spaceId && space === undefined) need.push({ fact: "space", spaceId: channel.spaceId, userId });
  if (facts === undefined || need.length > 0) return { need };
  return { channel, facts, space };
}

/** An active member who may still be here; `admit` says who is not. */
export type Admitted = {
  channel: Channel;
  facts: Readonly<MemberFacts>;
  member: Member;
  /** As their space knows them; undefined: the channel stands in none. */
  space: SpaceMember | undefined;
};

/** The door before every action of a member: bans first, then membership here and in the space, then the action itself. */
export function admit(
  state: Readonly<ChannelState>,
  userId: UserId,
  action: Action,
  nowMs: number,
): Admitted | Decision | Need {
  const standing = standingOf(state, userId, nowMs);
  if (!("facts" in standing)) return standing;
  const { channel, facts, space } = standing;
  const { member } = facts;
  const banned = bannedFrom(standing, nowMs);
  if (banned) return banned;
  if (member?.status !== "active") return refuse(outsiderCode(standing));
  if (space && space.member?.status !== "active") return refuse("not_a_member", { message: NOT_IN_SPACE });
  if (!permits(channel.kind, member, action)) return refuse("forbidden");
  return { channel, facts, member, space };
}

/**
 * The second door, before whatever is said (a message, an edit, a reaction, typing): `archived` where nothing may be said any
 * more, `muted` for who is muted here or in the space. Undefined: nothing is in the way.
 */
export function silenced(
  state: Readonly<ChannelState>,
  { member, space }: Admitted,
  nowMs: number,
): Decision | undefined {
  if (isArchived(state, nowMs)) return refuseArchived(state, member.userId, nowMs);
  for (const each of [member, space?.member]) {
    if (each && isMuted(each, nowMs)) return refuse("muted", untilEnd(each.mutedUntilMs, nowMs));
  }
  return undefined;
}

/** The third door, in a dm, before what would reach the other of the two (an edit, a reaction, a pin, typing); undefined: it is open. */
export function cutOff(
  state: Readonly<ChannelState>,
  by: UserId,
  nowMs: number,
): Decision | Need | undefined {
  const isDm = state.fold.channel?.kind === "dm";
  const other = isDm ? state.pair?.find((userId) => userId !== by) : undefined;
  return other && barredByBlock(state, by, other, nowMs);
}

/** Where one has blocked the other, neither says anything to the other (row P7); undefined: nothing is in the way. */
export function barredByBlock(
  { facts }: Readonly<ChannelState>,
  by: UserId,
  other: UserId,
  nowMs: number,
): Decision | Need | undefined {
  const isBlocked = blockBetween(facts, by, other, nowMs);
  if (isBlocked === undefined) return { need: [{ fact: "block", userId: by, other }] };
  return isBlocked ? refuse("forbidden", { message: NOT_BETWEEN_THEM }) : undefined;
}

/** The same to both: who was blocked does not learn that it was the other. */
export const NOT_BETWEEN_THEM = "You and this person cannot write to each other.";
export const NOT_IN_SPACE = "You are not a member of the space that this channel belongs to.";

/** Who is banned here or in the space does nothing here; undefined: not banned. */
export function bannedFrom({ facts, space }: Standing, nowMs: number): Decision | undefined {
  for (const member of [facts.member, space?.member]) {
    if (member && isBanned(member, nowMs)) return refuse("banned", untilEnd(member.bannedUntilMs, nowMs));
  }
  return undefined;
}

/** What someone hears who is no active member: only who was invited, was in, or may come in learns that it exists. */
export function outsiderCode({ channel, facts, space }: Standing): "not_found" | "not_a_member" {
  if (facts.member !== undefined) return "not_a_member";
  const entry = ENTRY[channel.kind];
  const mayKnow = entry === "open" || (entry === "space" && space?.member?.status === "active");
  return mayKnow ? "not_a_member" : "not_found";
}
