/** Coming in, going, and being invited (rows C1, C2). A repeat that changes nothing answers ok and logs nothing (rule B1). */
import { atLeast, type Member, type Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import { admit, bannedFrom, ENTRY, NOT_IN_SPACE, outsiderCode, type Standing, standingOf } from "./access.ts";
import { answer, type Decision, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { opened } from "./history.ts";
import { knownMember } from "./members.ts";
import type { ChannelState } from "./state.ts";

/** Makes `by` an active member, where the channel's kind lets them in. */
export function decideJoin(state: Readonly<ChannelState>, { by }: { by: UserId }, nowMs: number): Outcome {
  const standing = standingOf(state, by, nowMs);
  if (!("facts" in standing)) return standing;
  const { channel, facts, space } = standing;
  const banned = bannedFrom(standing, nowMs);
  if (banned) return banned;
  const isMember = facts.member?.status === "active";
  const refusal = (isMember ? undefined : shutOut(standing)) ?? (space && notInSpace(standing));
  if (refusal) return refusal;
  if (isMember) return answer(opened(state, by, []));
  if (channel.archived) return refuse("archived");
  if (state.fold.memberCount >= (channel.settings.memberLimit ?? Number.POSITIVE_INFINITY))
    return refuse("member_limit");
  return joined(state, by, facts.member, nowMs);
}

/** Why someone who is no member may not come in; undefined: they may. */
function shutOut(standing: Standing): Decision | undefined {
  const { channel, facts, space } = standing;
  const isInvited = facts.member?.status === "pending";
  const entry = ENTRY[channel.kind];
  if (entry === "open" || (isInvited && entry !== "pair")) return undefined;
  if (entry !== "space") return refuse(outsiderCode(standing));
  if (space?.member?.status !== "active") return refuse(outsiderCode(standing));
  return atLeast(space.member.role, "member")
    ? undefined
    : refuse("forbidden", { message: "Guests of a space come in by invitation." });
}

function notInSpace({ space }: Standing): Decision | undefined {
  return space?.member?.status === "active" ? undefined : refuse("not_a_member", { message: NOT_IN_SPACE });
}

function joined(
  state: Readonly<ChannelState>,
  by: UserId,
  before: Member | undefined,
  nowMs: number,
): Outcome {
  const common = nextEvent(state, by, nowMs);
  const kept = before?.status === "pending" ? before : returning(before);
  const member: Member = { userId: by, role: "member", ...kept, status: "active", joinedAtMs: common.atMs };
  const events = [
    recordOf(state, { type: "member:joined", ...common, member, memberCount: state.fold.memberCount + 1 }),
  ];
  const { messageCount } = state.fold;
  const marks = [{ userId: by, delivered: common.seq, read: common.seq, readCount: messageCount }];
  return { ...answer(opened(state, by, events)), events, marks };
}

/** What stays with someone who went and comes back: what limits them, nothing of what was granted. */
function returning(before: Member | undefined): Partial<Member> {
  if (before === undefined) return {};
  const { role, mutedUntilMs } = before;
  const denied = Object.entries(before.overrides ?? {}).filter(([, allowed]) => !allowed);
  return {
    role: role === "guest" ? "guest" : "member",
    ...(denied.length > 0 && { overrides: Object.fromEntries(denied) }),
    ...(mutedUntilMs !== undefined && { mutedUntilMs }),
  };
}

/** Gives up membership or an invitation. A dm keeps its two people, and a channel its owner. */
export function decideLeave(state: Readonly<ChannelState>, { by }: { by: UserId }, nowMs: number): Outcome {
  const { channel, memberCount } = state.fold;
  const member = channel && knownMember(state.members, by)?.member;
  if (channel === undefined || member === undefined) {
    const standing = standingOf(state, by, nowMs);
    return "facts" in standing ? refuse(outsiderCode(standing)) : standing;
  }
  if (member.status === "left" || member.status === "removed") return answer({});
  if (channel.kind === "dm") return refuse("forbidden", { message: "The two people of a dm stay in it." });
  if (member.role === "owner")
    return refuse("forbidden", { message: "The owner hands the channel over before leaving." });
  const event = {
    type: "member:left" as const,
    ...nextEvent(state, by, nowMs),
    userId: by,
    member: { ...member, status: "left" as const },
    memberCount: memberCount - (member.status === "active" ? 1 : 0),
  };
  return { ...answer({}), events: [recordOf(state, event)] };
}

type Invite = Extract<ChannelCommand, { type: "invite" }>;

/** Asks a person in: `pending` until they join. Nobody grants what is not below them, ordinary membership apart. */
export function decideInvite(state: Readonly<ChannelState>, command: Invite, nowMs: number): Outcome {
  const admitted = admit(state, command.by, "invite", nowMs);
  if (!("member" in admitted)) return admitted;
  const standing = standingOf(state, command.userId, nowMs);
  if (!("facts" in standing)) return standing;
  const { member: inviter, channel } = admitted;
  const before = standing.facts.member;
  if (before?.status === "active") {
    const isSame = command.role === undefined || command.role === before.role;
    return isSame
      ? answer({ member: before })
      : refuse("conflict", { message: "They are a member already." });
  }
  if (channel.archived) return refuse("archived");
  if (bannedFrom(standing, nowMs)) return refuse("forbidden", { message: "They are banned." });
  if (standing.space && standing.space.member?.status !== "active") {
    return refuse("not_a_member", {
      message: "They are not a member of the space that this channel belongs to.",
    });
  }
  const common = nextEvent(state, command.by, nowMs);
  const member = invitation(command, before, common.atMs);
  if (before && isSameInvitation(before, member)) return answer({ member: before });
  const roles = before?.status === "pending" ? [before.role, member.role] : [member.role];
  const setsLimits = command.overrides !== undefined || command.mutedUntilMs !== undefined;
  if (!roles.every((role) => mayGrant(inviter.role, role))) return refuse("forbidden");
  if (setsLimits && !atLeast(inviter.role, "moderator")) return refuse("forbidden");
  const { memberCount } = state.fold;
  return {
    ...answer({ member }),
    events: [recordOf(state, { type: "member:updated", ...common, member, memberCount })],
  };
}

/** May someone in role `own` give `granted`? */
export function mayGrant(own: Role, granted: Role): boolean {
  return atLeast("member", granted) || (atLeast(own, granted) && own !== granted);
}

function invitation(
  { userId, role, overrides, mutedUntilMs }: Invite,
  before: Member | undefined,
  atMs: number,
): Member {
  const kept = before?.status === "pending" ? before : returning(before);
  return {
    role: "member",
    joinedAtMs: atMs,
    ...kept,
    userId,
    status: "pending",
    ...(role !== undefined && { role }),
    ...(overrides !== undefined && { overrides }),
    ...(mutedUntilMs !== undefined && { mutedUntilMs }),
  };
}

function isSameInvitation(before: Member, after: Member): boolean {
  const { role, status, mutedUntilMs, overrides = {} } = before;
  const rest = after.overrides ?? {};
  const keys = new Set([...Object.keys(overrides), ...Object.keys(rest)]) as Set<keyof typeof overrides>;
  const sameOverrides = [...keys].every((key) => overrides[key] === rest[key]);
  return (
    sameOverrides && role === after.role && status === after.status && mutedUntilMs === after.mutedUntilMs
  );
}
