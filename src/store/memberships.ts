/** Who is where: a person's channels, a space's channels, a channel's people. */
import { sql } from "kysely";
import type { Membership, Memberships } from "../../gateway/ports.ts";
import type { Channel, ChannelKind } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import {
  CHANNEL_COLUMNS,
  type ChannelColumns,
  MEMBER_COLUMNS,
  NOBODY,
  toChannel,
  toMember,
} from "./channel-row.ts";
import type { Pool } from "./pools.ts";
import { EVERYONE } from "./projector/rows.ts";
import { IS_ACTIVE, sqlBuilder } from "./tables.ts";
import { toUser, USER_COLUMNS, type UserColumns } from "./user-row.ts";

const DAY_MS = 86_400_000;

/** `nowMs`: Unix milliseconds, for what archives itself. */
export function createMemberships(pool: Pool, nowMs: () => number): Memberships {
  return {
    async ofUser(userId, filter = {}) {
      const rows = await pool.select("memberships_of_user", ofUser(userId, filter));
      return rows.map(
        (row): Membership => ({
          channel: asListed(row, nowMs()),
          member: toMember(row),
          messageCount: row.message_count,
          unread: Math.max(0, row.message_count - row.read_count),
          mentions: row.mentions,
          readSeq: row.read_seq,
          notify: row.notify ?? "all",
          ...(row.peer && { peer: toUser(row.peer) }),
        }),
      );
    },
    async listed(spaceId, userId) {
      const rows = await pool.select("listed", listed(spaceId, userId, nowMs()));
      // Put in order here: asked for in order, Postgres may walk all channels there are.
      return rows.map((row) => asListed(row, nowMs())).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async members(channelId, page) {
      const name = page.among ? "members_among" : "members";
      const rows = await pool.select(name, membersOf(channelId, page));
      return rows.map((row) => ({ user: toUser(row), member: toMember(row) }));
    },
  };
}

/** Of a dm: the row of the other of the two. One look-up each: joined, Postgres may walk all people there are to find one. */
const PEER = sql<UserColumns | null>`case when c.kind = 'dm' then (
  select row_to_json(other) from (
    select ${sql.join(USER_COLUMNS.map((column) => sql.ref(`u.${column}`)))}
    from users u where u.id = (
      select o.user_id from channel_members o where o.channel_id = m.channel_id and o.user_id <> m.user_id limit 1)) other) end`.as(
  "peer",
);

/** The channel as its owner would find it now: one in which nothing has happened for so many days is archived (row C13). */
function asListed(row: ChannelColumns & { last_at_ms: number }, nowMs: number): Channel {
  const channel = toChannel(row);
  const { autoArchiveDays } = channel.settings;
  if (autoArchiveDays === undefined || channel.kind === "space") return channel;
  return { ...channel, archived: channel.archived || nowMs >= row.last_at_ms + autoArchiveDays * DAY_MS };
}

/** Who has left a space, or is banned there, is in none of its channels until they are back: a row there says so (rule E1). */
const IN_SPACE = sql<boolean>`(c.space_id is null or (select s.status = 'active' from channel_members s where s.channel_id = c.space_id and s.user_id = m.user_id))`;

/**
 * One text for every filter, so that it is planned once: a filter that is null lets all through. `limit 1` keeps the channel a
 * look-up for each membership: else Postgres may walk all channels there are and ask of each who is in it.
 */
function ofUser(
  userId: UserId,
  {
    spaceId = null,
    kind = null,
    lostSpacesToo = false,
  }: { spaceId?: ChannelId | null; kind?: ChannelKind | null; lostSpacesToo?: boolean },
) {
  const wanted = sql<boolean>`(${spaceId}::uuid is null or c.space_id = ${spaceId}) and c.kind = coalesce(${kind}::text, c.kind) and (c.kind <> 'space' or ${kind}::text = 'space')`;
  return sqlBuilder
    .selectFrom("channel_members as m")
    .innerJoinLateral(
      (of) =>
        of
          .selectFrom("channels")
          .select(CHANNEL_COLUMNS)
          .select(["message_count", "last_at_ms"])
          .whereRef("id", "=", "m.channel_id")
          .limit(1)
          .as("c"),
      (join) => join.onTrue(),
    )
    .leftJoin("channel_preferences as p", (join) =>
      join.onRef("p.user_id", "=", "m.user_id").onRef("p.channel_id", "=", "m.channel_id"),
    )
    .select(CHANNEL_COLUMNS.map((column) => `c.${column}` as const))
    .select(MEMBER_COLUMNS.map((column) => `m.${column}` as const))
    .select(["c.message_count", "c.last_at_ms", "m.read_count", "m.read_seq", "p.notify", PEER])
    .select(
      sql<number>`(select count(*) from mentions t where t.channel_id = m.channel_id and t.user_id in (m.user_id, ${EVERYONE}) and t.seq > m.read_seq)`.as(
        "mentions",
      ),
    )
    .where("m.user_id", "=", userId)
    .where("m.status", "=", "active")
    .where(sql<boolean>`(${lostSpacesToo}::boolean or ${IN_SPACE})`)
    .where(wanted)
    .orderBy("m.channel_id")
    .compile();
}

/** Who is banned from a channel is not told of it: a row of theirs says so. */
function listed(spaceId: ChannelId, userId: UserId, nowMs: number) {
  const isBanned = sql<boolean>`coalesce((select b.status = 'removed' and coalesce(b.banned_until_ms > ${nowMs}, true) from channel_members b where b.channel_id = channels.id and b.user_id = ${userId}), false)`;
  return sqlBuilder
    .selectFrom("channels")
    .select(CHANNEL_COLUMNS)
    .select("last_at_ms")
    .where("space_id", "=", spaceId)
    .where("kind", "in", ["topic", "announcement"])
    .where(({ not }) => not(isBanned))
    .compile();
}

/** `limit 1` as in `ofUser`: else Postgres may walk all people there are beside the members. */
function membersOf(
  channelId: ChannelId,
  { afterUserId, among, limit }: Parameters<Memberships["members"]>[1],
) {
  return sqlBuilder
    .selectFrom("channel_members as m")
    .innerJoinLateral(
      (of) => of.selectFrom("users").select(USER_COLUMNS).whereRef("id", "=", "m.user_id").limit(1).as("u"),
      (join) => join.onTrue(),
    )
    .select(USER_COLUMNS.map((column) => `u.${column}` as const))
    .select(MEMBER_COLUMNS.map((column) => `m.${column}` as const))
    .where("m.channel_id", "=", channelId)
    .where(IS_ACTIVE)
    .where("m.user_id", ">", afterUserId ?? NOBODY)
    .$if(among !== undefined, (query) => query.where(sql<boolean>`m.user_id = any (${among}::uuid[])`))
    .orderBy("m.user_id")
    .limit(limit)
    .compile();
}
