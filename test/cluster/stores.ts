/** What the stores hold of some channels after a run: the end of every history. */
import pg from "pg";
import { isEvent } from "../../actors/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { clusterKeys } from "../../src/cluster/keys.ts";
import { parseRecords, readEntry } from "../../src/cluster/log/entry.ts";
import { logKey } from "../../src/cluster/log/redis-link.ts";
import { parseRow } from "../../src/cluster/placement-table.ts";
import { shardOf } from "../../src/cluster/shard-of.ts";
import { eventSeen, type HistoryRecord } from "../checker/history.ts";
import type { TestNode } from "../support/cluster.ts";
import { redisAt } from "../support/redis-at.ts";

const PREFIX = "hub";
const SHARDS = 256;

/** Rows of `messages` and `channels`, and all events in the logs, of these channels. */
export async function storedHistory(
  databaseUrl: string,
  redisUrl: string,
  channelIds: readonly string[],
): Promise<HistoryRecord[]> {
  const [rows, logged] = await Promise.all([
    inPostgres(databaseUrl, channelIds),
    loggedHistory(redisUrl, channelIds),
  ]);
  return [...logged, ...rows];
}

async function inPostgres(url: string, channelIds: readonly string[]): Promise<HistoryRecord[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // One snapshot: a head must not be newer than the rows below it.
    await client.query("begin isolation level repeatable read read only");
    const messages = await client.query(
      `select m.channel_id as "channelId", m.seq::int, m.epoch::int, m.author_id as "authorId", m.client_id as "clientId",
        coalesce(first.content, m.content) as content, m.at_ms::float8 as "atMs"
        from messages m
        left join message_edits first
          on first.channel_id = m.channel_id and first.seq = m.seq and first.version_seq = m.seq
        where m.channel_id = any($1) order by m.channel_id, m.seq`,
      [channelIds],
    );
    const channels = await client.query(
      `select id as "channelId", seq::int, epoch::int from channels where id = any($1)`,
      [channelIds],
    );
    return [
      ...messages.rows.map((row) => ({ what: "row", ...row }) as HistoryRecord),
      ...channels.rows.map((row) => ({ what: "channel", ...row }) as HistoryRecord),
    ];
  } finally {
    await client.end();
  }
}

/** All events in the logs of these channels, in the order of the log. */
export async function loggedHistory(url: string, channelIds: readonly string[]): Promise<HistoryRecord[]> {
  const redis = redisAt(url);
  const wanted = new Set(channelIds);
  const logged: HistoryRecord[] = [];
  try {
    for (const shard of new Set(channelIds.map((id) => shardOf(id, SHARDS)))) {
      for (const [id, fields] of await redis.xrange(logKey(PREFIX, shard), "-", "+")) {
        for (const record of parseRecords(readEntry(id, fields)).filter(isEvent)) {
          const { channelId, epoch, event } = record;
          if (wanted.has(channelId))
            logged.push({ what: "logged", channelId, epoch, event: eventSeen(event) });
        }
      }
    }
  } finally {
    redis.disconnect();
  }
  return logged;
}

/** Which incarnation runs each channel now, as the placement table says. */
export async function ownersOf(
  redisUrl: string,
  channelIds: readonly string[],
): Promise<Map<string, string>> {
  const redis = redisAt(redisUrl);
  try {
    const table = await redis.hgetall(clusterKeys(PREFIX).placement);
    return new Map(
      channelIds.map((id) => [id, parseRow(table[shardOf(id as ChannelId, SHARDS)]).node ?? "nobody"]),
    );
  } finally {
    redis.disconnect();
  }
}

/** A metric of a node, summed over its labels or over those that hold `label` (`reason="dead"`); 0 where it was never counted. */
export async function counted({ metricsUrl }: TestNode, name: string, label = ""): Promise<number> {
  const response = await fetch(`${metricsUrl}/metrics`);
  const samples = (await response.text()).matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, "gm"));
  return [...samples].reduce(
    (sum, [, labels = "", value]) => sum + (labels.includes(label) ? Number(value) : 0),
    0,
  );
}
