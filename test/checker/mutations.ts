/** Single faults, planted into a history that was right. Each returns undefined where the history has no place for it. */
import type { Ack, EventSeen, HistoryRecord, Live, MessageRow, Synced } from "./history.ts";

/** Changes one thing; `pick` chooses among the places, modulo how many there are. */
export type Mutation = (history: readonly HistoryRecord[], pick: number) => HistoryRecord[] | undefined;

type What = HistoryRecord["what"];
type Of<W extends What> = Extract<HistoryRecord, { what: W }>;

/** Replaces one record of a kind by what `change` makes of it; `fits` says which are places. */
function change<W extends What>(
  what: W,
  to: (record: Of<W>, history: readonly HistoryRecord[]) => HistoryRecord[],
  fits: (record: Of<W>, history: readonly HistoryRecord[]) => boolean = () => true,
): Mutation {
  return (history, pick) => {
    const places = history.flatMap((record, at) =>
      record.what === what && fits(record as Of<W>, history) ? [at] : [],
    );
    const at = places[pick % places.length];
    if (at === undefined) return undefined;
    return history.toSpliced(at, 1, ...to(history[at] as Of<W>, history));
  };
}

const withEvents = (live: Live, events: EventSeen[]): Live[] =>
  events.length === 0 ? [] : [{ ...live, events }];
const isMessage = (event: EventSeen): boolean => event.clientId !== undefined;
const holdsMessage = ({ events }: Live | Synced): boolean => events.some(isMessage);
const long = ({ events }: Live | Synced): boolean => events.length >= 2;
const headOf = (history: readonly HistoryRecord[], channelId: string): number =>
  history.reduce(
    (head, record) => (record.what === "channel" && record.channelId === channelId ? record.seq : head),
    0,
  );
const firstChanged = (events: EventSeen[], to: (event: EventSeen) => EventSeen): EventSeen[] => {
  const at = Math.max(0, events.findIndex(isMessage));
  return events.map((event, i) => (i === at ? to(event) : event));
};

/** A frame after which the same client gets nothing but frames in this channel: what is lost here is never repaired. */
function unrepaired(live: Live, history: readonly HistoryRecord[]): boolean {
  const rest = history
    .slice(history.indexOf(live) + 1)
    .filter((record) => "client" in record && record.client === live.client);
  const heals = (record: HistoryRecord) =>
    record.what === "disconnect" ||
    ((record.what === "sync" || record.what === "open" || record.what === "behind") &&
      record.channelId === live.channelId);
  return !rest.some(heals);
}

const otherRow = (row: MessageRow, history: readonly HistoryRecord[]): MessageRow | undefined =>
  history.find(
    (record): record is MessageRow =>
      record.what === "row" && record.channelId === row.channelId && record.seq !== row.seq,
  );

