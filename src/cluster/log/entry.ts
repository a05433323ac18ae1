/** An entry of a shard's log: what it is made of, how it is written into a Redis Stream, and how its ids compare (rule L1). */
import type { LogRecord } from "../../../actors/ports.ts";
import { ChannelEvent } from "../../../protocol/events.ts";
import { FIRST_LEVEL, LEVEL } from "../../lib/level.ts";
import type { LogId } from "../../ports.ts";

/** Most records in one entry, and most bytes of their JSON (rule L1). */
export const ENTRY_RECORDS_MAX = 1_000;
export const ENTRY_BYTES_MAX = 1_048_576;

/** Characters of an unknown record that are told. */
const STRANGER_MAX = 120;

/** Before every entry. */
export const BEFORE_ALL: LogId = [0, 0];

export type LogEntry = {
  readonly id: LogId;
  /** Drawn per reign: with the id it names one content for ever, whoever else draws the same epoch from a Postgres that went back. */
  readonly token: string;
  /** The last id that its writer knew; a reader that finds another before it has found a hole. */
  readonly prev: LogId;
  /** JSON array of `LogRecord`; `[]` in a barrier. */
  readonly records: string;
};

/** An entry that this version cannot read: of a newer writer, or none of ours. */
export class UnreadableEntry extends Error {
  override name = "UnreadableEntry";
}

/** Below 0 where `a` is older. */
export function compareIds(a: LogId, b: LogId): number {
  return a[0] - b[0] || a[1] - b[1];
}

export function formatId(id: LogId): string {
  return `${id[0]}-${id[1]}`;
}

/** Throws `UnreadableEntry` for what is no `<epoch>-<n>` of safe integers. */
export function parseId(text: string): LogId {
  const dash = text.indexOf("-");
  const epoch = Number(text.slice(0, dash));
  const n = Number(text.slice(dash + 1));
  if (dash < 1 || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(n))
    throw new UnreadableEntry(`no log id: ${text}`);
  return [epoch, n];
}

export function isBarrier(entry: LogEntry): boolean {
  return entry.id[1] === 0;
}

/**
 * The entry as field, value, field, value … of a stream; the same fields in the same order let Redis pack them. `level`: of the
 * cluster as it was written (rule E7). A reader that knows less stops before it has served anything.
 */
export function entryFields(entry: LogEntry, level = LEVEL): string[] {
  return ["v", String(level), "token", entry.token, "prev", formatId(entry.prev), "records", entry.records];
}

/** Throws `UnreadableEntry`. The records stay JSON until `parseRecords`. */
export function readEntry(id: string, fields: readonly string[]): LogEntry {
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) found.set(fields[i]!, fields[i + 1]!);
  const level = Number(found.get("v"));
  if (!(level >= FIRST_LEVEL && level <= LEVEL))
    throw new UnreadableEntry(`entry ${id} is of level ${found.get("v")}, this node reads up to ${LEVEL}`);
  const token = found.get("token");
  const records = found.get("records");
  if (token === undefined || records === undefined)
    throw new UnreadableEntry(`entry ${id} lacks token or records`);
  return { id: parseId(id), token, prev: parseId(found.get("prev") ?? ""), records };
}

const EVENTS: ReadonlySet<string> = new Set(
  ChannelEvent.options.map(({ shape }) => shape.type.value satisfies ChannelEvent["type"]),
);

/** Is it a record of a kind that this version applies and stores? */
function isKnown(record: Partial<Record<"event" | "mark" | "follow", { type?: string }>>): boolean {
  if (record.event !== undefined) return EVENTS.has(record.event.type ?? "");
  return record.mark !== undefined || record.follow !== undefined;
}

/** Throws `UnreadableEntry` where the JSON is none, or holds what this version would pass over. What is in a record is our own and not checked again. */
export function parseRecords(entry: LogEntry): LogRecord[] {
  let records: unknown;
  try {
    records = JSON.parse(entry.records);
  } catch (cause) {
    throw new UnreadableEntry(`entry ${formatId(entry.id)} holds no JSON`, { cause });
  }
  if (!Array.isArray(records)) throw new UnreadableEntry(`entry ${formatId(entry.id)} holds no array`);
  const stranger = records.find(
    (record) => typeof record !== "object" || record === null || !isKnown(record),
  );
  if (stranger !== undefined) {
    const what = JSON.stringify(stranger).slice(0, STRANGER_MAX);
    throw new UnreadableEntry(
      `entry ${formatId(entry.id)} holds a record of a kind that this node does not know: ${what}`,
    );
  }
  return records as LogRecord[];
}

/** Bytes that the entry takes of a budget. */
export function entryBytes(entry: LogEntry): number {
  return Buffer.byteLength(entry.records);
}
