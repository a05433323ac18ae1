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

type Row = { user: User; member: Member };

/** Active members of a channel that the caller may read, by user id. A changed cursor is `malformed`. */
export async function memberPage(
  { memberships, accounts }: RestOptions,
  opened: Opened,
  query: { limit?: number; after?: string },
): Promise<Answer<MemberPage>> {
  const { limit = PAGE_DEFAULT, after } = query;
  const list = `${opened.channel.id}/members`;
  const place = after === undefined ? undefined : UserId.safeParse(decodeCursor(list, after));
  if (place?.success === false)
    return refused("malformed", { message: "The cursor is not one of this list's." });
  // One more than wanted says whether there is more.
  const stored = await memberships.members(opened.channel.id, { afterUserId: place?.data, limit: limit + 1 });
  const touched = touchedMembers(opened.unflushed);
  const upTo = stored.length > limit ? stored.at(-1)!.user.id : undefined;
  const rows = overlayRows(stored, touched, { after: place?.data, upTo });
  const users = new Map((await accounts.users(rows.missing)).map((user) => [user.id, user]));
  const members = rows.members.flatMap(({ user, member }) => {
    const known = user ?? users.get(member.userId);
    return known ? [{ user: known, member }] : [];
  });
  // Where the list was cut; or, when departures left a short page, how far Postgres was read.
  const last = members.length > limit ? members[limit - 1]!.user.id : upTo;
  return { ok: true, members: members.slice(0, limit), ...(last && { next: encodeCursor(list, last) }) };
}

/** The pure core: who is active now between two user ids, and whose profile is not at hand. */
export function overlayRows(
  stored: readonly Row[],
  touched: ReadonlyMap<UserId, Member>,
  range: { after?: UserId; upTo?: UserId },
): { members: { user?: User; member: Member }[]; missing: UserId[] } {
  const byId = new Map<UserId, { user?: User; member: Member }>(stored.map((row) => [row.user.id, row]));
  for (const [id, member] of touched) {
    if ((range.after !== undefined && id <= range.after) || (range.upTo !== undefined && id > range.upTo))
      continue;
    if (member.status === "active") byId.set(id, { user: byId.get(id)?.user, member });
    else byId.delete(id);
  }
  const members = [...byId.values()].sort((a, b) => (a.member.userId < b.member.userId ? -1 : 1));
  return { members, missing: members.filter(({ user }) => !user).map(({ member }) => member.userId) };
}
