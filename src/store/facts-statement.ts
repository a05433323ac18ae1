/** The statement behind all facts: a part per kind of question, each over the questions of its kind as arrays. */
import type { FollowRow } from "../../actors/ports.ts";
import type { Position } from "../../protocol/channel.ts";
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import { PINS_MAX } from "../../protocol/message.ts";
import { CHANNEL_COLUMNS, type ChannelColumns, MEMBER_COLUMNS, type MemberColumns } from "./channel-row.ts";
import { MESSAGE_COLUMNS, type MessageRow, QUOTE_GONE, type QuoteGone } from "./message-row.ts";
import type { Statement } from "./pools.ts";
import { EVERYONE } from "./projector/rows.ts";

/** What each kind of question names. */
export type Keys = {
  channel: { channelId: ChannelId };
  head: { channelId: ChannelId };
  member: { channelId: ChannelId; userId: UserId };
  sent: { channelId: ChannelId; userId: UserId; clientId: ClientId };
  message: { channelId: ChannelId; seq: number };
  reactions: { channelId: ChannelId; seq: number; userId: UserId };
  pins: { channelId: ChannelId };
  follow: { channelId: ChannelId; seq: number; userId: UserId };
  followers: { channelId: ChannelId; seq: number; max: number };
  block: { userId: UserId; other: UserId };
  ordinal: { channelId: ChannelId; seq: number };
  mentions: { channelId: ChannelId; userId: UserId; seq: number };
};
export type Kind = keyof Keys;
export type Ask = { [K in Kind]: { kind: K } & Keys[K] }[Kind];

/** What is answered where there is such a thing. */
export type Found = {
  channel: ChannelColumns & {
    message_count: number;
    last_at_ms: number;
    last_message_at_ms: number | null;
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
    mentions: number;
    as_of_seq: number;
  };
  sent: MessageRow & QuoteGone & { sent_hash: string };
  message: MessageRow & QuoteGone & { as_of_seq: number };
  reactions: { emojis: string[]; asOfSeq: number };
  pins: { seqs: number[]; asOfSeq: number };
  follow: FollowRow;
  followers: UserId[];
  block: true;
  ordinal: number;
  mentions: { mentions: number; asOfSeq: number };
};

const columns = (table: string, names: readonly string[]) =>
  names.map((name) => `${table}.${name}`).join(", ");

/** For `toMessage`, of `messages m`. */
const MESSAGE = `${columns("m", MESSAGE_COLUMNS)}, ${QUOTE_GONE} as quote_gone`;

/** What follows this is not in the answer. In the same statement, so that nothing comes between. */
const AS_OF_SEQ = "coalesce((select c.seq from channels c where c.id = k.channel_id), 0)";

/** One row per message that mentions the person `k`, or everyone. */
const mentionsAfter = (seq: string) => `(select count(*) from mentions t where t.channel_id = k.channel_id
          and t.user_id in (k.user_id, '${EVERYONE}') and t.seq > ${seq})`;

/** A key is a column of `k`; its type is that of its array. */
const KEY_TYPES = {
  channelId: ["channel_id", "uuid"],
  userId: ["user_id", "uuid"],
  other: ["other_id", "uuid"],
  clientId: ["client_id", "uuid"],
  seq: ["seq", "bigint"],
  max: ["max", "integer"],
} as const;

type Part<K extends Kind> = {
  keys: readonly (keyof Keys[K] & keyof typeof KEY_TYPES)[];
  /**
   * The fact as JSON; `from` joins what it needs to the questions `k`, and leaves out those without an answer. `limit 1` keeps
   * that a look-up for each of them: joined, a plan made while a table is empty walks all of it when it has grown.
   */
  fact: string;
  from?: string;
};

