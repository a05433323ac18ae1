/**
 * How far back a search looks at a time. Postgres sorts what an index brings only when it has all of it, so a common word is
 * asked for a few days at a time, and a rare one for many.
 */
import type { SearchQuery } from "../../gateway/ports.ts";

export const DAY_MS = 86_400_000;
/** Days that one mark of the index stands for, beside a mark for each day. */
const DAYS_TOGETHER = 16;

/** Messages of the reader's channels that the first look is worth: a word in every fortieth fills a page. Chosen. */
const FIRST_MESSAGES = 2_000;
/** A look that finds nothing is followed by one so many times as long; at most by one of so many days. */
const GROWTH_MAX = 16;
const SPAN_MAX_DAYS = 512;
/** Milliseconds that a look takes however few days it has: what it took beyond them grows with the days. Measured. */
const LOOK_AT_LEAST_MS = 3;
/** Where some were found: more days than their number asks for, since it varies. */
const MARGIN = 1.5;
/** Half of the time that is left is asked for: older days may be busier, and lie on disk. */
const TIME_MARGIN = 2;

/** Days since 1970 from which there may be something; the newest message's time. */
export type Days = { first: number; last: number; newestMs: number };
type Readable = { messages: number; oldest_ms: number; newest_ms: number };

export function allDays(
  { beforeMs = Infinity, afterMs = 0 }: SearchQuery,
  readable: readonly Readable[],
): Days {
  const oldestMs = Math.max(afterMs, Math.min(...readable.map(({ oldest_ms }) => oldest_ms)));
  const newestMs = Math.min(beforeMs - 1, Math.max(...readable.map(({ newest_ms }) => newest_ms)));
  return { first: Math.floor(oldestMs / DAY_MS), last: Math.floor(newestMs / DAY_MS), newestMs };
}

/** Days of the first look, as if messages were spread evenly. */
export function firstSpan({ first, last }: Days, readable: readonly Readable[]): number {
  const messages = readable.reduce((sum, scope) => sum + scope.messages, 0);
  const span = Math.ceil((FIRST_MESSAGES * Math.max(1, last - first + 1)) / Math.max(1, messages));
  return Math.min(Math.max(1, span), SPAN_MAX_DAYS);
}

/** What the last look brought and cost, and what is left of hits and time. */
export type Looked = { found: number; missing: number; tookMs: number; leftMs: number };

/** Days of the next look: as many as the last one promises, and no more than the time that is left allows, be it fewer. */
export function nextSpan(span: number, { found, missing, tookMs, leftMs }: Looked): number {
  const wanted = found === 0 ? GROWTH_MAX : Math.min(GROWTH_MAX, (missing / found) * MARGIN);
  const allowed = leftMs / TIME_MARGIN / Math.max(1, tookMs - LOOK_AT_LEAST_MS);
  return Math.min(Math.max(1, Math.ceil(span * Math.min(wanted, allowed))), SPAN_MAX_DAYS);
}

/** Where a look of so many days up to `to` begins: of many, where whole spans do, so that this one and the next have few marks. */
export function firstDay(to: number, span: number, all: Days): number {
  const first = Math.max(all.first, to - span + 1);
  return span < DAYS_TOGETHER ? first : first - (first % DAYS_TOGETHER);
}

/** The days from `first` to `last` as marks of the index, in as few as there are. */
export function timeMarks(first: number, last: number): string {
  const marks: string[] = [];
  for (let day = first; day <= last; ) {
    const isSpan = day % DAYS_TOGETHER === 0 && day + DAYS_TOGETHER - 1 <= last;
    marks.push(isSpan ? `' e${day / DAYS_TOGETHER}'` : `' d${day}'`);
    day += isSpan ? DAYS_TOGETHER : 1;
  }
  return `(${marks.join(" | ")})`;
}
