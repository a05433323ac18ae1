/**
 * What an owner knows of its shard's log: every reign that it read or wrote, by token and last entry, and in full what
 * Postgres lacks. Enough to tell its own history from a foreign one, and to put a lost tail back (rule L3).
 */
import { isEvent, type LogRecord } from "../../../actors/ports.ts";
import type { LogId } from "../../ports.ts";
import { BEFORE_ALL, compareIds, type LogEntry } from "./entry.ts";

/** A confirmed entry with something that Postgres lacks. */
export type Unflushed = {
  readonly entry: LogEntry;
  /** Those that Postgres lacks. */
  readonly records: readonly LogRecord[];
  readonly events: number;
  readonly bytes: number;
  /** Monotonic milliseconds of confirmation, or of the take-over that found it. */
  readonly sinceMs: number;
};

/** How the log's end compares with what its owner knows. */
export type Verdict = "current" | "in_flight" | "older" | "foreign";

/** Read and written entries are dropped from the front in slices of this many. */
const COMPACT_AT = 256;

export class History {
  /** The greatest n of each reign, with its token. A reign's n grow without a gap, so all below are known as well. */
  #reigns = new Map<number, { token: string; n: number }>();
  #unflushed: Unflushed[] = [];
  #first = 0;
  #events = 0;
  #barrier: LogEntry;
  #newest: LogEntry;

  /** `retained`: all entries before the barrier, oldest first. */
  constructor(barrier: LogEntry, retained: Iterable<LogEntry>) {
    for (const entry of retained) this.#learn(entry);
    this.#barrier = barrier;
    this.#newest = barrier;
    this.#learn(barrier);
  }

  #learn(entry: LogEntry): void {
    this.#reigns.set(entry.id[0], { token: entry.token, n: entry.id[1] });
  }

  /** The last entry that is confirmed: what the log must end with. */
  get newest(): LogEntry {
    return this.#newest;
  }

  /** Events that Postgres lacks. */
  get unflushedEvents(): number {
    return this.#events;
  }

  get oldestUnflushed(): Unflushed | undefined {
    return this.#unflushed[this.#first];
  }

  get newestUnflushed(): Unflushed | undefined {
    return this.#first < this.#unflushed.length ? this.#unflushed.at(-1) : undefined;
  }

  /** Confirmed, or found at take-over: in order of ids. */
  keep(unflushed: Unflushed): void {
    this.#unflushed.push(unflushed);
    this.#events += unflushed.events;
    if (compareIds(unflushed.entry.id, this.#newest.id) <= 0) return;
    this.#newest = unflushed.entry;
    this.#learn(unflushed.entry);
  }

  /** Takes out what Postgres has now. */
  flushed(upTo: LogId): Unflushed[] {
    const gone: Unflushed[] = [];
    while (
      this.#first < this.#unflushed.length &&
      compareIds(this.#unflushed[this.#first]!.entry.id, upTo) <= 0
    ) {
      gone.push(this.#unflushed[this.#first++]!);
      this.#events -= gone.at(-1)!.events;
    }
    if (this.#first >= COMPACT_AT && this.#first * 2 >= this.#unflushed.length) {
      this.#unflushed = this.#unflushed.slice(this.#first);
      this.#first = 0;
    }
    return gone;
  }

  /** Oldest first. */
  *unflushed(): Generator<Unflushed> {
    for (let i = this.#first; i < this.#unflushed.length; i++) yield this.#unflushed[i]!;
  }

  judge(last: LogEntry | undefined, inFlight: LogEntry | undefined): Verdict {
    if (last === undefined) return "older";
    if (isSame(last, this.#newest)) return "current";
    if (inFlight && isSame(last, inFlight)) return "in_flight";
    const reign = this.#reigns.get(last.id[0]);
    return reign?.token === last.token && last.id[1] <= reign.n && compareIds(last.id, this.#newest.id) < 0
      ? "older"
      : "foreign";
  }

  /** What a log that ends with `last` lacks: unflushed entries, the barrier, the newest, in order of ids. */
  missingAfter(last: LogId = BEFORE_ALL): LogEntry[] {
    const known = new Map<LogEntry, LogId>([...this.unflushed()].map(({ entry }) => [entry, entry.id]));
    for (const entry of [this.#barrier, this.#newest]) known.set(entry, entry.id);
    return [...known.keys()]
      .filter((entry) => compareIds(entry.id, last) > 0)
      .sort((a, b) => compareIds(a.id, b.id));
  }
}

/** One content: see `LogEntry.token`. */
export function isSame(a: LogEntry, b: LogEntry): boolean {
  return compareIds(a.id, b.id) === 0 && a.token === b.token;
}

export function toUnflushed(
  entry: LogEntry,
  records: readonly LogRecord[],
  bytes: number,
  sinceMs: number,
): Unflushed {
  return {
    entry,
    records,
    bytes,
    sinceMs,
    events: records.reduce((sum, record) => sum + (isEvent(record) ? 1 : 0), 0),
  };
}
