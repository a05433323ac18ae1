/** Who may what, where: kind × role × action, as tables (rows C1, C2). */
import { atLeast, type Channel, type ChannelKind, type Member, type Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import { type Decision, type Need, refuse } from "./decision.ts";
import { type FactKey, type SpaceMember, spaceMember } from "./facts.ts";
import { knownMember, type MemberFacts } from "./members.ts";
import { isBanned, untilEnd } from "./sanctions.ts";
import type { ChannelState } from "./state.ts";

export type Action = "read" | "post" | "invite";

/** The least role that may, among active members; `nobody`: not even its owner. */
export const LEAST_ROLE: Record<ChannelKind, Record<Action, Role | "nobody">> = {
  topic: { read: "guest", post: "member", invite: "member" },
  announcement: { read: "guest", post: "moderator", invite: "moderator" },
  private: { read: "guest", post: "member", invite: "moderator" },
  group: { read: "guest", post: "member", invite: "member" },
  dm: { read: "guest", post: "member", invite: "nobody" },
  space: { read: "guest", post: "nobody", invite: "moderator" },
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
const OVERRIDE: Record<Action, "send" | "addMembers" | undefined> = {
  read: undefined,
  post: "send",
  invite: "addMembers",
};

/** May this active member do this? An override goes before the role, but never against `nobody`. */
export function permits(kind: ChannelKind, member: Member, action: Action): boolean {
  const least = LEAST_ROLE[kind][action];
  if (least === "nobody") return false;
  const override = OVERRIDE[action];
  return (override && member.overrides?.[override]) ?? atLeast(member.role, least);
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
export type Admitted = { channel: Channel; facts: Readonly<MemberFacts>; member: Member };

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
  return { channel, facts, member };
}

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
