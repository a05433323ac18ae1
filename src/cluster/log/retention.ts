/** How much of a shard's log stays in Redis (rule L5): what Postgres lacks, and what is young, within a byte budget. */
import type { LogId } from "../../ports.ts";
import { compareIds } from "./entry.ts";

/** The resume window: positions younger than this are answered from memory and log. */
export const KEEP_FOR_MS = 600_000;
/** Bytes of records of one shard that stay for the window's sake; what is unflushed stays above it. */
export const KEEP_BYTES = 67_108_864;
/** Of a server's `maxmemory`: when more is used, the window shrinks so that there is room for what Postgres lacks. */
export const LOG_MEMORY_SHARE = 0.6;
/** Between two trims of a shard. */
export const TRIM_INTERVAL_MS = 10_000;

/** Of a shard's bytes, at each trim while memory is short: gone within a minute, and no cliff for who resumes (chosen). */
const PRESSED_KEEP = 0.5;

/** Entries are remembered in groups: as long as a trim interval, or this many bytes. */
const GROUP_MS = TRIM_INTERVAL_MS;
const GROUP_BYTES = 1_048_576;

type Group = { firstAtMs: number; lastAtMs: number; upTo: LogId; bytes: number };

export type RetentionOptions = { keepForMs: number; keepBytes: number };

export class Retention {
  #options: RetentionOptions;
  #groups: Group[] = [];
  #bytes = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Bytes of records in the log, as far as this reign knows. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An entry stands in the log since `atMs` (monotonic; for what a take-over found: the take-over). */
  note(id: LogId, bytes: number, atMs: number): void {
    this.#bytes += bytes;
    const last = this.#groups.at(-1);
    if (last && atMs - last.firstAtMs < GROUP_MS && last.bytes + bytes <= GROUP_BYTES) {
      last.upTo = id;
      last.lastAtMs = atMs;
      last.bytes += bytes;
    } else this.#groups.push({ firstAtMs: atMs, lastAtMs: atMs, upTo: id, bytes });
  }

  /**
   * The id up to which the log may be dropped now, given the oldest that must stay; undefined: nothing yet. Call `trimmed`
   * when it was. `isPressed`: its server is short of memory, so half of what is left goes, trim by trim.
   */
  droppable(nowMs: number, mustStay: LogId, isPressed = false): LogId | undefined {
    const keepBytes = isPressed
      ? Math.min(this.#options.keepBytes, this.#bytes * PRESSED_KEEP)
      : this.#options.keepBytes;
    let upTo: LogId | undefined;
    let bytes = this.#bytes;
    for (const group of this.#groups) {
      const isOld = nowMs - group.lastAtMs >= this.#options.keepForMs;
      if (compareIds(group.upTo, mustStay) >= 0 || (!isOld && bytes <= keepBytes)) break;
      upTo = group.upTo;
      bytes -= group.bytes;
    }
    return upTo;
  }

  trimmed(upTo: LogId): void {
    while (this.#groups.length > 0 && compareIds(this.#groups[0]!.upTo, upTo) <= 0)
      this.#bytes -= this.#groups.shift()!.bytes;
  }
}
