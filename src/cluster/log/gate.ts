/**
 * The output gate of one reign (rules G1, G2): what an actor answers, broadcasts or asks of others waits here until all
 * that was applied before it is in the log, and leaves in order while the node's lease holds. What enters together is
 * gathered into one entry (group commit).
 */
import { isEvent, type LogRecord } from "../../../actors/ports.ts";
import { assert } from "../../lib/assert.ts";
import type { LogId } from "../../ports.ts";
import type { Lease } from "../shard-host.ts";
import { ENTRY_BYTES_MAX, ENTRY_RECORDS_MAX, type LogEntry } from "./entry.ts";
import type { Cancel, Timers } from "./timers.ts";

/** Records, bytes and answers that may wait before nothing more is decided (rule L4; answers: chosen). */
export const WAITING_RECORDS_MAX = ENTRY_RECORDS_MAX;
const WAITING_BYTES_MAX = ENTRY_BYTES_MAX;
export const WAITING_ANSWERS_MAX = 8_192;

/** How often a gate that is held by a lapsed lease looks again, milliseconds. */
const HELD_CHECK_MS = 50;

type Release = () => void;

/** What one append carries. */
export type Batch = {
  /** Its place in the reign: the second half of its id. */
  readonly n: number;
  readonly records: LogRecord[];
  /** Each record's JSON, made once. */
  readonly json: string[];
  readonly releases: Release[];
  readonly openedAtMs: number;
  events: number;
  bytes: number;
  /** Written, or about to be: nothing joins it any more, and its content stays the same under its id (rule L4). */
  entry?: LogEntry;
};

export type GateOptions = {
  lease: Lease;
  timers: Timers;
  /** There is something to append. */
  onWork: () => void;
  /** A release threw: the gate goes on, since those behind must not pay for it. */
  onThrow: (error: unknown) => void;
};

export class Gate {
  #options: GateOptions;
  /** Oldest first; only the last may still gather. */
  #batches: Batch[] = [];
  #lastN = 0;
  /** Confirmed, not released: a ring would not be shorter. `#next` is the first that waits. */
  #confirmed: Release[] = [];
  #next = 0;
  #releasing = false;
  #ended = false;
  #records = 0;
  #bytes = 0;
  #answers = 0;
  #check: Cancel | undefined;
  #onEmpty: (() => void)[] = [];

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** See `Reign.enter`. */
  enter(records: readonly LogRecord[], release: Release): void {
    if (this.#ended) return;
    if (records.length > 0) this.#gather(records).releases.push(release);
    else {
      const last = this.#batches.at(-1);
      if (
        last === undefined &&
        this.#next === this.#confirmed.length &&
        !this.#releasing &&
        this.#options.lease.holds()
      ) {
        this.#run(release);
        return;
      }
      (last?.releases ?? this.#confirmed).push(release);
    }
    this.#answers++;
    if (this.#batches.length > 0) this.#options.onWork();
    else this.#releaseConfirmed();
  }

  #gather(records: readonly LogRecord[]): Batch {
    const json = records.map((record) => JSON.stringify(record));
    const bytes = json.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
    const batch = this.#batchFor(records.length, bytes);
    for (const record of records) if (isEvent(record)) batch.events++;
    batch.records.push(...records);
    batch.json.push(...json);
    batch.bytes += bytes;
    this.#records += records.length;
    this.#bytes += bytes;
    return batch;
  }

  /** What is entered in one call stays in one entry. */
  #batchFor(records: number, bytes: number): Batch {
    const last = this.#batches.at(-1);
    const fits =
      last &&
      !last.entry &&
      last.records.length + records <= ENTRY_RECORDS_MAX &&
      last.bytes + bytes <= ENTRY_BYTES_MAX;
    if (fits) return last;
    const openedAtMs = this.#options.timers.nowMs();
    const batch: Batch = {
      n: ++this.#lastN,
      records: [],
      json: [],
      releases: [],
      openedAtMs,
      events: 0,
      bytes: 0,
    };
    this.#batches.push(batch);
    return batch;
  }

  /** Second half of the last id given to anything entered; 0: nothing was. */
  get lastN(): number {
    return this.#lastN;
  }

  hasWork(): boolean {
    return this.#batches.length > 0;
  }

  /** The entry that is or will be in flight: composed once, the same however often it is asked for. */
  compose(epoch: number, token: string, prev: LogId): LogEntry {
    const head = this.#batches[0];
    assert(head !== undefined, "an append has something to carry");
    head.entry ??= { id: [epoch, head.n], token, prev, records: `[${head.json.join(",")}]` };
    return head.entry;
  }

  /** Composed, and not confirmed yet. */
  inFlight(): LogEntry | undefined {
    return this.#batches[0]?.entry;
  }

  /** The entry in flight is in the log: takes its batch out; `releaseConfirmed` lets it go. */
  takeConfirmed(): Batch {
    const batch = this.#batches.shift();
    assert(batch?.entry !== undefined, "what is confirmed was in flight");
    this.#records -= batch.records.length;
    this.#bytes -= batch.bytes;
    for (const release of batch.releases) this.#confirmed.push(release);
    return batch;
  }

  /** Releases in order what is confirmed, as long as the lease holds; looks again later when it does not. */
  releaseConfirmed(): void {
    this.#releaseConfirmed();
  }

  #releaseConfirmed(): void {
    if (this.#releasing) return;
    this.#releasing = true;
    while (this.#next < this.#confirmed.length && this.#options.lease.holds()) {
      this.#answers--;
      this.#run(this.#confirmed[this.#next++]!);
    }
    this.#releasing = false;
    if (this.#next > 0) this.#confirmed.splice(0, this.#next);
    this.#next = 0;
    if (this.#confirmed.length > 0) this.#checkLater();
    else if (this.#batches.length === 0) for (const then of this.#onEmpty.splice(0)) then();
  }

  #checkLater(): void {
    this.#check ??= this.#options.timers.after(HELD_CHECK_MS, () => {
      this.#check = undefined;
      this.#releaseConfirmed();
    });
  }

  #run(release: Release): void {
    try {
      release();
    } catch (error) {
      this.#options.onThrow(error);
    }
  }

  /** May more be decided (rule L4)? */
  hasRoom(): boolean {
    return (
      this.#records < WAITING_RECORDS_MAX &&
      this.#bytes < WAITING_BYTES_MAX &&
      this.#answers < WAITING_ANSWERS_MAX
    );
  }

  /** Calls back once nothing waits any more: at once where that is so already. Never after `end`. */
  whenEmpty(then: () => void): void {
    if (this.#batches.length === 0 && this.#confirmed.length === this.#next) then();
    else this.#onEmpty.push(then);
  }

  /** Nothing is released any more, whatever waits. */
  end(): void {
    this.#ended = true;
    this.#check?.();
    this.#batches = [];
    this.#confirmed = [];
    this.#next = 0;
    this.#onEmpty = [];
  }
}
