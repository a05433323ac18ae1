/** Single faults, planted into a history that was right. */
import type { Ack, EventSeen, HistoryRecord, Live } from "./history.ts";
import {
  change,
  firstChanged,
  headOf,
  holdsMessage,
  isMessage,
  long,
  type Mutation,
  otherRow,
  unrepaired,
  withEvents,
  without,
} from "./planting.ts";

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
    return without(history, gone.channelId, (seq) => seq === gone.event.seq);
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
  "an acked message is nowhere": (history, pick) => {
    const acks = history.filter((record): record is Ack => record.what === "ack");
    const gone = acks[pick % acks.length];
    if (gone === undefined) return undefined;
    return without(history, gone.channelId, (seq) => seq === gone.seq);
  },
  "all from an ack on died with the owner": (history, pick) => {
    const acks = history.filter((record): record is Ack => record.what === "ack");
    const first = acks[pick % acks.length];
    if (first === undefined) return undefined;
    const { channelId, seq: from } = first;
    const clip = (seq: number) => Math.min(seq, from - 1);
    return without(history, channelId, (seq) => seq >= from).map((record) => {
      if (!("channelId" in record) || record.channelId !== channelId) return record;
      if (record.what === "sync")
        return { ...record, afterSeq: clip(record.afterSeq), seq: clip(record.seq) };
      const isPosition = record.what === "open" || record.what === "behind" || record.what === "channel";
      return isPosition ? { ...record, seq: clip(record.seq) } : record;
    });
  },
  "two listeners saw two events in a different order": change(
    "events",
    (live) => {
      const [a, b, ...rest] = live.events as [EventSeen, EventSeen, ...EventSeen[]];
      return [{ ...live, events: [{ ...b, seq: a.seq }, { ...a, seq: b.seq }, ...rest] }];
    },
    long,
  ),
  "a woken owner broadcasts what its heir decided otherwise": change("events", (live) => {
    const stale = {
      ...live.events[0]!,
      type: "member:updated",
      clientId: undefined,
      digest: "stale",
    } as const;
    return [{ ...live, epoch: live.epoch - 1, events: [stale] }, live];
  }),
  "a woken owner acks what its heir decided otherwise": change("ack", (ack) => {
    const { client, channelId, by } = ack;
    const stale = { client, channelId, by, clientId: `stale ${ack.clientId}` };
    return [ack, { what: "send", ...stale, attempt: 1, content: "stale" }, { ...ack, ...stale }];
  }),
  "a frame comes again after a resume": change(
    "sync",
    (sync) => {
      const { client, channelId, epoch, events } = sync;
      return [sync, { what: "events", client, channelId, epoch, events }];
    },
    (sync) => sync.via === "resume" && sync.events.length > 0,
  ),
  "a difference begins with what the client had": change(
    "sync",
    (sync) => [{ ...sync, events: [sync.events[0]!, ...sync.events] }],
    (sync) => sync.events.length > 0,
  ),
  "a refused message was heard": change(
    "refused",
    (refused, history) => {
      const { client, channelId, clientId, by } = refused;
      const seq = headOf(history, channelId) + 1;
      const event: EventSeen = { seq, type: "message:new", by, clientId, atMs: 1e9, digest: "refused" };
      return [refused, { what: "events", client, channelId, epoch: 1, events: [event] }];
    },
    (refused) => refused.retry === "never",
  ),
  "a banned listener hears on": change("events", (live) => {
    const { client, channelId } = live;
    const out = { ...live.events[0]!, type: "member:left", clientId: undefined, leftBy: "user" } as const;
    return [
      { ...live, events: [{ ...out, digest: "out" }] },
      { what: "out", client, channelId, userId: "user" },
      { ...live, events: [{ ...out, seq: out.seq + 1, leftBy: undefined, digest: "more" }] },
    ];
  }),
  "a client stands on a lost history": (history, pick) => {
    const places = history.filter(
      (record): record is Live => record.what === "events" && unrepaired(record, history),
    );
    const live = places[pick % places.length];
    if (live === undefined) return undefined;
    const { channelId, epoch } = live;
    const gone = { ...live.events[0]!, type: "member:updated", clientId: undefined, digest: "gone" } as const;
    const before: Live = { ...live, epoch: epoch - 1, events: [gone] };
    const lost = history.toSpliced(history.indexOf(live), 0, before);
    return [{ what: "tail", tail: 0 }, ...lost, { what: "loss", tail: 0, channelIds: [channelId] }];
  },
  "a message that nobody sent was heard": change("events", (live, history) => {
    const seq = headOf(history, live.channelId) + 1;
    const said = { type: "message:new", by: "user-0", clientId: "ghost" } as const;
    const ghost: EventSeen = { seq, ...said, atMs: 1e9, digest: "ghost" };
    return [live, { ...live, events: [ghost] }];
  }),
};
