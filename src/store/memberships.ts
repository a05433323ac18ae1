/** Who is where: a person's channels, a space's channels, a channel's people. */
import { sql } from "kysely";
import type { Membership, Memberships } from "../../gateway/ports.ts";
import type { ChannelKind } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { CHANNEL_COLUMNS, MEMBER_COLUMNS, toChannel, toMember } from "./channel-row.ts";
import type { Pool } from "./pools.ts";
import { EVERYONE } from "./projector/fold-batch.ts";
import { sqlBuilder } from "./tables.ts";
import { toUser, USER_COLUMNS } from "./user-row.ts";

export function createMemberships(pool: Pool): Memberships {
  return {
    async ofUser(userId, filter = {}) {
      const rows = await pool.select("memberships_of_user", ofUser(userId, filter));
      return rows.map(
        (row): Membership => ({
          channel: toChannel(row),
          member: toMember(row),
          messageCount: row.message_count,
          unread: Math.max(0, row.message_count - row.read_count),
          mentions: row.mentions,
          readSeq: row.read_seq,
        }),
      );
    },
    async listed(spaceId) {
      const rows = await pool.select("listed", listed(spaceId));
      return rows.map(toChannel);
    },
    async members(channelId, page) {
      const rows = await pool.select("members", membersOf(channelId, page));
      return rows.map((row) => ({ user: toUser(row), member: toMember(row) }));
    },
  };
}

/** One text for every filter, so that it is planned once: a filter that is null lets all through. */
function ofUser(
  userId: UserId,
  { spaceId = null, kind = null }: { spaceId?: ChannelId | null; kind?: ChannelKind | null },
) {
  const wanted = sql<boolean>`(${spaceId}::uuid is null or c.space_id = ${spaceId}) and c.kind = coalesce(${kind}::text, c.kind) and (c.kind <> 'space' or ${kind}::text = 'space')`;
  return sqlBuilder
    .selectFrom("channel_members as m")
    .innerJoin("channels as c", "c.id", "m.channel_id")
    .select(CHANNEL_COLUMNS.map((column) => `c.${column}` as const))
    .select(MEMBER_COLUMNS.map((column) => `m.${column}` as const))
    .select(["c.message_count", "m.read_count", "m.read_seq"])
    .select(
      sql<number>`(select count(*) from mentions t where t.channel_id = m.channel_id and t.user_id in (m.user_id, ${EVERYONE}) and t.seq > m.read_seq)`.as(
        "mentions",
      ),
    )
    .where("m.user_id", "=", userId)
    .where("m.status", "=", "active")
    .where(wanted)
    .orderBy("c.id")
    .compile();
}

function listed(spaceId: ChannelId) {
  return sqlBuilder
    .selectFrom("channels")
    .select(CHANNEL_COLUMNS)
    .where("space_id", "=", spaceId)
    .where("kind", "in", ["topic", "announcement"])
    .orderBy("id")
    .compile();
}

/** UUIDs are compared as bytes: nil comes before everyone. */
const NOBODY = "00000000-0000-0000-0000-000000000000";

function membersOf(channelId: ChannelId, { afterUserId, limit }: { afterUserId?: UserId; limit: number }) {
  return sqlBuilder
    .selectFrom("channel_members as m")
    .innerJoin("users as u", "u.id", "m.user_id")
    .select(USER_COLUMNS.map((column) => `u.${column}` as const))
    .select(MEMBER_COLUMNS.map((column) => `m.${column}` as const))
    .where("m.channel_id", "=", channelId)
    .where("m.status", "=", "active")
    .where("m.user_id", ">", afterUserId ?? NOBODY)
    .orderBy("m.user_id")
    .limit(limit)
    .compile();
}
