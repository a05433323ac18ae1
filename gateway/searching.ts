/**
 * Search as a reader may see it (rule H4). The engine says what fits; the owner of each channel says whether the reader may
 * read there, and what Postgres does not know yet; only then are the messages read. In this order nothing is shown that was
 * deleted, or given another text, before anyone asked.
 */
import type { Opened } from "../actors/commands.ts";
import type { ChannelId } from "../protocol/ids.ts";
import { type Answer, type Refused, refused } from "../protocol/refusals.ts";
import { decodeCursor, encodeCursor } from "./http/cursor.ts";
import { overlayMessages } from "./overlay.ts";
import type { Search, SearchHit, SearchPlace, SearchQuery } from "./ports.ts";

/** Owners asked at once for one page. */
const CHANNELS_AT_ONCE = 8;

/** May the reader read there now, and what is unflushed? Asked once per channel of a page. */
export type AskOpen = (channelId: ChannelId) => Promise<Answer<Opened>>;

/** A query as it came, with the cursor of the page before. */
export type Asked = Omit<SearchQuery, "older"> & { older?: string };

/**
 * One page. Channels whose owner says no are left out; one whose owner cannot be reached makes the whole page `unavailable`,
 * since nobody could tell what is missing. A cursor of another query is `malformed`. Rejects with `StoreAway`.
 */
export async function searchMessages(
  search: Search,
  asked: Asked,
  ask: AskOpen,
): Promise<Answer<{ hits: SearchHit[]; older?: string }>> {
  const { older: cursor, ...query } = asked;
  const list = listOf(query);
  const older = cursor === undefined ? undefined : decodePlace(list, cursor);
  if (cursor !== undefined && older === undefined)
    return refused("malformed", { message: "The cursor is not one of this search's." });
  const page = await search.find({ ...query, older });
  const opened = await openAll([...new Set(page.found.map(({ channelId }) => channelId))], ask);
  if ("error" in opened) return opened;
  const readable = page.found.filter(({ channelId }) => opened.has(channelId));
  const hits = await search.hits(readable, query.reader, query.words);
  const present = hits.flatMap((hit) => layOver(hit, opened.get(hit.message.channelId)!) ?? []);
  return { ok: true, hits: present, ...(page.older && { older: encodePlace(list, page.older) }) };
}

/** The hit with what is unflushed on it; undefined when that leaves it another text, or none. */
function layOver(hit: SearchHit, { unflushed, membership }: Opened): SearchHit | undefined {
  const { message, excerpt } = hit;
  const overlaid = overlayMessages([message], unflushed, membership.userId);
  const now = overlaid.find(({ id }) => id === message.id);
  if (now === undefined || now.deletedAtMs !== undefined || now.content !== message.content) return undefined;
  return { message: now, excerpt };
}

/** Those that the reader may read. */
async function openAll(
  channelIds: readonly ChannelId[],
  ask: AskOpen,
): Promise<Map<ChannelId, Opened> | Refused> {
  const opened = new Map<ChannelId, Opened>();
  let away: Refused | undefined;
  const waiting = channelIds.values();
  async function work(): Promise<void> {
    // One iterator for all workers: each channel is taken once.
    for (const id of waiting) {
      const answer = await ask(id);
      if (answer.ok) opened.set(id, answer);
      else if (answer.error.retry !== "never") away = answer;
    }
  }
  await Promise.all(Array.from({ length: CHANNELS_AT_ONCE }, work));
  return away ?? opened;
}

/** What a cursor continues: this query of this reader. How many are wanted may change on the way. */
function listOf({ limit: _limit, ...query }: Omit<SearchQuery, "older">): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined);
  return `search ${JSON.stringify(said.sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

function encodePlace(list: string, { atMs, channelId, seq }: SearchPlace): string {
  return encodeCursor(list, `${atMs} ${channelId} ${seq}`);
}

function decodePlace(list: string, cursor: string): SearchPlace | undefined {
  const [atMs, channelId, seq] = decodeCursor(list, cursor)?.split(" ") ?? [];
  if (seq === undefined) return undefined;
  return { atMs: Number(atMs), channelId: channelId as ChannelId, seq: Number(seq) };
}