/** By name. Together they touch every kind of violation. */
export const MUTATIONS: Record<string, Mutation> = {
  "a row is missing in Postgres": change("row", () => []),
  "a row stands twice under two seqs": change("row", (row, history) => [
    row,
    { ...row, seq: headOf(history, row.channelId) + 1 },
  ]),
  "two rows have one seq": change(
    "row",
    (row, history) => [row, { ...otherRow(row, history)!, seq: row.seq }],
    (row, history) => otherRow(row, history) !== undefined,
  ),
  "a row has another content": change("row", (row) => [{ ...row, content: `${row.content}!` }]),
  "a row has another author": change("row", (row) => [{ ...row, authorId: "stranger" }]),
  "a row has another clientId": change("row", (row) => [{ ...row, clientId: "foreign" }]),
  "a row has another reign": change("row", (row) => [{ ...row, epoch: row.epoch + 1 }]),
  "a row has another time": change("row", (row) => [{ ...row, atMs: row.atMs - 1 }]),
  "a row moved to another seq": change("row", (row, history) => [
    { ...row, seq: headOf(history, row.channelId) + 1 },
  ]),
  "a row nobody sent": change("row", (row, history) => [
    row,
    { ...row, clientId: "foreign", seq: headOf(history, row.channelId) + 1 },
  ]),
  "a send that nobody made was acked": change("ack", (ack) => [ack, { ...ack, clientId: "foreign" }]),
  "an ack names another seq": change("ack", (ack) => [{ ...ack, seq: ack.seq + 1 }]),
  "a second ack names another seq": change("ack", (ack) => [
    ack,
    { ...ack, seq: ack.seq + 1, duplicate: true },
  ]),
  "a second ack does not say duplicate": change(
    "ack",
    (ack) => [ack, ack],
    (ack) => ack.duplicate !== true,
  ),
  "an ack never came": change("ack", () => []),
  "an ack is weaker than asked": change(
    "ack",
    (ack) => [{ ...ack, durability: "logged" }],
    (ack) => ack.durability === "persisted",
  ),
  "an acked message was overtaken": (history, pick) => {
    const acks = history.filter((record): record is Ack => record.what === "ack");
    const pairs = acks.flatMap((later) =>
      acks
        .filter((a) => a.channelId === later.channelId && a.seq < later.seq)
        .map((earlier) => ({ earlier, later })),
    );
    const pair = pairs[pick % pairs.length];
    if (pair === undefined) return undefined;
    const swap = (record: HistoryRecord): HistoryRecord => {
      if (record.what === "ack" && record === pair.earlier) return { ...record, seq: pair.later.seq };
      return record === pair.later ? { ...pair.later, seq: pair.earlier.seq } : record;
    };
    return history.map(swap);
  },
  "a refused message was stored": change(
    "refused",
    (refused, history) => {
      const seq = headOf(history, refused.channelId) + 1;
      const { channelId, clientId, by: authorId } = refused;
      return [
        refused,
        {
          what: "row",
          channelId,
          clientId,
          authorId,
          seq,
          epoch: 1,
          content: `text of ${clientId}`,
          atMs: 1e9,
        },
      ];
    },
    (refused) => refused.retry === "never",
  ),
  "a frame is lost and not repaired": change("events", () => [], unrepaired),
  "an event is cut out of a frame": change(
    "events",
    (live) => withEvents(live, live.events.slice(0, -1)),
    unrepaired,
  ),
  "a frame comes twice": change("events", (live) => [live, live]),
  "an event stands twice in a frame": change("events", (live) =>
    withEvents(live, [...live.events, live.events[0]!]),
  ),
  "two events of a frame are swapped": change(
    "events",
    (live) => withEvents(live, live.events.toReversed()),
    long,
  ),
  "two frames are swapped": (history, pick) => {
    const places = history.flatMap((record, at) => {
      const next = history[at + 1];
      const pair =
        record.what === "events" &&
        next?.what === "events" &&
        record.client === next.client &&
        record.channelId === next.channelId;
      return pair ? [at] : [];
    });
    const at = places[pick % places.length];
    return at === undefined ? undefined : history.toSpliced(at, 2, history[at + 1]!, history[at]!);
  },
  "a listener saw another content": change(
    "events",
    (live) =>
      withEvents(
        live,
        firstChanged(live.events, (event) => ({ ...event, content: "forged", digest: "forged" })),
      ),
    holdsMessage,
  ),
  "a listener saw another reign": change("events", (live) => [{ ...live, epoch: live.epoch + 1 }]),
  "a message was sequenced again": change(
    "events",
    (live, history) => {
      const message = live.events.find(isMessage)!;
      return [live, { ...live, events: [{ ...message, seq: headOf(history, live.channelId) + 1 }] }];
    },
    holdsMessage,
  ),
  "an event lies beyond the head": change("events", (live, history) => [
    live,
    {
      ...live,
      events: [
        {
          ...live.events[0]!,
          clientId: undefined,
          type: "member:updated",
          seq: headOf(history, live.channelId) + 1,
        },
      ],
    },
  ]),
  "a stranger hears a channel": change(
    "disconnect",
    (gone, history) => {
      const live = history.find((record): record is Live => record.what === "events");
      return live === undefined ? [gone] : [gone, { ...live, client: gone.client }];
    },
    (_, history) => history.some((record) => record.what === "events"),
  ),
  "a difference has a hole": change(
    "sync",
    (sync) => [{ ...sync, events: sync.events.slice(1) }],
    (sync) => sync.events.length > 0,
  ),
  "a difference ends too early": change(
    "sync",
    (sync) => [{ ...sync, events: sync.events.slice(0, -1) }],
    (sync) => sync.events.length > 0,
  ),
  "a difference is in disorder": change(
    "sync",
    (sync) => [{ ...sync, events: sync.events.toReversed() }],
    long,
  ),
  "a channel was opened behind the client's position": change(
    "open",
    (open) => [open, { ...open, seq: open.seq - 1 }],
    (open) => open.seq > 0,
  ),
  "the log lacks an event": (history, pick) => {
    // Where nobody heard it either: an event that only the log could show.
    const places = history.flatMap((record) =>
      record.what === "logged" && !isMessage(record.event) ? [record] : [],
    );
    const gone = places[pick % places.length];
    if (gone === undefined) return undefined;
    const without = (events: EventSeen[]) => events.filter((event) => event.seq !== gone.event.seq);
    return history.flatMap((record): HistoryRecord[] => {
      if (record === gone) return [];
      if (!("channelId" in record) || record.channelId !== gone.channelId) return [record];
      if (record.what === "events") return withEvents(record, without(record.events));
      return record.what === "sync" ? [{ ...record, events: without(record.events) }] : [record];
    });
  },
  "the log goes back to an older reign": change(
    "logged",
    (logged) => [{ ...logged, epoch: 0 }],
    (logged) => logged.event.seq > 1,
  ),
  "the log goes back in time": change(
    "logged",
    (logged) => [{ ...logged, event: { ...logged.event, atMs: 0, digest: "early" } }],
    (logged) => logged.event.seq > 1,
  ),
  "the head lies beyond all events": change("channel", (channel) => [{ ...channel, seq: channel.seq + 1 }]),
  "the head was never flushed": change("channel", (channel) => [{ ...channel, seq: channel.seq - 1 }]),
};
