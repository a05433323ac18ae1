/**
 * Pages of messages as a reader may see them (rule H4): what the owner has not yet seen in Postgres is laid over what
 * Postgres says, so that a page is the channel as it stood at `opened.seq`, and nothing from beyond it.
 */
import type { Opened } from "../actors/commands.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, MessageId } from "../protocol/ids.ts";
import { messageId, parseMessageId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import { type Answer, type Refused, refused } from "../protocol/refusals.ts";
import type { MessagePage } from "../protocol/requests.ts";
import { decodeCursor, encodeCursor } from "./http/cursor.ts";
import { overlayMessages, pinnedMessages, touchedMessages } from "./overlay.ts";
import type { History, PageQuery } from "./ports.ts";

/** Messages of the page that comes with `channel:join` and `channel:open`. */
export const RECENT_LIMIT = 50;
/** Messages that one difference fetches by themselves, because only unflushed events changed them. */
const FETCHED_AT_ONCE_MAX = 50;

/** A page as a client asks for it: at most one of `before`, `after` (cursors) and `around` (a message, or Unix ms). */
export type ReadQuery = {
  limit: number;
  before?: string;
  after?: string;
  around?: MessageId | number;
  /** The replies in the thread that this message began; absent: what was said outside threads. */
  threadSeq?: number;
};

/** One message, asked of its owner, as the reader sees it. */
export type AskMessage = (seq: number) => Promise<Answer<{ message: Message }>>;

/** The newest `limit` messages outside threads. Rejects with `StoreAway`. */
export async function composeRecent(history: History, opened: Opened, limit: number): Promise<MessagePage> {
  const query: PageQuery = { limit, upToSeq: opened.seq, reader: opened.membership.userId };
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

/**
 * Messages that changed after `since`, replies among them, as they stand at `opened.seq`, oldest first; undefined when there
 * are more than `max`. Refused when the owner can no longer be asked. Rejects with `StoreAway`.
 */
export async function changedMessages(
  history: History,
  opened: Opened,
  since: { seq: number } | { atMs: number },
  max: number,
  ask: AskMessage,
): Promise<Message[] | undefined | Refused> {
  const { userId } = opened.membership;
  const isLater = (event: ChannelEvent) =>
    event.seq <= opened.seq && ("seq" in since ? event.seq > since.seq : event.atMs > since.atMs);
  const stored = await history.changed(opened.channel.id, since, max + 1, userId);
  if (stored.length > max) return undefined;
  const later = opened.unflushed.filter(isLater);
  // A message that only an unflushed event changed is not among them yet.
  const missing = missingFrom(touchedMessages(later), stored, later);
  if (missing.length > FETCHED_AT_ONCE_MAX) return undefined;
  const fetched = await askForAll(missing, ask);
  if ("error" in fetched) return fetched;
  const changed = overlayMessages([...stored, ...fetched], later, userId).filter(
    (message) => message.seq <= opened.seq,
  );
  return changed.length > max ? undefined : changed;
}

/** Pinned messages, the last pinned first. Refused when the owner can no longer be asked. Rejects with `StoreAway`. */
export async function readPins(
  history: History,
  opened: Opened,
  ask: AskMessage,
): Promise<Answer<{ messages: Message[] }>> {
  const { userId } = opened.membership;
  const stored = await history.pins(opened.channel.id, userId);
  const events = upToHead(opened);
  const fresh = pinnedMessages(events);
  const fetched = await askForAll(missingFrom(fresh, stored, events), ask);
  if ("error" in fetched) return fetched;
  const byId = new Map(
    overlayMessages([...stored, ...fetched], events, userId).map((message) => [message.id, message]),
  );
  const inOrder = new Set([...fresh, ...stored.map(({ id }) => id)]);
  const messages = [...inOrder].map((id) => byId.get(id)).filter((message) => message?.pinned);
  return { ok: true, messages: messages as Message[] };
}

function upToHead(opened: Opened): ChannelEvent[] {
  return opened.unflushed.filter((event) => event.seq <= opened.seq);
}

/** Those of `ids` that neither Postgres brought nor an unflushed event tells whole. */
function missingFrom(
  ids: readonly MessageId[],
  stored: readonly Message[],
  events: readonly ChannelEvent[],
): MessageId[] {
  const known = new Set(stored.map(({ id }) => id));
  for (const event of events) if (event.type === "message:new") known.add(event.message.id);
  return ids.filter((id) => !known.has(id));
}

/** Those that exist. */
async function askForAll(ids: readonly MessageId[], ask: AskMessage): Promise<Message[] | Refused> {
  const answers = await Promise.all(ids.map((id) => ask(parseMessageId(id).seq)));
  const found: Message[] = [];
  for (const answer of answers) {
    if (answer.ok) found.push(answer.message);
    else if (answer.error.code !== "not_found") return answer;
  }
  return found;
}

/** What History is asked for; cursors name the first or last message that the reader has. */
function pageQuery(opened: Opened, query: ReadQuery): PageQuery | Refused {
  const { limit, before, after, around, threadSeq } = query;
  const wanted: PageQuery = { limit, upToSeq: opened.seq, threadSeq, reader: opened.membership.userId };
  if ([before, after, around].filter((place) => place !== undefined).length > 1) {
    return refused("malformed", { message: "Use one of before, after and around." });
  }
  for (const [key, cursor] of [
    ["beforeSeq", before],
    ["afterSeq", after],
  ] as const) {
    if (cursor === undefined) continue;
    const place = decodeCursor(listOf(opened.channel.id, threadSeq), cursor);
    if (place === undefined)
      return refused("malformed", { message: "The cursor is not one of this list's." });
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
  const thread = query.threadSeq && messageId(opened.channel.id, query.threadSeq);
  const isOfList = (message: Message) => message.threadId === thread;
  const events = upToHead(opened);
  const known = overlayMessages(stored.messages, events, opened.membership.userId).filter(
    (message) => isOfList(message) && inRange(message.seq) && message.seq <= reach,
  );
  const { from, to } = cut(known, query);
  const messages = known.slice(from, to);
  const hasOlder = stored.hasOlder || from > 0;
  const lastSeq = messages.at(-1)?.seq;
  const hasNewer =
    to < known.length ||
    stored.hasNewer ||
    (lastSeq !== undefined &&
      events.some((event) => event.type === "message:new" && event.seq > lastSeq && isOfList(event.message)));
  const list = listOf(opened.channel.id, query.threadSeq);
  const first = messages[0];
  const last = messages.at(-1);
  return {
    messages,
    seq: opened.seq,
    epoch: opened.epoch,
    ...(hasOlder && first && { older: encodeCursor(list, String(first.seq)) }),
    ...(hasNewer && last && { newer: encodeCursor(list, String(last.seq)) }),
  };
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

/** What a page's cursors are bound to: a cursor of a thread continues nothing else. */
function listOf(channelId: ChannelId, threadSeq: number | undefined): string {
  return threadSeq === undefined ? channelId : messageId(channelId, threadSeq);
}
