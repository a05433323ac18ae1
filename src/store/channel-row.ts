/** Rows of `channels` and `channel_members` and what they stand for: the one mapping, both ways. */
import {
  type Channel,
  type ChannelKind,
  type Member,
  type MemberStatus,
  type Overrides,
  type Role,
  Settings,
} from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";

/** The end of a mute or ban without end, in a column: greater than every time, and exact in JavaScript. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

/** UUIDs are compared as bytes: nil comes before everyone. */
export const NOBODY = "00000000-0000-0000-0000-000000000000";

export type ChannelColumns = {
  id: string;
  space_id: string | null;
  kind: string;
  name: string | null;
  description: string | null;
  settings: unknown;
  archived: boolean;
  slowed: NonNullable<Channel["slowed"]> | null;
  seq: number;
  epoch: number;
  member_count: number;
  slug: string | null;
  language: string | null;
};

/** For `select`. */
export const CHANNEL_COLUMNS = [
  "id",
  "space_id",
  "kind",
  "name",
  "description",
  "settings",
  "archived",
  "slowed",
  "seq",
  "epoch",
  "member_count",
  "slug",
  "language",
] as const satisfies readonly (keyof ChannelColumns)[];

export function toChannel(row: ChannelColumns): Channel {
  const channel: Channel = {
    id: row.id as ChannelId,
    kind: row.kind as ChannelKind,
    settings: Settings.parse(row.settings),
    archived: row.archived,
    seq: row.seq,
    epoch: row.epoch,
    memberCount: row.member_count,
  };
  if (row.space_id !== null) channel.spaceId = row.space_id as ChannelId;
  if (row.name !== null) channel.name = row.name;
  if (row.description !== null) channel.description = row.description;
  if (row.slowed !== null) channel.slowed = row.slowed;
  if (row.slug !== null) channel.slug = row.slug;
  if (row.language !== null) channel.language = row.language as NonNullable<Channel["language"]>;
  return channel;
}

export type MemberColumns = {
  user_id: string;
  role: string;
  status: string;
  overrides: Overrides | null;
  muted_until_ms: number | null;
  banned_until_ms: number | null;
  joined_at_ms: number;
};

/** For `select`. */
export const MEMBER_COLUMNS = [
  "user_id",
  "role",
  "status",
  "overrides",
  "muted_until_ms",
  "banned_until_ms",
  "joined_at_ms",
] as const satisfies readonly (keyof MemberColumns)[];

export function toMember(row: MemberColumns): Member {
  const member: Member = {
    userId: row.user_id as UserId,
    role: row.role as Role,
    status: row.status as MemberStatus,
    joinedAtMs: row.joined_at_ms,
  };
  if (row.overrides !== null) member.overrides = row.overrides;
  if (row.muted_until_ms !== null) member.mutedUntilMs = toEnd(row.muted_until_ms);
  if (row.banned_until_ms !== null) member.bannedUntilMs = toEnd(row.banned_until_ms);
  return member;
}

/** `null` in a member is for ever; absent is none, and null in the column. */
export function fromEnd(endMs: number | null | undefined): number | null {
  return endMs === undefined ? null : (endMs ?? FOR_EVER_MS);
}

function toEnd(endMs: number): number | null {
  return endMs === FOR_EVER_MS ? null : endMs;
}
