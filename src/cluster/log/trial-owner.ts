/** For tests: an owner over a real Redis, with reigns and rows in memory and an actor that only gives the next seq. */
import { pino } from "pino";
import type { EventRecord, LogRecord, Reign, ShardActors } from "../../../actors/ports.ts";
import type { FlushSource, LogId, Projector, Reigns } from "../../ports.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { NODE_UNFLUSHED_BYTES, Turnstile, UnflushedBudget } from "./budget.ts";
import type { LogStore } from "./log-store.ts";
import { ShardOwner } from "./shard-owner.ts";
import type { Timers } from "./timers.ts";

export const SHARD = 7;

/** `shards.epoch` and what has been projected, as Postgres would keep them. */
export class ReignsInMemory implements Reigns {
  epoch = 0;
  flushed: LogId = [0, 0];
  head = 0;
  /** How often someone asked whether a reign stands. */
  asked = 0;

  async claim(_shard: number, atLeastEpoch: number): Promise<{ epoch: number; flushed: LogId }> {
    this.epoch = Math.max(this.epoch, atLeastEpoch) + 1;
    return { epoch: this.epoch, flushed: this.flushed };
  }

  async stands(_shard: number, epoch: number): Promise<boolean> {
    this.asked++;
    return this.epoch === epoch;
  }
}

/** Flushes when the test says so. */
class ProjectorByHand implements Projector {
  source: FlushSource | undefined;
  nudged = 0;
  atOnce = 0;

  add(source: FlushSource): void {
    this.source = source;
  }

  remove(source: FlushSource): void {
    if (this.source === source) this.source = undefined;
  }

  nudge(_source: FlushSource, atOnce: boolean): void {
    this.nudged++;
    if (atOnce) this.atOnce++;
  }

  /** Takes everything there is, into `reigns`; answers the seqs. */
  flushAll(reigns: ReignsInMemory): number[] {
    const seqs: number[] = [];
    for (let batch = this.source?.peek(1_000); batch && this.source; batch = this.source.peek(1_000)) {
      seqs.push(...batch.records.map(seqOf));
      reigns.head = Math.max(reigns.head, ...batch.records.map(seqOf));
      reigns.flushed = batch.upTo;
      this.source.flushed(batch.upTo);
    }
    return seqs;
  }
}

export const seqOf = (record: LogRecord): number => (record as EventRecord).event.seq;

export class TrialOwner {
  readonly owner: ShardOwner;
  readonly reigns: ReignsInMemory;
  readonly projector = new ProjectorByHand();
  readonly metrics = createMetrics({ defaults: false });
  readonly lease = { held: true, holds: (): boolean => this.lease.held };
  readonly budget: UnflushedBudget;
  /** In order of release: a seq, or `?<n>` for an answer that rests on n events. */
  readonly released: (number | string)[] = [];
  readonly salvaged: number[] = [];
  readonly retained: number[] = [];
  /** What it logged, from `debug`. */
  readonly lines: string[] = [];
  ended: "released" | "fenced" | undefined;
  reign: Reign | undefined;
  #seq = 0;

  constructor(options: {
    store: LogStore;
    reigns?: ReignsInMemory;
    keepForMs?: number;
    keepBytes?: number;
    budgetBytes?: number;
    timers?: Timers;
  }) {
    const {
      store,
      reigns = new ReignsInMemory(),
      keepForMs,
      keepBytes,
      budgetBytes = NODE_UNFLUSHED_BYTES,
      timers,
    } = options;
    this.reigns = reigns;
    this.budget = new UnflushedBudget(budgetBytes);
    const onEnded = (_host: unknown, why: "released" | "fenced") => {
      this.ended = why;
    };
    this.owner = new ShardOwner(
      SHARD,
      { onServing: () => {}, onEnded },
      {
        store,
        reigns,
        projector: this.projector,
        lease: this.lease,
        startActors: (reign, retained) => this.#startActors(reign, retained),
        salvage: async (_shard, records) => {
          this.salvaged.push(...records.map(seqOf));
          return { lost: 0 };
        },
        unflushed: this.budget,
        replays: new Turnstile(),
        metrics: this.metrics,
        logger: pino({ level: "debug" }, { write: (line: string) => void this.lines.push(line) }),
        keepForMs,
        keepBytes,
        timers,
      },
    );
    this.owner.start();
  }

  async #startActors(reign: Reign, retained: readonly LogRecord[]) {
    this.reign = reign;
    this.retained.push(...retained.map(seqOf));
    const unflushed = retained.filter((record) => seqOf(record) > this.reigns.head);
    this.#seq = Math.max(this.reigns.head, ...unflushed.map(seqOf));
    const nothing = () => {};
    const actors = { flushed: nothing, end: nothing, close: async () => {} } as unknown as ShardActors;
    return { actors, unflushed };
  }

  /** Decides `count` events, each entered by itself, of about `bytes` bytes. */
  decide(count: number, bytes = 0): void {
    for (let i = 0; i < count; i++) {
      const seq = ++this.#seq;
      const event = { type: "message:new", seq, text: "x".repeat(bytes) };
      const record = { channelId: "c", epoch: this.reign!.epoch, event } as unknown as EventRecord;
      this.reign!.enter([record], () => this.released.push(seq));
    }
  }

  /** An answer that changes nothing. */
  ask(): void {
    const seen = this.#seq;
    this.reign!.enter([], () => this.released.push(`?${seen}`));
  }

  async reappended(): Promise<number> {
    return (await this.metrics.logReappended.get()).values[0]?.value ?? 0;
  }
}
