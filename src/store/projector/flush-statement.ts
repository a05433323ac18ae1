/**
 * The one statement of a batch: fence, rows, positions. One statement is one transaction and one round trip; each of its
 * parts sees the tables as they were before it, and no row is written by two of them. What a shard's fence does not let
 * through (rule P1) leaves no trace: every part takes only rows of shards in `moved`.
 */
import type { LogId } from "../../ports.ts";
import type { Session, Statement } from "../pools.ts";
import {
  arrays,
  CHANGES,
  CHANNELS,
  type Column,
  FOLLOWS,
  MARKS,
  MEMBERS,
  MENTIONS,
  MESSAGES,
  REACTIONS,
  unnest,
  VERSIONS,
} from "./batch-arrays.ts";
import { followParts, LET_THROUGH, messageParts } from "./message-parts.ts";
import type { Rows } from "./rows.ts";

/** What a flush claims of a shard: it holds the reign, Postgres stands at `from`, and stands at `to` when this is done. */
export type Advance = { shard: number; epoch: number; from: LogId; to: LogId };

/** What Postgres says of a shard: whether the batch went through, and where it stands if not. */
export type Verdict = { shard: number; moved: boolean; epoch: number; at: LogId };

export const ADVANCES: readonly Column<Advance>[] = [
  ["shard", "integer", (row) => row.shard],
  ["epoch", "bigint", (row) => row.epoch],
  ["from_epoch", "bigint", (row) => row.from[0]],
  ["from_n", "bigint", (row) => row.from[1]],
  ["to_epoch", "bigint", (row) => row.to[0]],
  ["to_n", "bigint", (row) => row.to[1]],
];

/** Locked in one order, so that two nodes that name the same shards never wait in a ring; then read as they are now. */
export const FENCE = `
  held as (
    select s.shard, s.epoch, s.flushed_epoch, s.flushed_n from shards s
    where s.shard = any ($1::integer[]) order by s.shard for update
  ), moved as (
    update shards s set flushed_epoch = w.to_epoch, flushed_n = w.to_n
    from ${unnest(ADVANCES, 1)} join held on held.shard = w.shard
    where s.shard = w.shard and held.epoch = w.epoch
      and held.flushed_epoch = w.from_epoch and held.flushed_n = w.from_n
    returning s.shard
  )`;

/** Ends a statement that began with `FENCE`. */
export const VERDICTS = `
  select held.shard, held.epoch, held.flushed_epoch, held.flushed_n, moved.shard is not null as moved
  from held left join moved on moved.shard = held.shard`;

const channelsAt = 1 + ADVANCES.length;
const membersAt = channelsAt + CHANNELS.length;
const marksAt = membersAt + MEMBERS.length;
const messagesAt = marksAt + MARKS.length;
const changesAt = messagesAt + MESSAGES.length;
const versionsAt = changesAt + CHANGES.length;
const reactionsAt = versionsAt + VERSIONS.length;
const mentionsAt = reactionsAt + REACTIONS.length;
const followsAt = mentionsAt + MENTIONS.length;

/** The columns of an event's position; they move only forward, together with all else that the row says. */
const POSITION = `
  seq = excluded.seq, epoch = excluded.epoch, last_at_ms = excluded.last_at_ms,
  message_count = greatest(c.message_count, excluded.message_count),
  last_message_at_ms = coalesce(excluded.last_message_at_ms, c.last_message_at_ms),
  reigns = case when excluded.epoch > c.epoch then merge_reigns(c.reigns, excluded.reigns) else c.reigns end`;

const CHANNEL_PARTS = `
  changed as (
    select w.* from ${unnest(CHANNELS, channelsAt)} where ${LET_THROUGH}
  ), placed as (
    insert into channels as c (id, kind, space_id, name, description, settings, archived, slowed, slug, language, seq, epoch, reigns,
      member_count, message_count, last_message_at_ms, last_at_ms, created_at_ms)
    select id, kind, space_id, name, description, settings, archived, slowed, slug, language, seq, epoch, merge_reigns('[]', reigns),
      member_count, coalesce(message_count, 0), last_message_at_ms, last_at_ms, created_at_ms
    from changed where kind is not null
    on conflict (id) do update set
      kind = excluded.kind, space_id = excluded.space_id, name = excluded.name, description = excluded.description,
      settings = excluded.settings, archived = excluded.archived, slowed = excluded.slowed, slug = excluded.slug, language = excluded.language,
      member_count = excluded.member_count, ${POSITION}
    where c.seq < excluded.seq
  ), advanced as (
    update channels c set member_count = coalesce(excluded.member_count, c.member_count), ${POSITION}
    from changed as excluded
    where c.id = excluded.id and excluded.kind is null and c.seq < excluded.seq
  )`;

