/** What channel actors fetch on demand (rules A1, A2, S1). Everything asked in one turn of the event loop is one statement. */
import type { ChannelFacts, ChannelRow, MemberRow } from "../../actors/ports.ts";
import type { Position } from "../../protocol/channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { assert } from "../lib/assert.ts";
import { toChannel, toMember } from "./channel-row.ts";
import { type Ask, asked, type Found, type Keys, type Kind } from "./facts-statement.ts";
import { toMessage } from "./message-row.ts";
import type { Pool } from "./pools.ts";
import { turnBatch } from "./turn-batch.ts";

/** Facts of one statement at most: a gateway asks the heads of all its rooms at once (rule H1). */
const FACTS_MAX = 5_000;

/** Over the primary: a replica would answer with the past (rule A1). */
export function createFacts(pool: Pool): ChannelFacts {
  const fact = turnBatch<Ask, unknown>(FACTS_MAX, (asks) => fetch(pool, asks));
  const one = <K extends Kind>(kind: K, key: Keys[K]) =>
    fact({ kind, ...key } as Ask) as Promise<Found[K] | undefined>;
  /** Of what is always there, be it empty. */
  const always = async <K extends Kind>(kind: K, key: Keys[K]): Promise<Found[K]> => {
    const found = await one(kind, key);
    assert(found !== undefined, "facts answers a list, be it empty");
    return found;
  };
  return {
    async channel(channelId) {
      const row = await one("channel", { channelId });
      return row && toChannelRow(row);
    },
    async heads(ids) {
      const positions = await Promise.all(ids.map((channelId) => one("head", { channelId })));
      const heads = new Map<ChannelId, Position>();
      for (const [i, position] of positions.entries()) if (position) heads.set(ids[i]!, position);
      return heads;
    },
    async member(channelId, userId) {
      const row = await one("member", { channelId, userId });
      return row && toMemberRow(row);
    },
    async sent(channelId, userId, clientId) {
      const row = await one("sent", { channelId, userId, clientId });
      return row && { message: toMessage(row), sentHash: row.sent_hash };
    },
    async message(channelId, seq) {
      const row = await one("message", { channelId, seq });
      return row && { message: toMessage(row), asOfSeq: row.as_of_seq };
    },
    reactions: (channelId, seq, userId) => always("reactions", { channelId, seq, userId }),
    pins: (channelId) => always("pins", { channelId }),
    follow: (channelId, seq, userId) => one("follow", { channelId, seq, userId }),
    followers: (channelId, seq, max) => always("followers", { channelId, seq, max }),
    async blockBetween(userId, other) {
      return (await one("block", { userId, other })) === true;
    },
    async ordinalAt(channelId, seq) {
      return (await one("ordinal", { channelId, seq })) ?? 0;
    },
    mentionsAfter: (channelId, userId, seq) => always("mentions", { channelId, userId, seq }),
  };
}

/** In the order of `asks`; undefined where there is no such row. */
async function fetch(pool: Pool, asks: readonly Ask[]): Promise<unknown[]> {
  const { statement, values, places } = asked(asks);
  const rows = await pool.rows<{ kind: Kind; n: number; fact: unknown }>(statement, values);
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
    lastMessageAtMs: row.last_message_at_ms ?? 0,
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
    mentions: row.mentions,
    asOfSeq: row.as_of_seq,
  };
  if (row.last_client_id !== null) memberRow.lastClientId = row.last_client_id;
  return memberRow;
}
