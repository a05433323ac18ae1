/** Pages of members: Postgres's list with what is unflushed laid over it (rule H4). */
import type { Opened } from "../../actors/commands.ts";
import type { Member } from "../../protocol/channel.ts";
import { UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { type MemberPage, PAGE_DEFAULT } from "../../protocol/rest.ts";
import type { User } from "../../protocol/users.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { touchedMembers } from "../overlay.ts";
import type { RestOptions } from "./rest-options.ts";

export type Row = { user: User; member: Member };
/** Who is active, and their profile where it is at hand. */
type Active = { user?: User; member: Member };
type Sources = Pick<RestOptions, "memberships" | "accounts">;

/** Active members of a channel that the caller may read, by user id. A changed cursor is `malformed`. */
export async function memberPage(
  sources: Sources,
  opened: Opened,
  query: { limit?: number; after?: string },
): Promise<Answer<MemberPage>> {
  const { limit = PAGE_DEFAULT, after } = query;
  const list = `${opened.channel.id}/members`;
  const place = placeIn(list, after);
  if (!place.ok) return place;
  const { members, last } = await readMembers(sources, opened, { limit, after: place.userId });
  return { ok: true, members, ...(last && { next: encodeCursor(list, last) }) };
}

/** The person behind whom a list by user id goes on; none: from its beginning. */
export function placeIn(list: string, after: string | undefined): Answer<{ userId?: UserId }> {
  if (after === undefined) return { ok: true };
  const place = UserId.safeParse(decodeCursor(list, after));
  return place.success
    ? { ok: true, userId: place.data }
    : refused("malformed", { message: "The cursor is not one of this list's." });
}

/** At most `limit` active members behind `after`. `last`: there may be more behind this one. */
export async function readMembers(
  sources: Sources,
  opened: Opened,
  { limit, after }: { limit: number; after?: UserId },
): Promise<{ members: Row[]; last?: UserId }> {
  // One more than wanted says whether there is more.
  const page = { afterUserId: after, limit: limit + 1 };
  const stored = await sources.memberships.members(opened.channel.id, page);
  const upTo = stored.length > limit ? stored.at(-1)!.user.id : undefined;
  const active = overlayRows(stored, touchedMembers(opened.unflushed), { after, upTo });
  const members = await withUsers(sources, active);
  // Where the list was cut; or, when departures left a short page, how far Postgres was read.
  const last = members.length > limit ? members[limit - 1]!.user.id : upTo;
  return { members: members.slice(0, limit), ...(last && { last }) };
}

/** Which of these people are active members, by user id. */
export async function activeAmong(
  { memberships }: Pick<Sources, "memberships">,
  opened: Opened,
  userIds: readonly UserId[],
): Promise<Active[]> {
  if (userIds.length === 0) return [];
  const among = new Set(userIds);
  const stored = await memberships.members(opened.channel.id, { among: userIds, limit: userIds.length });
  const touched = [...touchedMembers(opened.unflushed)].filter(([userId]) => among.has(userId));
  return overlayRows(stored, new Map(touched), {});
}

/** With the profiles that were not at hand; without people who have none. */
export async function withUsers(
  { accounts }: Pick<Sources, "accounts">,
  active: readonly Active[],
): Promise<Row[]> {
  const missing = active.flatMap(({ user, member }) => (user ? [] : [member.userId]));
  const users = new Map((await accounts.users(missing)).map((user) => [user.id, user]));
  return active.flatMap(({ user, member }) => {
    const known = user ?? users.get(member.userId);
    return known ? [{ user: known, member }] : [];
  });
}

/** The pure core: who is active now between two user ids. */
function overlayRows(
  stored: readonly Row[],
  touched: ReadonlyMap<UserId, Member>,
  range: { after?: UserId; upTo?: UserId },
): Active[] {
  const byId = new Map<UserId, Active>(stored.map((row) => [row.user.id, row]));
  for (const [id, member] of touched) {
    if ((range.after !== undefined && id <= range.after) || (range.upTo !== undefined && id > range.upTo))
      continue;
    if (member.status === "active") byId.set(id, { user: byId.get(id)?.user, member });
    else byId.delete(id);
  }
  return [...byId.values()].sort((a, b) => (a.member.userId < b.member.userId ? -1 : 1));
}
