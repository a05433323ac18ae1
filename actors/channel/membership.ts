/** Coming in, going, and being invited (rows C1, C2). A repeat that changes nothing answers ok and logs nothing (rule B1). */
import { atLeast, type Member, type Overrides, type Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import {
  type Admitted,
  admit,
  bannedFrom,
  ENTRY,
  NOT_IN_SPACE,
  outranks,
  outsiderCode,
  permits,
  type Standing,
  standingOf,
} from "./access.ts";
import { archivedBehind, isArchived, refuseArchived } from "./archiving.ts";
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
  if (isArchived(state, nowMs)) return refuse("archived");
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
  const stays = before && kept(before);
  const member: Member = { userId: by, role: "member", ...stays, status: "active", joinedAtMs: common.atMs };
  const events = [
    recordOf(state, { type: "member:joined", ...common, member, memberCount: state.fold.memberCount + 1 }),
  ];
  const { messageCount } = state.fold;
  const marks = [{ userId: by, delivered: common.seq, read: common.seq, readCount: messageCount }];
  return { ...answer(opened(state, by, events)), events, marks };
}

/** What an invitation gave; of someone who went and comes back, what limits them, and nothing of what was granted. */
function kept(before: Member): Partial<Member> {
  if (before.status === "pending") return before;
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
  // First of all: nothing happens here any more by the hand of who has left.
  const archiving = archivedBehind(state, [], by, nowMs);
  const event = {
    type: "member:left" as const,
    ...nextEvent(state, by, nowMs, archiving.length),
    userId: by,
    member: { ...member, status: "left" as const },
    memberCount: memberCount - (member.status === "active" ? 1 : 0),
  };
  return { ...answer({}), events: [...archiving, recordOf(state, event)] };
}

type Invite = Extract<ChannelCommand, { type: "invite" }>;

/** Asks a person in: `pending` until they join. Nobody grants what is not below them, ordinary membership apart. */
export function decideInvite(state: Readonly<ChannelState>, command: Invite, nowMs: number): Outcome {
  const admitted = admit(state, command.by, "invite", nowMs);
  if (!("member" in admitted)) return admitted;
  const standing = standingOf(state, command.userId, nowMs);
  if (!("facts" in standing)) return standing;
  const before = standing.facts.member;
  if (before?.status === "active") {
    const isSame = command.role === undefined || command.role === before.role;
    return isSame
      ? answer({ member: before })
      : refuse("conflict", { message: "They are a member already." });
  }
  if (isArchived(state, nowMs)) return refuseArchived(state, command.by, nowMs);
  if (bannedFrom(standing, nowMs)) return refuse("forbidden", { message: "They are banned." });
  if (standing.space && standing.space.member?.status !== "active") {
    return refuse("not_a_member", {
      message: "They are not a member of the space that this channel belongs to.",
    });
  }
  const common = nextEvent(state, command.by, nowMs);
  const member = invitation(command, before, common.atMs);
  if (before && isSameMember(before, member)) return answer({ member: before });
  if (!mayInviteAs(admitted, command, before, member)) return refuse("forbidden");
  const { memberCount } = state.fold;
  const notice = { kind: "invite" as const, channelId: state.id, by: command.by };
  return {
    ...answer({ member }),
    events: [recordOf(state, { type: "member:updated", ...common, member, memberCount })],
    notices: before?.status === "pending" ? [] : [{ userId: command.userId, notice }],
  };
}

/** An invitation takes what the same would take of a member; one that is out already is changed by who stands above it. */
function mayInviteAs(
  { channel: { kind }, member: own }: Admitted,
  { overrides, mutedUntilMs }: Invite,
  before: Member | undefined,
  invited: Member,
): boolean {
  if (!mayGrant(own.role, invited.role)) return false;
  const isOtherRole = before !== undefined && kept(before).role !== invited.role;
  if (isOtherRole && !permits(kind, own, "manage")) return false;
  if (before?.status === "pending" && !outranks(own.role, before.role)) return false;
  if (overrides !== undefined && !permits(kind, own, "manage")) return false;
  return mutedUntilMs === undefined || permits(kind, own, "moderate");
}

/** May someone in role `own` give `granted`? */
export function mayGrant(own: Role, granted: Role): boolean {
  return atLeast("member", granted) || outranks(own, granted);
}

function invitation(command: Invite, before: Member | undefined, atMs: number): Member {
  const { userId, role } = command;
  const stays = before && kept(before);
  const member: Member = { role: "member", joinedAtMs: atMs, ...stays, userId, status: "pending" };
  return limited(role === undefined ? member : { ...member, role }, command, atMs);
}

/**
 * `member` with these overrides, all of them at once, and this mute: `null` is for ever, and an end that has come already, as 0
 * always has, is none. What is undefined stays.
 */
export function limited(
  member: Member,
  { overrides, mutedUntilMs }: Pick<Invite, "overrides" | "mutedUntilMs">,
  nowMs: number,
): Member {
  const { overrides: before = {}, mutedUntilMs: mute, ...rest } = member;
  const limits = overrides ?? before;
  const isMute = mutedUntilMs === null || (mutedUntilMs !== undefined && mutedUntilMs > nowMs);
  const muteAfter = mutedUntilMs === undefined ? mute : isMute ? mutedUntilMs : undefined;
  return {
    ...rest,
    ...(Object.keys(limits).length > 0 && { overrides: limits }),
    ...(muteAfter !== undefined && { mutedUntilMs: muteAfter }),
  };
}

/** Do both stand the same in their channel? When they joined is no part of that. */
export function isSameMember(a: Member, b: Member): boolean {
  return (
    a.role === b.role &&
    a.status === b.status &&
    a.mutedUntilMs === b.mutedUntilMs &&
    a.bannedUntilMs === b.bannedUntilMs &&
    isSameOverrides(a.overrides ?? {}, b.overrides ?? {})
  );
}

function isSameOverrides(a: Overrides, b: Overrides): boolean {
  const keys = Object.keys({ ...a, ...b }) as (keyof Overrides)[];
  return keys.every((key) => a[key] === b[key]);
}
