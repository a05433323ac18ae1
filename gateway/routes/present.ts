/** `/present`: the members of a channel and how they look to the caller; the larger it is, the less is said (row P4). */
import type { Opened } from "../../actors/commands.ts";
import type { Trace } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { EVERYONE_LISTED_MAX, PRESENT_LISTED_MAX, PresentPage } from "../../protocol/present.ts";
import type { Answer } from "../../protocol/refusals.ts";
import { ChannelPath, MembersQuery, PAGE_DEFAULT } from "../../protocol/rest.ts";
import type { Presence } from "../../protocol/signals.ts";
import { encodeCursor } from "../http/cursor.ts";
import { type Route, route } from "../http/route.ts";
import { activeAmong, placeIn, type Row, readMembers, withUsers } from "./members.ts";
import type { RestOptions } from "./rest-options.ts";

/** People looked at in one step of a list, however few of them are shown: a whole list is ten steps. Chosen. */
const STEP = 100;

type Seen = Row & { presence: Presence };
type Caller = { userId: UserId; trace: Trace };
/** What the list is made for. `space`: of a channel in one, else undefined. */
type Scene = { options: RestOptions; opened: Opened; space?: Opened; caller: Caller };
type Range = { limit: number; after?: UserId };
/** `last`: there may be more behind this person. */
type Listed = { members: Seen[]; last?: UserId; isWhole: boolean };

export function presentRoutes(options: RestOptions): Route[] {
  return [
    route("GET /channels/:id/present", {
      summary:
        "Members with their presence: all of up to 250; of up to 1,000 those who are there; beyond that, counts",
      params: ChannelPath,
      query: MembersQuery,
      answer: PresentPage,
      async handle({ params, query, userId, trace }) {
        const opened = await options.router.askChannel(params.id, { type: "open", by: userId }, trace);
        return opened.ok ? presentPage(options, opened, { userId, trace }, query) : opened;
      },
    }),
  ];
}

/** A page for a caller who may read the channel. A changed cursor is `malformed`. */
async function presentPage(
  options: RestOptions,
  opened: Opened,
  caller: Caller,
  { limit = PAGE_DEFAULT, after }: { limit?: number; after?: string },
): Promise<Answer<PresentPage>> {
  const { id, spaceId, memberCount } = opened.channel;
  const list = `${id}/present`;
  const place = placeIn(list, after);
  if (!place.ok) return place;
  if (memberCount > PRESENT_LISTED_MAX) return { ok: true, ...(await countsOf(options, opened)) };
  // Who is out of the space is still a member here, without a part in it (rule E1).
  const space =
    spaceId && (await options.router.askChannel(spaceId, { type: "open", by: caller.userId }, caller.trace));
  if (space && !space.ok) return space;
  const scene: Scene = { options, opened, caller, ...(space && { space }) };
  const listed = memberCount <= EVERYONE_LISTED_MAX ? everyone : whoIsThere;
  const { members, last, isWhole } = await listed(scene, { limit, after: place.userId });
  return {
    ok: true,
    memberCount,
    members,
    ...(last && { next: encodeCursor(list, last) }),
    ...(!isWhole && { partial: true }),
  };
}

async function countsOf(
  { connected }: RestOptions,
  { channel: { id, memberCount } }: Opened,
): Promise<PresentPage> {
  const { count, isWhole } = await connected.of(id);
  return { memberCount, onlineCount: Math.min(count, memberCount), ...(!isWhole && { partial: true }) };
}

/** All are asked for, so that nobody can be told by it from who is offline: at most a page of session actors. */
async function everyone(scene: Scene, range: Range): Promise<Listed> {
  const { members, last } = await readMembers(scene.options, scene.opened, range);
  return { members: await look(scene, await insideSpace(scene, members)), last, isWhole: true };
}

/** Of those who are connected, and only of those, session actors are asked: who is offline costs nothing. */
async function whoIsThere(scene: Scene, { limit, after }: Range): Promise<Listed> {
  const { options, opened } = scene;
  const { userIds, isWhole } = await options.connected.of(opened.channel.id);
  const candidates = userIds.filter((userId) => after === undefined || userId > after).sort();
  const there: Seen[] = [];
  // One more than wanted says whether there is more.
  for (let at = 0; at < candidates.length && there.length <= limit; at += STEP) {
    const active = await activeAmong(options, opened, candidates.slice(at, at + STEP));
    const rows = await withUsers(options, await insideSpace(scene, active));
    there.push(...(await look(scene, rows)).filter(({ presence }) => presence.status !== "offline"));
  }
  const last = there.length > limit ? there[limit - 1]!.user.id : undefined;
  return { members: there.slice(0, limit), ...(last && { last }), isWhole };
}

/** Without those who are out of the channel's space. */
async function insideSpace<R extends { member: { userId: UserId } }>(
  { options, space }: Scene,
  rows: readonly R[],
): Promise<readonly R[]> {
  if (!space) return rows;
  const active = await activeAmong(
    options,
    space,
    rows.map(({ member }) => member.userId),
  );
  const inside = new Set(active.map(({ member }) => member.userId));
  return rows.filter(({ member }) => inside.has(member.userId));
}

/** As the caller would be told who watches them; `offline` where a session actor cannot be asked. */
function look({ options, caller }: Scene, rows: readonly Row[]): Promise<Seen[]> {
  return Promise.all(
    rows.map(async (row) => {
      const { userId } = row.member;
      const command = { type: "presence", viewer: caller.userId } as const;
      const answer = await options.router.askUser(userId, command, caller.trace);
      return { ...row, presence: answer.ok ? answer.presence : { userId, status: "offline" as const } };
    }),
  );
}
