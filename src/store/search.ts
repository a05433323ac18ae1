/** Full-text search over messages, newest first (row F4; docs/decisions/0007). What is found by what stands in the migration. */
import type { Found, Search, SearchPlace, SearchQuery } from "../../gateway/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { NOBODY } from "./channel-row.ts";
import type { Pool, Statement } from "./pools.ts";
import { readHits } from "./search-hits.ts";
import { allDays, DAY_MS, firstDay, firstSpan, nextSpan, timeMarks } from "./search-windows.ts";
import { isAway } from "./trouble.ts";

/** Milliseconds for which one search looks further back. After that it answers what it has, and where to go on. Chosen: half of what a page may take. */
const LOOK_MS = 50;

/** Channels that are named one by one; of more, their spaces are named, and each row asks whether the reader may see it. */
const CHANNELS_NAMED_MAX = 32;

/** Where the reader may look, by the language in which it was indexed. `words`: the query in that language, empty where it says nothing. */
type Scope = {
  language: string;
  words: string | null;
  channels: string[];
  /** Of those in spaces, and those without. */
  spaces: string[];
  alone: string[];
  messages: number;
  oldest_ms: number;
  newest_ms: number;
};

/** Channels in which the reader is active, and in the space as well where there is one. `limit 1`: a look-up each. */
const SCOPES: Statement = {
  name: "search_scopes",
  text: `
    select language, websearch_to_tsquery(language::regconfig, $2)::text as words,
      array_agg(right(id::text, 8)) as channels,
      coalesce(array_agg(distinct right(space_id::text, 8)) filter (where space_id is not null), '{}') as spaces,
      coalesce(array_agg(right(id::text, 8)) filter (where space_id is null), '{}') as alone,
      sum(message_count)::bigint as messages, min(created_at_ms) as oldest_ms, max(last_message_at_ms) as newest_ms
    from (
      select coalesce(p.language, 'simple') as language, c.*
      from channel_members m
      cross join lateral (
        select id, space_id, message_count, created_at_ms, last_message_at_ms from channels where id = m.channel_id limit 1
      ) c
      left join lateral (select language from channels where id = c.space_id limit 1) p on true
      where m.user_id = $1 and m.status = 'active' and c.last_message_at_ms is not null
        and ($3::uuid is null or c.id = $3) and ($4::uuid is null or c.space_id = $4)
        and (c.space_id is null or (
          select i.status = 'active' from channel_members i where i.channel_id = c.space_id and i.user_id = $1
        ))
    ) as readable
    where $5::text is null or language = $5
    group by language`,
};

/**
 * What is wanted and the days are two conditions, since the index skips from one to the other: it reads the words of those days
 * alone. `is true` keeps the reader's channels a hash, built once, instead of a join for a planner that cannot know its size.
 */
const WINDOW: Statement = {
  name: "search_window",
  text: `
    select s.channel_id, s.seq, s.at_ms, s.version from message_search s
    where s.words @@ $1::tsquery and s.words @@ $2::tsquery
      and s.at_ms >= $3 and (s.at_ms, s.channel_id, s.seq) < ($4, $5::uuid, $6)
      and ($7::uuid is null or s.author_id = $7) and ($8::uuid is null or s.channel_id = $8)
      and (s.channel_id in (select m.channel_id from channel_members m where m.user_id = $9 and m.status = 'active')) is true
    order by s.at_ms desc, s.channel_id desc, s.seq desc limit $10`,
};

const CATCH_UP: Statement = { name: "search_catch_up", text: "select search_catch_up($1) as busy" };

/** Messages that are put in together. Chosen: some milliseconds. */
const CATCH_UP_ROWS = 500;

type FoundRow = { channel_id: string; seq: number; at_ms: number; version: number };

/** `search_catch_up` puts in what was there before the index, and what came before its space: true while there is more. */
export type StoreSearch = Search & { catchUp(): Promise<boolean> };

/**
 * `replica`: looks, while it answers. What it finds is read from the primary, by the version that it had there, so that nothing
 * comes of its lag but that the newest messages are missing.
 */
export function createSearch({
  read,
  write,
  replica,
}: Record<"read" | "write", Pool> & { replica?: Pool }): StoreSearch {
  return {
    async find(query) {
      if (replica === undefined) return find(read, query);
      try {
        return await find(replica, query);
      } catch (error) {
        if (!isAway(error)) throw error;
        return find(read, query);
      }
    },
    hits: (found, reader, words) => readHits(read, found, reader, words),
    async catchUp() {
      const [row] = await write.rows<{ busy: boolean }>(CATCH_UP, [CATCH_UP_ROWS]);
      return row?.busy ?? false;
    },
  };
}

