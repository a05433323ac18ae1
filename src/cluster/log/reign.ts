/** One reign over one shard's log, from its barrier to its end: gate, appender, verifier and what goes to Postgres, put together. */
import type { Logger } from "pino";
import { isEvent, isMark, type LogRecord, type Reign } from "../../../actors/ports.ts";
import type { Projector, Reigns } from "../../ports.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Lease } from "../shard-host.ts";
import { Appender } from "./appender.ts";
import type { UnflushedBudget } from "./budget.ts";
import { BEFORE_ALL, entryBytes } from "./entry.ts";
import { Flushing } from "./flushing.ts";
import { type Batch, Gate } from "./gate.ts";
import { History, toUnflushed } from "./history.ts";
import { LogAway, type LogStore } from "./log-store.ts";
import { Retention, type RetentionOptions, TRIM_INTERVAL_MS } from "./retention.ts";
import type { Retained, Taken } from "./take-over.ts";
import { type Cancel, Patience, type Timers } from "./timers.ts";
import { Verifier } from "./verifier.ts";

export type ReignOptions = {
  shard: number;
  taken: Taken;
  store: LogStore;
  reigns: Reigns;
  projector: Projector;
  lease: Lease;
  budget: UnflushedBudget;
  retention: RetentionOptions;
  metrics: Pick<Metrics, "logReappended" | "logAppends" | "stageDuration">;
  logger: Logger;
  timers: Timers;
  /** Postgres has these. */
  onFlushed: (records: readonly LogRecord[]) => void;
  /** Another reign has begun, or the log is not ours: this one must end. */
  onFenced: (why: string) => void;
  /** A broken promise of our own code: this reign must end. */
  onThrow: (error: unknown) => void;
};

export class ShardReign implements Reign {
  readonly shard: number;
  readonly epoch: number;
  #options: ReignOptions;
  #history: History;
  #gate: Gate;
  #verifier: Verifier;
  #appender: Appender;
  #flushing: Flushing;
  #retention: Retention;
  /** Between two looks at the log, and between two tries of an append. */
  #patience: { verify: Patience; append: Patience };
  #tending: Cancel | undefined;
  #state: "starting" | "serving" | "ended" = "starting";

