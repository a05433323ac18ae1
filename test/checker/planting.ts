/** What single faults are planted with. */
import type { EventSeen, HistoryRecord, Live, MessageRow, Synced } from "./history.ts";

/** Changes one thing; `pick` chooses among the places, modulo how many there are. */
export type Mutation = (history: readonly HistoryRecord[], pick: number) => HistoryRecord[] | undefined;

type What = HistoryRecord["what"];
type Of<W extends What> = Extract<HistoryRecord, { what: W }>;

/** Replaces one record of a kind by what `change` makes of it; `fits` says which are places. */
export function change<W extends What>(
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

export const withEvents = (live: Live, events: EventSeen[]): Live[] =>
  events.length === 0 ? [] : [{ ...live, events }];
export const isMessage = (event: EventSeen): boolean => event.clientId !== undefined;
export const holdsMessage = ({ events }: Live | Synced): boolean => events.some(isMessage);
/** Two events or more. */
export const long = ({ events }: Live | Synced): boolean => events.length >= 2;
export const headOf = (history: readonly HistoryRecord[], channelId: string): number =>
  history.reduce(
    (head, record) => (record.what === "channel" && record.channelId === channelId ? record.seq : head),
    0,
  );
export const firstChanged = (events: EventSeen[], to: (event: EventSeen) => EventSeen): EventSeen[] => {
  const at = Math.max(0, events.findIndex(isMessage));
  return events.map((event, i) => (i === at ? to(event) : event));
};

/** A frame after which the same client gets nothing but frames in this channel: what is lost here is never repaired. */
export function unrepaired(live: Live, history: readonly HistoryRecord[]): boolean {
  const rest = history
    .slice(history.indexOf(live) + 1)
    .filter((record) => "client" in record && record.client === live.client);
  const heals = (record: HistoryRecord) =>
    record.what === "disconnect" ||
    ((record.what === "sync" || record.what === "open" || record.what === "behind") &&
      record.channelId === live.channelId);
  return !rest.some(heals);
}

export const otherRow = (row: MessageRow, history: readonly HistoryRecord[]): MessageRow | undefined =>
  history.find(
    (record): record is MessageRow =>
      record.what === "row" && record.channelId === row.channelId && record.seq !== row.seq,
  );

/** The channel as if those events had never been: not heard, not logged, not stored. */
export function without(
  history: readonly HistoryRecord[],
  channelId: string,
  isGone: (seq: number) => boolean,
): HistoryRecord[] {
  const stay = (events: EventSeen[]) => events.filter((event) => !isGone(event.seq));
  return history.flatMap((record): HistoryRecord[] => {
    if (!("channelId" in record) || record.channelId !== channelId) return [record];
    if (record.what === "logged") return isGone(record.event.seq) ? [] : [record];
    if (record.what === "row") return isGone(record.seq) ? [] : [record];
    if (record.what === "events") return withEvents(record, stay(record.events));
    return record.what === "sync" ? [{ ...record, events: stay(record.events) }] : [record];
  });
}
