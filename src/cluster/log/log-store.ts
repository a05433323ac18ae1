/** The shard log as owners see it: streams on servers that fail and forget. `redis-log.ts` implements it. */
import type { LogId } from "../../ports.ts";
import type { LogEntry } from "./entry.ts";

/** Which process of Redis answers, and which history it holds: both unchanged means that nothing was forgotten (rule L3). */
export type ServerIdentity = { readonly runId: string; readonly replId: string };

export function sameServer(a: ServerIdentity, b: ServerIdentity): boolean {
  return a.runId === b.runId && a.replId === b.replId;
}

/**
 * What became of an append.
 * - `done`: it is in the log.
 * - `refused`: its id is not above the log's last: the log has it already, or another reign has begun.
 * - `missing`: the log itself is gone, nothing was written.
 * - `failed`: surely not written; a later try may do.
 * - `unknown`: it may be written, now or later (time-out, cut).
 */
export type AppendOutcome = {
  readonly kind: "done" | "refused" | "missing" | "failed" | "unknown";
  readonly reason?: string;
};

/** The log cannot be read over this link now: it was cut, or its server answered with an error or not in time. */
export class LogAway extends Error {
  override name = "LogAway";
}

/**
 * One established connection to one server, never another one behind the same object: everything is written on this very
 * connection or fails. What is called after an append was answered runs after it. Reads reject with `LogAway` or `UnreadableEntry`.
 */
export interface LogLink {
  /** As the connection read it when it became ready. */
  readonly server: ServerIdentity;
  /** False once the connection has ended. */
  readonly alive: boolean;
  /** The server holds more than the logs may let it hold (rule L5): what stays only for the window's sake is to go. */
  readonly isPressed: boolean;
  /**
   * Appends to a log that exists. `compose` is asked at the end of this event-loop turn, when all appends of the node's
   * shards go out together, so that what the turn still decides rides along; not asked when the link has ended by then.
   * Where it answers undefined nothing is written, which is `failed`.
   */
  append(shard: number, compose: () => LogEntry | undefined, done: (outcome: AppendOutcome) => void): void;
  /** Appends one entry now, making the log where it is gone: history put back, and the barrier, which a full Redis takes as well (rule L6). */
  put(shard: number, entry: LogEntry): Promise<AppendOutcome>;
  /** Reads the identity again. */
  identify(): Promise<ServerIdentity>;
  last(shard: number): Promise<LogEntry | undefined>;
  at(shard: number, id: LogId): Promise<LogEntry | undefined>;
  /** Entries after an id, oldest first, at most `limit`. */
  page(shard: number, after: LogId, limit: number): Promise<LogEntry[]>;
  /** Drops all entries up to and including `upTo`. */
  trim(shard: number, upTo: LogId): Promise<void>;
}

export interface LogStore {
  /** The link to the server that holds the shard's log; undefined while there is none. */
  link(shard: number): LogLink | undefined;
  /** Calls back whenever `link(shard)` may answer something else. The answer ends it. */
  watch(shard: number, changed: () => void): () => void;
}

/** Bytes of records that a page of the log should hold: few round trips, little memory (chosen). */
const PAGE_BYTES = 2_097_152;
const PAGE_ENTRIES_FIRST = 16;
const PAGE_ENTRIES_MIN = 4;
const PAGE_ENTRIES_MAX = 4_096;

/** All entries after an id, page by page over one link; the pages' lengths follow the size of the entries. */
export async function* pagesOf(link: LogLink, shard: number, after: LogId): AsyncGenerator<LogEntry[]> {
  let limit = PAGE_ENTRIES_FIRST;
  for (let from = after; ; ) {
    const page = await link.page(shard, from, limit);
    if (page.length === 0) return;
    yield page;
    if (page.length < limit) return;
    from = page.at(-1)!.id;
    const bytes = page.reduce((sum, entry) => sum + entry.records.length, 1);
    limit = Math.min(
      PAGE_ENTRIES_MAX,
      Math.max(PAGE_ENTRIES_MIN, Math.floor((page.length * PAGE_BYTES) / bytes)),
    );
  }
}
