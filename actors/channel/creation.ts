/** How channels, spaces and dms begin: one command, a few events, and the same answer when it is repeated (rules B1, E2). */
import { atLeast, type Channel, type ChannelKind, type Member, type Role } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import type { ChannelCommand, NewChannel } from "../commands.ts";
import type { EventRecord } from "../ports.ts";
import { barredByBlock, NOT_IN_SPACE } from "./access.ts";
import {
  answer,
  channelAfter,
  type Decision,
  type Need,
  nextEvent,
  type Outcome,
  recordOf,
  refuse,
} from "./decision.ts";
import { type FactKey, spaceMember } from "./facts.ts";
import { knownMember } from "./members.ts";
import { isBanned } from "./sanctions.ts";
import type { ChannelState } from "./state.ts";

/** People whom one `create` may invite: each is an event, and all go into one entry of the log. Chosen. */
export const INVITED_AT_CREATION_MAX = 500;

/** What the maker of a channel must be in its space, by kind; undefined: this kind stands in no space. */
const MAKER_IN_SPACE: Record<ChannelKind, Role | undefined> = {
  topic: "member",
  announcement: "moderator",
  private: "member",
  group: undefined,
  dm: undefined,
  space: undefined,
};
/** Kinds that are nothing without a space. */
const NEEDS_SPACE: readonly ChannelKind[] = ["topic", "announcement"];

type Create = Extract<ChannelCommand, { type: "create" }>;

/** Makes the channel: `by` owns it and the others are invited; a dm has its two people from the start. */
export function decideCreate(state: Readonly<ChannelState>, command: Create, nowMs: number): Outcome {
  const { by, channel: wanted } = command;
  if (state.fold.channel) return existing(state, command);
  const others = [...new Set(command.memberIds)].filter((userId) => userId !== by);
  const flaw = flawOf(state, command, others);
  if (flaw !== undefined) return refuse("malformed", { message: flaw });
  if (others.length > INVITED_AT_CREATION_MAX) return refuse("too_large");
  const isDm = wanted.kind === "dm";
  const barred = isDm
    ? barredByBlock(state, by, others[0]!, nowMs)
    : barredBySpace(state, command, others, nowMs);
  if (barred) return barred;
  const events = isDm ? pairBirth(state, by, others[0]!, nowMs) : birth(state, by, wanted, others, nowMs);
  const notice = { kind: "invite" as const, channelId: state.id, by };
  return {
    ...answer({ channel: channelAfter(state, events), membership: ownMembership(events, by), created: true }),
    events,
    notices: isDm ? [] : others.map((userId) => ({ userId, notice })),
  };
}

/** The id is taken: by what the same person asked for before, or by something else. */
function existing(state: Readonly<ChannelState>, { by, channel: wanted }: Create): Outcome {
  const facts = knownMember(state.members, by);
  if (facts === undefined) return { need: [{ fact: "member", userId: by }] };
  const { kind, spaceId } = state.fold.channel!;
  const isSame = kind === wanted.kind && spaceId === wanted.spaceId && facts.member?.status === "active";
  if (!isSame) return refuse("conflict");
  return answer({ channel: channelAfter(state, []), membership: facts.member, created: false });
}

/** What makes no sense about the request, in a sentence. */
function flawOf(
  state: Readonly<ChannelState>,
  { by, channel: { kind, spaceId } }: Create,
  others: UserId[],
): string | undefined {
  if (spaceId === undefined && NEEDS_SPACE.includes(kind))
    return "A channel of this kind belongs to a space: spaceId is missing.";
  if (spaceId !== undefined && MAKER_IN_SPACE[kind] === undefined)
    return "A channel of this kind belongs to no space.";
  if (kind !== "dm") return undefined;
  return others.length === 1 && isPair(state, by, others[0]!)
    ? undefined
    : "A dm has exactly two people, and its id follows from them.";
}

/** Is this actor the dm of these two? */
function isPair(state: Readonly<ChannelState>, a: UserId, b: UserId): boolean {
  return a !== b && state.id === dmId(a, b);
}

/** Who the space does not let make this, or have in it; what must be asked of it first; undefined: nothing is in the way. */
function barredBySpace(
  state: Readonly<ChannelState>,
  { by, channel: { kind, spaceId } }: Create,
  others: UserId[],
  nowMs: number,
): Decision | Need | undefined {
  const least = MAKER_IN_SPACE[kind];
  if (spaceId === undefined || least === undefined) return undefined;
  const need: FactKey[] = [];
  for (const userId of [by, ...others]) {
    const said = spaceMember(state.facts, userId, nowMs);
    if (said === undefined) need.push({ fact: "space", spaceId, userId });
    else if (!said.isSpace) return refuse("not_found", { message: "There is no such space." });
    else if (said.member && isBanned(said.member, nowMs))
      return refuse(userId === by ? "banned" : "forbidden");
    else if (said.member?.status !== "active")
      return refuse("not_a_member", { message: NOT_IN_SPACE, details: { userId } });
    else if (userId === by && !atLeast(said.member.role, least)) return refuse("forbidden");
  }
  return need.length > 0 ? { need } : undefined;
}

function birth(
  state: Readonly<ChannelState>,
  by: UserId,
  wanted: NewChannel,
  invited: UserId[],
  nowMs: number,
): EventRecord[] {
  const { atMs } = nextEvent(state, by, nowMs);
  const member = (userId: UserId, role: Role, status: Member["status"]): Member => ({
    userId,
    role,
    status,
    joinedAtMs: atMs,
  });
  return [
    created(state, by, wanted, nowMs),
    recordOf(state, {
      type: "member:joined",
      ...nextEvent(state, by, nowMs, 1),
      member: member(by, "owner", "active"),
      memberCount: 1,
    }),
    ...invited.map((userId, i) =>
      recordOf(state, {
        type: "member:updated",
        ...nextEvent(state, by, nowMs, 2 + i),
        member: member(userId, "member", "pending"),
        memberCount: 1,
      }),
    ),
  ];
}

/** The first events of a dm; undefined where this actor is not the dm of `pair`, or `by` is none of them (row C3). */
export function birthOfPair(
  state: Readonly<ChannelState>,
  by: UserId,
  pair: [UserId, UserId],
  nowMs: number,
): EventRecord[] | undefined {
  const other = pair.find((userId) => userId !== by);
  if (other === undefined || !pair.includes(by) || !isPair(state, by, other)) return undefined;
  return pairBirth(state, by, other, nowMs);
}

function pairBirth(state: Readonly<ChannelState>, by: UserId, other: UserId, nowMs: number): EventRecord[] {
  const { atMs } = nextEvent(state, by, nowMs);
  const people = [by, other].map((userId, i) => {
    const member: Member = { userId, role: "member", status: "active", joinedAtMs: atMs };
    return recordOf(state, {
      type: "member:joined",
      ...nextEvent(state, by, nowMs, 1 + i),
      member,
      memberCount: 1 + i,
    });
  });
  return [created(state, by, { kind: "dm", settings: {} }, nowMs), ...people];
}

function created(state: Readonly<ChannelState>, by: UserId, wanted: NewChannel, nowMs: number): EventRecord {
  const common = nextEvent(state, by, nowMs);
  const channel: Channel = {
    id: state.id,
    ...wanted,
    archived: false,
    seq: common.seq,
    epoch: state.reign,
    memberCount: 0,
  };
  return recordOf(state, { type: "channel:created", ...common, channel });
}

function ownMembership(events: readonly EventRecord[], by: UserId): Member | undefined {
  for (const { event } of events)
    if (event.type === "member:joined" && event.member.userId === by) return event.member;
  return undefined;
}
