/** What channel actors fetch on demand (rules A1, A2, S1). Everything asked in one turn of the event loop is one statement. */
import type { ChannelFacts, ChannelRow, MemberRow } from "../../actors/ports.ts";
import type { Position } from "../../protocol/channel.ts";
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { assert } from "../lib/assert.ts";
import {
  CHANNEL_COLUMNS,
  type ChannelColumns,
  MEMBER_COLUMNS,
  type MemberColumns,
  toChannel,
  toMember,
} from "./channel-row.ts";
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from "./message-row.ts";
import type { Pool, Statement } from "./pools.ts";
import { turnBatch } from "./turn-batch.ts";

/** Facts of one statement at most: a gateway asks the heads of all its rooms at once (rule H1). */
const FACTS_MAX = 5_000;

type Ask =
  | { kind: "channel"; channelId: ChannelId }
  | { kind: "head"; channelId: ChannelId }
  | { kind: "member"; channelId: ChannelId; userId: UserId }
  | { kind: "sent"; channelId: ChannelId; userId: UserId; clientId: ClientId }
  | { kind: "ordinal"; channelId: ChannelId; seq: number };

type Found = {
  channel: ChannelColumns & {
    message_count: number;
    last_at_ms: number;
    reigns: Position[];
    pair: UserId[] | null;
  };
  head: Position;
  member: MemberColumns & {
    last_sent_at_ms: number;
    last_client_id: ClientId | null;
    delivered_seq: number;
    read_seq: number;
    read_count: number;
  };
  sent: MessageRow & { sent_hash: string };
  ordinal: number;
};

const columns = (table: string, names: readonly string[]) =>
  names.map((name) => `${table}.${name}`).join(", ");

/** One row per fact that exists: which one of its kind, counted from 1, and the fact as JSON. */
const FACTS: Statement = {
  name: "facts",
  text: `
    select 'channel' as kind, k.n::integer, row_to_json(f) as fact
    from unnest($1::uuid[]) with ordinality as k (id, n)
    cross join lateral (
      select ${columns("c", CHANNEL_COLUMNS)}, c.message_count, c.last_at_ms, c.reigns,
        case when c.kind = 'dm' then
          (select array_agg(m.user_id order by m.user_id) from channel_members m where m.channel_id = c.id)
        end as pair
      from channels c where c.id = k.id
    ) f
    union all
    select 'head', k.n::integer, json_build_array(c.seq, c.epoch)
    from unnest($2::uuid[]) with ordinality as k (id, n) join channels c on c.id = k.id
    union all
    select 'member', k.n::integer, row_to_json(f)
    from unnest($3::uuid[], $4::uuid[]) with ordinality as k (channel_id, user_id, n)
    cross join lateral (
      select ${columns("m", MEMBER_COLUMNS)}, m.last_sent_at_ms, m.delivered_seq, m.read_seq, m.read_count,
        (select s.client_id from messages s where s.channel_id = k.channel_id and s.author_id = k.user_id
          order by s.client_id desc limit 1) as last_client_id
      from channel_members m where m.channel_id = k.channel_id and m.user_id = k.user_id
    ) f
    union all
    select 'sent', k.n::integer, row_to_json(f)
    from unnest($5::uuid[], $6::uuid[], $7::uuid[]) with ordinality as k (channel_id, author_id, client_id, n)
    cross join lateral (
      select ${columns("m", MESSAGE_COLUMNS)}, coalesce(encode(m.sent_hash, 'hex'), '') as sent_hash
      from messages m
      where m.channel_id = k.channel_id and m.author_id = k.author_id and m.client_id = k.client_id
    ) f
    union all
    select 'ordinal', k.n::integer, to_json(f.ordinal)
    from unnest($8::uuid[], $9::bigint[]) with ordinality as k (channel_id, seq, n)
    cross join lateral (
      select m.ordinal from messages m
      where m.channel_id = k.channel_id and m.seq <= k.seq and m.thread_seq is null
      order by m.seq desc limit 1
    ) f`,
};

/** Over the primary: a replica would answer with the past (rule A1). */
export function createFacts(pool: Pool): ChannelFacts {
  const fact = turnBatch<Ask, unknown>(FACTS_MAX, (asks) => fetch(pool, asks));
  const one = <K extends Ask["kind"]>(ask: Ask & { kind: K }) => fact(ask) as Promise<Found[K] | undefined>;
  return {
    async channel(id) {
      const row = await one({ kind: "channel", channelId: id });
      return row && toChannelRow(row);
    },
    async heads(ids) {
      const positions = await Promise.all(ids.map((channelId) => one({ kind: "head", channelId })));
      const heads = new Map<ChannelId, Position>();
      for (const [i, position] of positions.entries()) if (position) heads.set(ids[i]!, position);
      return heads;
    },
    async member(channelId, userId) {
      const row = await one({ kind: "member", channelId, userId });
      return row && toMemberRow(row);
    },
    async sent(channelId, authorId, clientId): Promise<{ message: Message; sentHash: string } | undefined> {
      const row = await one({ kind: "sent", channelId, userId: authorId, clientId });
      return row && { message: toMessage(row), sentHash: row.sent_hash };
    },
    async ordinalAt(channelId, seq) {
      return (await one({ kind: "ordinal", channelId, seq })) ?? 0;
    },
  };
}

/** In the order of `asks`; undefined where there is no such row. */
async function fetch(pool: Pool, asks: readonly Ask[]): Promise<unknown[]> {
  const places: Record<Ask["kind"], number[]> = { channel: [], head: [], member: [], sent: [], ordinal: [] };
  for (const [i, ask] of asks.entries()) places[ask.kind].push(i);
  const of = <K extends Ask["kind"]>(kind: K) => places[kind].map((i) => asks[i] as Ask & { kind: K });
  const rows = await pool.rows<{ kind: Ask["kind"]; n: number; fact: unknown }>(FACTS, [
    of("channel").map((ask) => ask.channelId),
    of("head").map((ask) => ask.channelId),
    of("member").map((ask) => ask.channelId),
    of("member").map((ask) => ask.userId),
    of("sent").map((ask) => ask.channelId),
    of("sent").map((ask) => ask.userId),
    of("sent").map((ask) => ask.clientId),
    of("ordinal").map((ask) => ask.channelId),
    of("ordinal").map((ask) => ask.seq),
  ]);
  const found = new Array<unknown>(asks.length).fill(undefined);
  for (const row of rows) {
    const place = places[row.kind][row.n - 1];
    assert(place !== undefined, "facts answers what was asked");
    found[place] = row.fact;
  }
  return found;
}

function toChannelRow(row: Found["channel"]): ChannelRow {
  const channelRow: ChannelRow = {
    channel: toChannel(row),
    messageCount: row.message_count,
    lastAtMs: row.last_at_ms,
    reigns: row.reigns,
  };
  // Fewer while the batch with the second one is on its way.
  if (row.pair?.length === 2) channelRow.pair = [row.pair[0]!, row.pair[1]!];
  return channelRow;
}

function toMemberRow(row: Found["member"]): MemberRow {
  const memberRow: MemberRow = {
    member: toMember(row),
    lastSentAtMs: row.last_sent_at_ms,
    deliveredSeq: row.delivered_seq,
    readSeq: row.read_seq,
    readCount: row.read_count,
  };
  if (row.last_client_id !== null) memberRow.lastClientId = row.last_client_id;
  return memberRow;
}
