/**
 * Roles, overrides, mutes, removals and bans: what people decide about those below them (row C2). Nobody changes their own
 * standing, or that of an equal. A repeat that changes nothing answers ok and logs nothing (rule B1).
 */
import { atLeast, type Member, type Role } from "../../protocol/channel.ts";
import type { ChannelCommand } from "../commands.ts";
import type { EventRecord } from "../ports.ts";
import { type Admitted, admit, outranks, permits } from "./access.ts";
import { archivedBehind } from "./archiving.ts";
import { answer, type Decision, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { knownMember } from "./members.ts";
import { isSameMember, limited } from "./membership.ts";
import type { ChannelState } from "./state.ts";

type Change = Extract<ChannelCommand, { type: "change_member" }>;
type Remove = Extract<ChannelCommand, { type: "remove_member" }>;

/**
 * Another role, other overrides (all of them at once), a mute, of an active or invited member. `not_found`: they are neither.
 * `role` owner hands the channel over, and the owner is an admin from then on.
 */
export function decideChangeMember(state: Readonly<ChannelState>, command: Change, nowMs: number): Outcome {
  const { by, userId } = command;
  // The least that any change takes; more is asked for below, when it is known what would change.
  const admitted = admit(state, by, "moderate", nowMs);
  if (!("member" in admitted)) return admitted;
  const target = knownMember(state.members, userId);
  if (target === undefined) return { need: [{ fact: "member", userId }] };
  const before = target.member;
  if (before === undefined || !isInside(before))
    return refuse("not_found", { message: "They are neither a member nor invited." });
  const after = changed(before, command, nowMs);
  if (isSameMember(before, after)) return answer({ member: before });
  const barred = barredChange(admitted, before, after);
  if (barred) return barred;
  const members = after.role === "owner" ? [after, { ...admitted.member, role: "admin" as const }] : [after];
  const events = members.map((member, ahead) => updated(state, command, member, nowMs, ahead));
  return { ...answer({ member: after }), events: archivedBehind(state, events, by, nowMs) };
}

function isInside({ status }: Member): boolean {
  return status === "active" || status === "pending";
}

/** Who is made the owner is neither muted nor limited: nobody stands above them who could lift it. */
function changed(before: Member, command: Change, nowMs: number): Member {
  const { role = before.role } = command;
  const limits = command.role === "owner" ? { overrides: {}, mutedUntilMs: 0 } : command;
  return limited({ ...before, role }, limits, nowMs);
}

/** Why this change is not for `own` to make; undefined: nothing is in the way. */
function barredChange(
  { channel, member: own }: Admitted,
  before: Member,
  after: Member,
): Decision | undefined {
  if (own.userId === before.userId)
    return refuse("forbidden", { message: "Nobody changes their own standing." });
  if (!outranks(own.role, before.role)) return refuse("forbidden");
  const isMuteAlone = isSameMember({ ...before, mutedUntilMs: after.mutedUntilMs }, after);
  if (!isMuteAlone && !permits(channel.kind, own, "manage")) return refuse("forbidden");
  if (after.role === "owner") return barredHandOver(own, before);
  return before.role === after.role || outranks(own.role, after.role) ? undefined : refuse("forbidden");
}

function barredHandOver(own: Member, heir: Member): Decision | undefined {
  if (own.role !== "owner") return refuse("forbidden", { message: "Only the owner hands the channel over." });
  if (heir.status === "active") return undefined;
  return refuse("forbidden", { message: "Who is to own the channel joins first." });
}

/**
 * Puts someone out, withdraws an invitation, bans, or lifts a ban. Who never was here can be banned all the same: they cannot
 * come in. An end that has come already leaves them out, and free to come back.
 */
export function decideRemoveMember(state: Readonly<ChannelState>, command: Remove, nowMs: number): Outcome {
  const { by, userId, bannedUntilMs } = command;
  const action = bannedUntilMs === undefined ? "remove" : "ban";
  const admitted = admit(state, by, action, nowMs);
  if (!("member" in admitted)) return admitted;
  const target = knownMember(state.members, userId);
  if (target === undefined) return { need: [{ fact: "member", userId }] };
  const before = target.member ?? strangerTo(state, command, nowMs);
  if (before === undefined) return refuse("not_found", { message: "They are not a member." });
  const after = removed(before, bannedUntilMs);
  const said = { ...answer({ member: after }), ...saidEverywhere(admitted, after) };
  if (isSameMember(before, after)) return said;
  if (userId === by) return refuse("forbidden", { message: "Who wants to go leaves." });
  if (!mayPutOut(admitted.member.role, before)) return refuse("forbidden");
  const event = isInside(before)
    ? left(state, command, before, after, nowMs)
    : updated(state, command, after, nowMs, 0);
  return { ...said, events: archivedBehind(state, [event], by, nowMs) };
}

/** A repeat waits for the nodes as well: who asked first may have heard nothing in time (rule E1). */
function saidEverywhere({ channel }: Admitted, after: Member): Pick<Decision, "outOfSpace"> {
  return channel.kind === "space" && !isInside(after) ? { outOfSpace: after.userId } : {};
}

/** Someone of whom the channel knows nothing, as far as they can be banned; undefined: there is nothing to lift or to remove. */
function strangerTo(
  state: Readonly<ChannelState>,
  { by, userId, bannedUntilMs }: Remove,
  nowMs: number,
): Member | undefined {
  if (bannedUntilMs === undefined || bannedUntilMs === 0) return undefined;
  return { userId, role: "member", status: "left", joinedAtMs: nextEvent(state, by, nowMs).atMs };
}

function removed(before: Member, bannedUntilMs: number | null | undefined): Member {
  const { bannedUntilMs: _, ...rest } = before;
  if (bannedUntilMs === undefined) return isInside(before) ? { ...rest, status: "left" } : before;
  if (bannedUntilMs !== 0) return { ...rest, status: "removed", bannedUntilMs };
  return before.status === "removed" ? { ...rest, status: "left" } : before;
}

/** Those below; and plain members and guests by whom an override lets remove them, though they stand no higher. */
function mayPutOut(own: Role, target: Member): boolean {
  const role = standingRole(target);
  return outranks(own, role) || atLeast("member", role);
}

/** Who is outside would come back as a plain member, whatever they were. */
function standingRole(member: Member): Role {
  return isInside(member) || member.role === "guest" ? member.role : "member";
}

function left(
  state: Readonly<ChannelState>,
  { by, userId }: Remove,
  before: Member,
  member: Member,
  nowMs: number,
): EventRecord {
  const memberCount = state.fold.memberCount - (before.status === "active" ? 1 : 0);
  const common = nextEvent(state, by, nowMs);
  return recordOf(state, { type: "member:left", ...common, userId, member, memberCount });
}

function updated(
  state: Readonly<ChannelState>,
  { by }: Change | Remove,
  member: Member,
  nowMs: number,
  ahead: number,
): EventRecord {
  const { memberCount } = state.fold;
  const common = nextEvent(state, by, nowMs, ahead);
  return recordOf(state, { type: "member:updated", ...common, member, memberCount });
}
