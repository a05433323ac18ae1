/** The retained log once more, for a Postgres that went back (rule P1): one page at a time, so that it needs no memory. */
import type { LogRecord } from "../../../actors/ports.ts";
import type { LogId } from "../../ports.ts";
import { compareIds, type LogEntry, parseRecords } from "./entry.ts";
import { LogAway, type LogLink } from "./log-store.ts";
import type { Patience } from "./timers.ts";

/** Entries per page: 32 MiB at the very most. */
const PAGE_ENTRIES = 32;

type Page = { entry: LogEntry; records: readonly LogRecord[] }[];

export type BackfillOptions = {
  shard: number;
  /** Read after this one … */
  after: LogId;
  /** … up to and including this one; what follows is in memory. */
  upTo: LogId;
  patience: Patience;
  /** The verified link; waits until there is one, undefined when the reign has ended. */
  link: () => Promise<LogLink | undefined>;
  /** A page has come, or there is none any more. */
  onPage: () => void;
};

export class Backfill {
  #options: BackfillOptions;
  #page: Page = [];
  #cursor: LogId;
  #done = false;

  constructor(options: BackfillOptions) {
    this.#options = options;
    this.#cursor = options.after;
  }

  /** All of it has been flushed. */
  get done(): boolean {
    return this.#done && this.#page.length === 0;
  }

  peek(): { records: readonly LogRecord[]; upTo: LogId } | undefined {
    const last = this.#page.at(-1);
    return last && { records: this.#page.flatMap(({ records }) => records), upTo: last.entry.id };
  }

  /** Answers the records that it drops; `load` brings the next page. */
  flushed(upTo: LogId): LogRecord[] {
    const count = this.#page.filter(({ entry }) => compareIds(entry.id, upTo) <= 0).length;
    return this.#page.splice(0, count).flatMap(({ records }) => records);
  }

  /** The next page, unless there is one or none is left. Rejects with `UnreadableEntry`. */
  async load(): Promise<void> {
    const { shard, upTo, patience, link, onPage } = this.#options;
    while (this.#page.length === 0 && !this.#done) {
      const over = await link();
      if (over === undefined) return;
      try {
        const entries = await over.page(shard, this.#cursor, PAGE_ENTRIES);
        const inside = entries.filter((entry) => compareIds(entry.id, upTo) <= 0);
        this.#page = inside
          .map((entry) => ({ entry, records: parseRecords(entry) }))
          .filter(({ records }) => records.length > 0);
        this.#cursor = inside.at(-1)?.id ?? this.#cursor;
        this.#done = inside.length < PAGE_ENTRIES;
      } catch (error) {
        if (!(error instanceof LogAway)) throw error;
        await patience.wait();
      }
    }
    onPage();
  }
}