async function find(pool: Pool, query: SearchQuery): Promise<{ found: Found[]; older?: SearchPlace }> {
  const { reader, words = null, channelId = null, spaceId = null, language = null } = query;
  const rows = await pool.rows<Scope>(SCOPES, [reader, words, channelId, spaceId, language]);
  // Nothing but words that every text has, or none at all: nothing is asked for.
  const scopes = words === null ? rows : rows.filter((scope) => scope.words);
  if (scopes.length === 0) return { found: [] };
  return lookBack(pool, query, asked(query, scopes), scopes);
}

/** From the newest on, a span of days at a time, until there are enough or the time is up. */
async function lookBack(
  pool: Pool,
  query: SearchQuery,
  wanted: string,
  scopes: readonly Scope[],
): Promise<{ found: Found[]; older?: SearchPlace }> {
  const untilMs = performance.now() + LOOK_MS;
  const all = allDays(query, scopes);
  let from: SearchPlace = query.older ?? before(Math.min(query.beforeMs ?? Infinity, all.newestMs + 1));
  let span = firstSpan(all, scopes);
  const found: Found[] = [];
  for (let to = Math.floor(Math.min(from.atMs, all.newestMs) / DAY_MS); to >= all.first; ) {
    const first = firstDay(to, span, all);
    const startedMs = performance.now();
    const most = query.limit + 1 - found.length;
    const rows = await inWindow(pool, query, [wanted, timeMarks(first, to)], first * DAY_MS, from, most);
    found.push(...rows);
    if (found.length > query.limit)
      return { found: found.slice(0, query.limit), older: placeOf(found[query.limit - 1]!) };
    const nowMs = performance.now();
    from = before(first * DAY_MS);
    if (first > all.first && nowMs > untilMs) return { found, older: from };
    span = nextSpan(span, {
      found: rows.length,
      missing: most - rows.length,
      tookMs: nowMs - startedMs,
      leftMs: untilMs - nowMs,
    });
    to = first - 1;
  }
  return { found };
}

async function inWindow(
  pool: Pool,
  { afterMs = 0, authorId, channelId, reader }: SearchQuery,
  [wanted, time]: readonly [string, string],
  sinceMs: number,
  from: SearchPlace,
  limit: number,
): Promise<Found[]> {
  const rows = await pool.rows<FoundRow>(WINDOW, [
    wanted,
    time,
    Math.max(sinceMs, afterMs),
    from.atMs,
    from.channelId,
    from.seq,
    authorId ?? null,
    channelId ?? null,
    reader,
    limit,
  ]);
  return rows.map((row) => ({
    channelId: row.channel_id as ChannelId,
    seq: row.seq,
    atMs: row.at_ms,
    version: row.version,
  }));
}

/** The query as Postgres takes it, but for the time: in each language its words, and where that language is spoken. */
function asked({ authorId, has = [] }: SearchQuery, scopes: readonly Scope[]): string {
  const ways = scopes.map((scope) => {
    const places = anyOf(placesOf(scope));
    return scope.words ? `(${scope.words}) & ${places}` : places;
  });
  const marks = has.map((what) => `' ${what}'`);
  if (authorId !== undefined) marks.push(mark("a", authorId));
  return [`(${ways.map((way) => `(${way})`).join(" | ")})`, ...marks].join(" & ");
}

function placesOf({ channels, spaces, alone }: Scope): string[] {
  if (channels.length <= CHANNELS_NAMED_MAX) return channels.map((id) => `' c${id}'`);
  return [...spaces.map((id) => `' s${id}'`), ...alone.map((id) => `' c${id}'`)];
}

function anyOf(marks: readonly string[]): string {
  return `(${marks.join(" | ")})`;
}

function mark(kind: "a", id: UserId): string {
  return `' ${kind}${id.slice(-8)}'`;
}

/** Whatever is older than that. */
function before(atMs: number): SearchPlace {
  return { atMs, channelId: NOBODY as string as ChannelId, seq: 0 };
}

function placeOf({ atMs, channelId, seq }: Found): SearchPlace {
  return { atMs, channelId, seq };
}