const PARTS: { [K in Kind]: Part<K> } = {
  channel: {
    keys: ["channelId"],
    fact: "row_to_json(f)",
    from: `cross join lateral (
      select ${columns("c", CHANNEL_COLUMNS)}, c.message_count, c.last_at_ms, c.last_message_at_ms, c.reigns,
        case when c.kind = 'dm' then
          (select array_agg(m.user_id order by m.user_id) from channel_members m where m.channel_id = c.id)
        end as pair
      from channels c where c.id = k.channel_id limit 1
    ) f`,
  },
  head: {
    keys: ["channelId"],
    fact: "json_build_array(c.seq, c.epoch)",
    from: "cross join lateral (select seq, epoch from channels where id = k.channel_id limit 1) c",
  },
  member: {
    keys: ["channelId", "userId"],
    fact: "row_to_json(f)",
    from: `cross join lateral (
      select ${columns("m", MEMBER_COLUMNS)}, m.last_sent_at_ms, m.delivered_seq, m.read_seq, m.read_count,
        (select s.client_id from messages s where s.channel_id = k.channel_id and s.author_id = k.user_id
          order by s.client_id desc limit 1) as last_client_id,
        ${mentionsAfter("m.read_seq")} as mentions,
        ${AS_OF_SEQ} as as_of_seq
      from channel_members m where m.channel_id = k.channel_id and m.user_id = k.user_id limit 1
    ) f`,
  },
  sent: {
    keys: ["channelId", "userId", "clientId"],
    fact: "row_to_json(f)",
    from: `cross join lateral (
      select ${MESSAGE}, encode(m.sent_hash, 'hex') as sent_hash from messages m
      where m.channel_id = k.channel_id and m.author_id = k.user_id and m.client_id = k.client_id limit 1
    ) f`,
  },
  message: {
    keys: ["channelId", "seq"],
    fact: "row_to_json(f)",
    from: `cross join lateral (
      select ${MESSAGE}, ${AS_OF_SEQ} as as_of_seq from messages m
      where m.channel_id = k.channel_id and m.seq = k.seq limit 1
    ) f`,
  },
  reactions: {
    keys: ["channelId", "seq", "userId"],
    fact: `json_build_object('asOfSeq', ${AS_OF_SEQ}, 'emojis', (
      select coalesce(json_agg(r.emoji), '[]') from reactions r
      where r.channel_id = k.channel_id and r.seq = k.seq and r.user_id = k.user_id))`,
  },
  pins: {
    keys: ["channelId"],
    fact: `json_build_object('asOfSeq', ${AS_OF_SEQ}, 'seqs', (
      select coalesce(json_agg(p.seq), '[]') from (
        select m.seq from messages m where m.channel_id = k.channel_id and m.pinned_seq is not null
        order by m.pinned_seq desc limit ${PINS_MAX}) p))`,
  },
  follow: {
    keys: ["channelId", "seq", "userId"],
    fact: "json_build_object('following', t.following, 'atMs', t.at_ms, 'readCount', t.read_count)",
    from: `cross join lateral (
      select following, at_ms, read_count from thread_follows
      where channel_id = k.channel_id and seq = k.seq and user_id = k.user_id limit 1
    ) t`,
  },
  followers: {
    keys: ["channelId", "seq", "max"],
    fact: `(select coalesce(json_agg(f.user_id), '[]') from (
      select t.user_id from thread_follows t where t.channel_id = k.channel_id and t.seq = k.seq and t.following
      order by t.user_id limit k.max) f)`,
  },
  block: {
    keys: ["userId", "other"],
    fact: "'true'::json",
    from: `cross join lateral (
      (select 1 from blocks where user_id = k.user_id and other_id = k.other_id limit 1)
      union all (select 1 from blocks where user_id = k.other_id and other_id = k.user_id limit 1)
      limit 1
    ) b`,
  },
  ordinal: {
    keys: ["channelId", "seq"],
    fact: "to_json(f.ordinal)",
    from: `cross join lateral (
      select m.ordinal from messages m
      where m.channel_id = k.channel_id and m.seq <= k.seq and m.thread_seq is null
      order by m.seq desc limit 1
    ) f`,
  },
  mentions: {
    keys: ["channelId", "userId", "seq"],
    fact: `json_build_object('asOfSeq', ${AS_OF_SEQ}, 'mentions', ${mentionsAfter("k.seq")})`,
  },
};
const KINDS = Object.keys(PARTS) as Kind[];

/** One row per fact that exists: which one of its kind, counted from 1, and the fact as JSON. */
function statementOf(name: string, kinds: readonly Kind[]): Statement {
  let parameter = 0;
  const parts = kinds.map((kind) => {
    const { keys, fact, from = "" } = PARTS[kind];
    const named = keys.map((key) => KEY_TYPES[key]);
    const arrays = named.map(([, type]) => `$${++parameter}::${type}[]`).join(", ");
    const names = named.map(([name]) => name).join(", ");
    return `select '${kind}' as kind, k.n::integer, ${fact} as fact
    from unnest(${arrays}) with ordinality as k (${names}, n) ${from}`;
  });
  return { name, text: parts.join("\nunion all\n") };
}

/**
 * For any questions, and for those of one kind, as most turns ask: with the other kinds beside it, each with its tables and
 * indexes to open, a statement takes 1.1 ms instead of 0.2 (measured).
 */
export const FACTS = {
  all: statementOf("facts", KINDS),
  ...(Object.fromEntries(KINDS.map((kind) => [kind, statementOf(`facts_${kind}`, [kind])])) as Record<
    Kind,
    Statement
  >),
};

/** What to ask for `asks`, its parameters, and where the questions of each kind stand among them. */
export function asked(asks: readonly Ask[]): {
  statement: Statement;
  values: unknown[][];
  places: Record<Kind, number[]>;
} {
  const places = Object.fromEntries(KINDS.map((kind) => [kind, [] as number[]])) as Record<Kind, number[]>;
  for (const [i, ask] of asks.entries()) places[ask.kind].push(i);
  const [first, second] = KINDS.filter((kind) => places[kind].length > 0);
  const alone = second === undefined ? first : undefined;
  const kinds = alone === undefined ? KINDS : [alone];
  const values = kinds.flatMap((kind) =>
    PARTS[kind].keys.map((key) =>
      places[kind].map((i) => (asks[i] as Partial<Record<string, unknown>>)[key]),
    ),
  );
  return { statement: FACTS[alone ?? "all"], values, places };
}
