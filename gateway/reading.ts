/**
 * Pages of messages as a reader may see them (rule H4): what the owner has not yet seen in Postgres is laid over what
 * Postgres says, so that a page is the channel as it stood at `opened.seq`, and nothing from beyond it.
 */
import type { Opened } from "../actors/commands.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, MessageId } from "../protocol/ids.ts";
import { parseMessageId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import { type Refused, refused } from "../protocol/refusals.ts";
import type { MessagePage } from "../protocol/requests.ts";
import { decodeCursor, encodeCursor } from "./http/cursor.ts";
import { overlayMessages, touchedMessages } from "./overlay.ts";
import type { History, PageQuery } from "./ports.ts";

/** Messages of the page that comes with `channel:join` and `channel:open`. */
export const RECENT_LIMIT = 50;
/** Messages that one difference fetches by themselves, because only unflushed events changed them. */
const FETCHED_AT_ONCE_MAX = 50;

/** A page as a client asks for it: at most one of `before`, `after` (cursors) and `around` (a message, or Unix ms). */
export type ReadQuery = { limit: number; before?: string; after?: string; around?: MessageId | number };

/** The newest `limit` messages. Rejects with `StoreAway`. */
export async function composeRecent(history: History, opened: Opened, limit: number): Promise<MessagePage> {
  const query: PageQuery = { limit, upToSeq: opened.seq };
  return layOver(await history.page(opened.channel.id, query), opened, query);
}

/** A page anywhere in the history. A cursor of another list, or a changed one, is `malformed`. Rejects with `StoreAway`. */
export async function readPage(
  history: History,
  opened: Opened,
  query: ReadQuery,
): Promise<({ ok: true } & MessagePage) | Refused> {
  const wanted = pageQuery(opened, query);
  if ("error" in wanted) return wanted;
  return { ok: true, ...layOver(await history.page(opened.channel.id, wanted), opened, wanted) };
}

/** One message as it stands at `opened.seq`: undefined when no event of that seq is a message. Rejects with `StoreAway`. */
export async function readMessage(
  history: History,
  opened: Opened,
  seq: number,
): Promise<Message | undefined> {
  if (seq > opened.seq) return undefined;
  const stored = await storedMessage(history, opened, seq);
  const messages = overlayMessages(stored ? [stored] : [], opened.unflushed, opened.membership.userId);
  return messages.find((message) => message.seq === seq);
}

/**
 * Messages that changed after `since`, as they stand at `opened.seq`, oldest first; undefined when there are more than
 * `max`. Rejects with `StoreAway`.
 */
export async function changedMessages(
  history: History,
  opened: Opened,
  since: { seq: number } | { atMs: number },
  max: number,
): Promise<Message[] | undefined> {
  const isLater = (event: ChannelEvent) =>
    event.seq <= opened.seq && ("seq" in since ? event.seq > since.seq : event.atMs > since.atMs);
  const stored = await history.changed(opened.channel.id, since, max + 1);
  if (stored.length > max) return undefined;
  const later = opened.unflushed.filter(isLater);
  // A message that only an unflushed event changed is not among them yet.
  const known = new Set(stored.map((message) => message.id));
  const missing = touchedMessages(later).filter((id) => !known.has(id));
  if (missing.length > FETCHED_AT_ONCE_MAX) return undefined;
  const fetched = await Promise.all(
    missing.map((id) => storedMessage(history, opened, parseMessageId(id).seq)),
  );
  const before = [...stored, ...fetched.filter((message) => message !== undefined)];
  const changed = overlayMessages(before, later, opened.membership.userId).filter(
    (message) => message.seq <= opened.seq,
  );
  return changed.length > max ? undefined : changed;
}

async function storedMessage(history: History, opened: Opened, seq: number): Promise<Message | undefined> {
  const page = await history.page(opened.channel.id, { limit: 1, upToSeq: opened.seq, beforeSeq: seq + 1 });
  return page.messages.find((message) => message.seq === seq);
}

/** What History is asked for; cursors name the first or last message that the reader has. */
function pageQuery(opened: Opened, query: ReadQuery): PageQuery | Refused {
  const { limit, before, after, around } = query;
  const wanted: PageQuery = { limit, upToSeq: opened.seq };
  if ([before, after, around].filter((place) => place !== undefined).length > 1) {
    return refused("malformed", { message: "Use one of before, after and around." });
  }
  for (const [key, cursor] of [
    ["beforeSeq", before],
    ["afterSeq", after],
  ] as const) {
    if (cursor === undefined) continue;
    const place = decodeCursor(opened.channel.id, cursor);
    if (place === undefined)
      return refused("malformed", { message: "The cursor is not one of this channel's." });
    wanted[key] = Number(place);
  }
  if (typeof around === "number") wanted.aroundMs = around;
  if (typeof around === "string") {
    const { channelId, seq } = parseMessageId(around);
    if (channelId !== opened.channel.id)
      return refused("malformed", { message: "around names a message of another channel." });
    wanted.aroundSeq = seq;
  }
  return wanted;
}

type StoredPage = Awaited<ReturnType<History["page"]>>;

/** The pure core: `stored` with `opened.unflushed` on top, cut to the page that `query` wants. */
export function layOver(stored: StoredPage, opened: Opened, query: PageQuery): MessagePage {
  const inRange = (seq: number) =>
    seq <= opened.seq && seq < (query.beforeSeq ?? Infinity) && seq > (query.afterSeq ?? 0);
  // Around a place the store may have stopped before its own newest: what is unflushed does not follow on that.
  const isAround = query.aroundSeq !== undefined || query.aroundMs !== undefined;
  const reach = isAround && stored.hasNewer ? (stored.messages.at(-1)?.seq ?? 0) : Infinity;
  const upToHead = opened.unflushed.filter((event) => event.seq <= opened.seq);
  const known = overlayMessages(stored.messages, upToHead, opened.membership.userId).filter(
    (message) => inRange(message.seq) && message.seq <= reach,
  );
  const { from, to } = cut(known, query);
  const messages = known.slice(from, to);
  const hasOlder = stored.hasOlder || from > 0;
  const lastSeq = messages.at(-1)?.seq;
  const hasNewer =
    to < known.length ||
    stored.hasNewer ||
    (lastSeq !== undefined && upToHead.some((event) => event.type === "message:new" && event.seq > lastSeq));
  return page(opened, messages, hasOlder, hasNewer);
}

/** Which of `known` the page holds: the first after a cursor, both sides of a place, else the last. */
function cut(known: readonly Message[], query: PageQuery): { from: number; to: number } {
  const { limit, afterSeq, aroundSeq, aroundMs } = query;
  if (afterSeq !== undefined) return { from: 0, to: Math.min(limit, known.length) };
  if (aroundSeq === undefined && aroundMs === undefined)
    return { from: Math.max(0, known.length - limit), to: known.length };
  const found = known.findIndex((message) =>
    aroundSeq !== undefined ? message.seq >= aroundSeq : message.atMs >= aroundMs!,
  );
  const place = found === -1 ? known.length : found;
  const from = Math.max(0, Math.min(place - Math.floor(limit / 2), known.length - limit));
  return { from, to: Math.min(known.length, from + limit) };
}

function page(opened: Opened, messages: Message[], hasOlder: boolean, hasNewer: boolean): MessagePage {
  const first = messages[0];
  const last = messages.at(-1);
  return {
    messages,
    seq: opened.seq,
    epoch: opened.epoch,
    ...(hasOlder && first && { older: cursor(opened.channel.id, first.seq) }),
    ...(hasNewer && last && { newer: cursor(opened.channel.id, last.seq) }),
  };
}

function cursor(channelId: ChannelId, seq: number): string {
  return encodeCursor(channelId, String(seq));
}
