/** A reign's confirmed records on their way to Postgres, and who waits for them there (rules P1, J1, S3). */
import type { LogRecord } from "../../../actors/ports.ts";
import type { FlushSource, LogId, Projector } from "../../ports.ts";
import { Backfill, type BackfillOptions } from "./backfill.ts";
import type { UnflushedBudget } from "./budget.ts";
import { compareIds } from "./entry.ts";
import type { History } from "./history.ts";

export type FlushingOptions = {
  shard: number;
  epoch: number;
  /** What the claim answered. */
  flushedUpTo: LogId;
  history: History;
  budget: UnflushedBudget;
  projector: Projector;
  onFlushed: (records: readonly LogRecord[]) => void;
  onFenced: () => void;
  onThrow: (error: unknown) => void;
  backfill: Pick<BackfillOptions, "patience" | "link">;
};

export class Flushing implements FlushSource {
  readonly shard: number;
  readonly epoch: number;
  #options: FlushingOptions;
  #flushedUpTo: LogId;
  #backfill: Backfill | undefined;
  #waiting: { target: LogId; then: () => void }[] = [];

  constructor(options: FlushingOptions) {
    this.#options = options;
    this.shard = options.shard;
    this.epoch = options.epoch;
    this.#flushedUpTo = options.flushedUpTo;
  }

  get flushedUpTo(): LogId {
    return this.#flushedUpTo;
  }

  /** Nothing confirmed is left to flush. */
  isIdle(): boolean {
    return this.#backfill === undefined && this.#options.history.oldestUnflushed === undefined;
  }

  /** The oldest entry that must stay in the log for Postgres's sake; undefined: none. */
  oldestNeeded(): LogId | undefined {
    return this.#backfill ? this.#flushedUpTo : this.#options.history.oldestUnflushed?.entry.id;
  }

  peek(maxRecords: number): { records: readonly LogRecord[]; upTo: LogId } | undefined {
    if (this.#backfill) return this.#backfill.peek();
    const records: LogRecord[] = [];
    let upTo: LogId | undefined;
    for (const unflushed of this.#options.history.unflushed()) {
      if (upTo && records.length + unflushed.records.length > maxRecords) break;
      for (const record of unflushed.records) records.push(record);
      upTo = unflushed.entry.id;
    }
    return upTo && { records, upTo };
  }

  flushed(upTo: LogId): void {
    this.#flushedUpTo = upTo;
    const records = this.#backfill ? this.#backfilled(upTo) : this.#drop(upTo);
    if (records.length > 0) this.#options.onFlushed(records);
    this.#answerWaiting();
  }

  #drop(upTo: LogId): LogRecord[] {
    const gone = this.#options.history.flushed(upTo);
    for (const { bytes } of gone) this.#options.budget.giveBack(bytes);
    return gone.flatMap(({ records }) => records);
  }

  #backfilled(upTo: LogId): LogRecord[] {
    const records = this.#backfill!.flushed(upTo);
    if (this.#backfill!.done) this.#backfill = undefined;
    else this.#load();
    if (!this.isIdle()) this.nudge();
    return records;
  }

  /** Runs `then` when everything up to `target` is in Postgres, and asks for a flush at once. */
  whenFlushed(target: LogId, then: () => void): void {
    this.#waiting.push({ target, then });
    this.nudge();
  }

  #answerWaiting(): void {
    while (this.#waiting.length > 0 && compareIds(this.#waiting[0]!.target, this.#flushedUpTo) <= 0)
      this.#waiting.shift()!.then();
  }

  /** There is something new for the projector. */
  nudge(): void {
    if (!this.isIdle()) this.#options.projector.nudge(this, this.#waiting.length > 0);
  }

  fenced(): void {
    this.#options.onFenced();
  }

  rewound(to: LogId): void {
    const { history, shard, backfill } = this.#options;
    this.#flushedUpTo = to;
    const firstKept = history.oldestUnflushed?.entry.id;
    const upTo: LogId = firstKept ? [firstKept[0], firstKept[1] - 1] : history.newest.id;
    this.#backfill = new Backfill({ shard, after: to, upTo, ...backfill, onPage: () => this.#paged() });
    this.#load();
  }

  #load(): void {
    this.#backfill?.load().catch(this.#options.onThrow);
  }

  #paged(): void {
    if (this.#backfill?.done) this.#backfill = undefined;
    this.nudge();
    this.#answerWaiting();
  }

  /** The reign is over: gives the budget back and answers what Postgres still lacks, oldest first. */
  end(): LogRecord[] {
    this.#waiting = [];
    this.#backfill = undefined;
    return this.#drop([Number.MAX_SAFE_INTEGER, 0]);
  }
}