  constructor(options: ReignOptions) {
    const { shard, taken, timers } = options;
    this.#options = { ...options, taken: { ...taken, retained: [] } }; // which is large, and needed only to begin
    this.shard = shard;
    this.epoch = taken.epoch;
    this.#patience = { verify: new Patience(timers), append: new Patience(timers) };
    this.#history = new History(
      taken.barrier,
      taken.retained.map(({ entry }) => entry),
    );
    this.#retention = new Retention(options.retention);
    this.#gate = this.#openGate();
    this.#flushing = this.#openFlushing();
    this.#verifier = this.#openVerifier();
    this.#appender = this.#openAppender();
  }

  #openGate(): Gate {
    const { lease, timers, logger } = this.#options;
    return new Gate({
      lease,
      timers,
      onWork: () => this.#state === "serving" && this.#appender.wake(),
      onThrow: (error) =>
        logger.error(
          { shard: this.shard, epoch: this.epoch, err: error },
          "an answer threw as it left the gate",
        ),
    });
  }

  #openFlushing(): Flushing {
    const { taken, budget, projector, onFlushed, onFenced, onThrow } = this.#options;
    const link = async () => {
      if (this.#verifier.current() === undefined) await this.#verifier.verify();
      return this.#state === "ended" ? undefined : this.#verifier.current();
    };
    return new Flushing({
      shard: this.shard,
      epoch: this.epoch,
      flushedUpTo: taken.flushedUpTo,
      history: this.#history,
      budget,
      projector,
      onFlushed,
      onFenced: () => onFenced("Postgres knows a later reign"),
      onThrow,
      backfill: { patience: this.#patience.verify, link },
    });
  }

  #openVerifier(): Verifier {
    const { store, reigns, logger, taken, metrics, onFenced } = this.#options;
    return new Verifier({
      shard: this.shard,
      epoch: this.epoch,
      store,
      reigns,
      logger,
      history: this.#history,
      patience: this.#patience.verify,
      link: taken.link,
      inFlight: () => this.#gate.inFlight(),
      onFound: () => this.#appender.confirm(),
      onReappended: () => metrics.logReappended.inc(),
      onForeign: onFenced,
    });
  }

  #openAppender(): Appender {
    const { logger, taken, onFenced, onThrow } = this.#options;
    return new Appender({
      shard: this.shard,
      epoch: this.epoch,
      token: taken.barrier.token,
      gate: this.#gate,
      history: this.#history,
      verifier: this.#verifier,
      patience: this.#patience.append,
      logger,
      onConfirmed: (batch) => this.#confirmed(batch),
      onForeign: onFenced,
      onThrow,
    });
  }

  /** The actors have started: what they found unflushed goes to the projector first, then appends begin. */
  serve(unflushed: readonly LogRecord[], retained: readonly Retained[]): void {
    const { timers, budget, projector, taken } = this.#options;
    const now = timers.nowMs();
    const lacking = new Set(unflushed.map(nameOf));
    for (const { entry, records } of retained) {
      const bytes = entryBytes(entry);
      this.#retention.note(entry.id, bytes, now);
      const kept = lacking.size > 0 ? records.filter((record) => lacking.has(nameOf(record))) : [];
      if (kept.length === 0) continue;
      this.#history.keep(toUnflushed(entry, kept, bytes, now));
      budget.take(bytes);
    }
    this.#retention.note(taken.barrier.id, 0, now);
    this.#state = "serving";
    projector.add(this.#flushing);
    this.#flushing.nudge();
    this.linkChanged();
    if (this.#gate.hasWork()) this.#appender.wake();
    this.#tendLater();
  }

  /** Another link leads to the log now, or none: it is looked at before it is needed (rule L3). */
  linkChanged(): void {
    if (this.#state !== "serving") return;
    this.#patience.verify.hurry();
    if (this.#verifier.current() === undefined) this.#verifier.verify().catch(this.#options.onThrow);
  }

  hasRoom(): boolean {
    return this.#state !== "ended" && this.#gate.hasRoom() && !this.#options.budget.isSpent();
  }

  enter(records: readonly LogRecord[], release: () => void): void {
    this.#gate.enter(records, release);
  }

  whenFlushed(then: () => void): void {
    if (this.#state === "ended") return;
    const leave = () => this.#gate.enter([], then);
    if (!this.#gate.hasWork() && this.#flushing.isIdle()) leave();
    else if (this.#gate.lastN > 0) this.#flushing.whenFlushed([this.epoch, this.#gate.lastN], leave);
    else this.#flushing.whenFlushed(this.#history.newestUnflushed?.entry.id ?? BEFORE_ALL, leave);
  }

  /** Calls back once everything that entered has left. */
  whenEmpty(then: () => void): void {
    this.#gate.whenEmpty(then);
  }

  #confirmed(batch: Batch): void {
    const { timers, budget, metrics } = this.#options;
    const sinceMs = timers.nowMs();
    const entry = batch.entry!;
    this.#history.keep({ entry, records: batch.records, events: batch.events, bytes: batch.bytes, sinceMs });
    budget.take(batch.bytes);
    this.#retention.note(entry.id, batch.bytes, sinceMs);
    metrics.logAppends.inc();
    metrics.stageDuration.observe({ stage: "log" }, (sinceMs - batch.openedAtMs) / 1_000);
    this.#flushing.nudge();
    this.#gate.releaseConfirmed();
  }

  /** From time to time: the log is looked at, and what need not stay in it goes. */
  #tendLater(): void {
    this.#tending = this.#options.timers.after(TRIM_INTERVAL_MS, () => {
      this.#tend().then(() => this.#state === "serving" && this.#tendLater(), this.#options.onThrow);
    });
  }

  async #tend(): Promise<void> {
    await this.#verifier.look();
    await this.#trimNow();
  }

  async #trimNow(): Promise<void> {
    const link = this.#verifier.current();
    if (link === undefined || this.#state !== "serving") return;
    const upTo = this.#retention.droppable(
      this.#options.timers.nowMs(),
      this.#flushing.oldestNeeded() ?? this.#history.newest.id,
      link.isPressed,
    );
    if (upTo === undefined) return;
    try {
      await link.trim(this.shard, upTo);
      this.#retention.trimmed(upTo);
    } catch (error) {
      if (!(error instanceof LogAway)) throw error; // the next interval tries again
    }
  }

  backlog(): { events: number; ageMs: number } {
    const oldest = this.#history.oldestUnflushed;
    return {
      events: this.#history.unflushedEvents,
      ageMs: oldest ? this.#options.timers.nowMs() - oldest.sinceMs : 0,
    };
  }

  /** Nothing is appended or released any more. Answers what Postgres lacks, oldest first. */
  end(): LogRecord[] {
    const wasServing = this.#state === "serving";
    this.#state = "ended";
    this.#tending?.();
    this.#appender.stop();
    this.#verifier.stop();
    this.#patience.verify.stop();
    this.#patience.append.stop();
    this.#gate.end();
    if (wasServing) this.#options.projector.remove(this.#flushing);
    return this.#flushing.end();
  }
}

/** Names a record's content, so that the actors may answer copies of what they were given. */
function nameOf(record: LogRecord): string {
  if (isEvent(record)) return `${record.channelId} ${record.event.seq} ${record.epoch}`;
  if (isMark(record)) {
    const { userId, delivered, read } = record.mark;
    return `${record.channelId} ${userId} ${delivered} ${read}`;
  }
  const { userId, seq, atMs, readCount } = record.follow;
  return `${record.channelId} ${userId} thread ${seq} ${atMs} ${readCount}`;
}