const MEMBER_COLUMNS = ["role", "status", "overrides", "muted_until_ms", "banned_until_ms", "joined_at_ms"];
const newerWins = MEMBER_COLUMNS.map(
  (name) =>
    `${name} = case when m.updated_seq < excluded.updated_seq then excluded.${name} else m.${name} end`,
);
const MARK_COLUMNS = ["last_sent_at_ms", "delivered_seq", "read_seq", "read_count"];
const greatestWins = (other: string) =>
  MARK_COLUMNS.map((name) => `${name} = greatest(m.${name}, ${other}.${name})`);

/** Who joined before any message of the batch starts at the count that the channel's row has before it. */
const MEMBER_PARTS = `
  joined as (
    insert into channel_members as m (channel_id, user_id, ${MEMBER_COLUMNS.join(", ")}, updated_seq,
      last_sent_at_ms, delivered_seq, read_seq, read_count)
    select w.channel_id, w.user_id, ${MEMBER_COLUMNS.map((name) => `w.${name}`).join(", ")}, w.updated_seq,
      w.last_sent_at_ms, w.delivered_seq, w.read_seq,
      greatest(w.read_count, (select c.message_count from channels c where c.id = w.channel_id and c.seq < w.head_seq))
    from ${unnest(MEMBERS, membersAt)} where ${LET_THROUGH}
    on conflict (channel_id, user_id) do update set ${[...newerWins, ...greatestWins("excluded")].join(", ")},
      updated_seq = greatest(m.updated_seq, excluded.updated_seq)
  ), marked as (
    update channel_members m set ${greatestWins("w").join(", ")}
    from ${unnest(MARKS, marksAt)}
    where m.channel_id = w.channel_id and m.user_id = w.user_id and ${LET_THROUGH}
      and (${MARK_COLUMNS.map((name) => `m.${name} < w.${name}`).join(" or ")})
  )`;

const MESSAGE_PARTS = messageParts({
  messages: unnest(MESSAGES, messagesAt),
  changes: unnest(CHANGES, changesAt),
  versions: unnest(VERSIONS, versionsAt),
  reactions: unnest(REACTIONS, reactionsAt),
  mentions: unnest(MENTIONS, mentionsAt),
});

const FOLLOW_PARTS = followParts(unnest(FOLLOWS, followsAt));

/** An event of a channel that has no row and does not bring one ends the statement as broken data. */
const HOMELESS = `
  (select count(refuse_event('no row for channel ' || w.id)) from changed w
    where w.kind is null and not exists (select from channels c where c.id = w.id))`;

const FLUSH: Statement = {
  name: "flush",
  text: `with ${FENCE}, ${CHANNEL_PARTS}, ${MEMBER_PARTS}, ${MESSAGE_PARTS}, ${FOLLOW_PARTS} ${VERDICTS} where ${HOMELESS} = 0`,
};

type VerdictRow = { shard: number; epoch: number; flushed_epoch: number; flushed_n: number; moved: boolean };

/** Writes `rows` of the shards that may advance, and says of every shard that Postgres knows how it went. */
export async function flush(session: Session, advances: readonly Advance[], rows: Rows): Promise<Verdict[]> {
  const values = [
    ...arrays(ADVANCES, advances),
    ...arrays(CHANNELS, rows.channels),
    ...arrays(
      MEMBERS,
      rows.members.filter((row) => row.updated),
    ),
    ...arrays(
      MARKS,
      rows.members.filter((row) => !row.updated),
    ),
    ...arrays(MESSAGES, rows.messages),
    ...arrays(CHANGES, rows.changes),
    ...arrays(VERSIONS, rows.versions),
    ...arrays(REACTIONS, rows.reactions),
    ...arrays(MENTIONS, rows.mentions),
    ...arrays(FOLLOWS, rows.follows),
  ];
  return toVerdicts(await session.rows<VerdictRow>(FLUSH, values));
}

export function toVerdicts(rows: readonly VerdictRow[]): Verdict[] {
  return rows.map((row) => ({
    shard: row.shard,
    moved: row.moved,
    epoch: row.epoch,
    at: [row.flushed_epoch, row.flushed_n],
  }));
}
