/** What was found, as it stands now: the messages, and an excerpt of each with the words that were asked for. */
import type { Excerpt, Found, SearchHit } from "../../gateway/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { MESSAGE_COLUMNS, type MessageRow, QUOTE_GONE, type QuoteGone, toMessage } from "./message-row.ts";
import type { Pool, Statement } from "./pools.ts";

/** Characters of a message in which words are marked, and of an excerpt that marks none. */
const MARKED_IN_MAX = 4_000;
const PLAIN_MAX = 200;

/** Between the first two stands a word; the others stand for angle brackets, which Postgres would take for tags and drop. */
const [BEGIN, END, LESS, GREATER] = ["\u0002", "\u0003", "\u0004", "\u0005"];
/** For `translate`: nobody's own of these signs are believed. */
const SIGNS = { from: `<>${BEGIN}${END}${LESS}${GREATER}`, to: LESS + GREATER };
const WORDS = `StartSel="${BEGIN}", StopSel="${END}"`;
/** A short text is its own excerpt; of a longer one, the parts around the words. */
const WHOLE = `${WORDS}, HighlightAll=true`;
const PARTS = `${WORDS}, MaxFragments=2, MaxWords=24, MinWords=8, FragmentDelimiter=" … "`;

/** Only what is still as the index had it when it was found: what was edited or deleted since has another version there. */
const HITS: Statement = {
  name: "search_hits",
  text: `
    select ${MESSAGE_COLUMNS.map((column) => `m.${column}`).join(", ")}, ${QUOTE_GONE} as quote_gone,
      case when m.reactions is not null then (
        select array_agg(r.emoji) from reactions r
        where r.channel_id = m.channel_id and r.seq = m.seq and r.user_id = $4
      ) end as mine,
      ts_headline(p.language::regconfig, left(translate(m.content, $6, $7), ${MARKED_IN_MAX}),
        websearch_to_tsquery(p.language::regconfig, $5),
        case when length(m.content) <= ${PLAIN_MAX} then $8 else $9 end) as marked
    from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as k (channel_id, seq, version, n)
    cross join lateral (
      select * from messages
      where channel_id = k.channel_id and seq = k.seq and deleted_at_ms is null
        and exists (
          select from message_search s where s.channel_id = k.channel_id and s.seq = k.seq and s.version = k.version
        )
      limit 1
    ) m
    cross join lateral (
      select coalesce((
        select s.language from channels s where s.id = (select c.space_id from channels c where c.id = k.channel_id)
      ), 'simple') as language
    ) p
    order by k.n`,
};

type HitRow = MessageRow & QuoteGone & { mine: string[] | null; marked: string | null };

/** In the order of `found`; what has changed since is left out. Without `words` nothing is marked. */
export async function readHits(
  pool: Pool,
  found: readonly Found[],
  reader: UserId,
  words: string | undefined,
): Promise<SearchHit[]> {
  if (found.length === 0) return [];
  const rows = await pool.rows<HitRow>(HITS, [
    found.map(({ channelId }) => channelId),
    found.map(({ seq }) => seq),
    found.map(({ version }) => version),
    reader,
    words ?? null,
    SIGNS.from,
    SIGNS.to,
    WHOLE,
    PARTS,
  ]);
  return rows.map(({ mine, marked, ...row }) => ({
    message: toMessage(row, mine),
    excerpt: marked === null ? plain(row.content) : toExcerpt(marked),
  }));
}

function plain(content: string): Excerpt {
  const signs = [...content.slice(0, 2 * PLAIN_MAX)];
  const isWhole = content.length <= 2 * PLAIN_MAX && signs.length <= PLAIN_MAX;
  return { text: isWhole ? content : `${signs.slice(0, PLAIN_MAX).join("")} …`, marks: [] };
}

/** Takes the signs out of the text and says where they stood. */
export function toExcerpt(marked: string): Excerpt {
  let text = "";
  const marks: [number, number][] = [];
  for (const [i, part] of marked.replaceAll(LESS, "<").replaceAll(GREATER, ">").split(BEGIN).entries()) {
    const [word = "", ...rest] = i === 0 ? ["", part] : part.split(END);
    if (word !== "") marks.push([text.length, text.length + word.length]);
    text += word + rest.join("");
  }
  return { text, marks };
}
