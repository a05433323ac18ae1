/** Postgres as a node sees it: epochs, positions and rows that change in one transaction or not at all, late, or behind a lost answer. */
import { HandStore } from "../../actors/hand-store.ts";
import {
  type ChannelFacts,
  type EventRecord,
  isEvent,
  type LogRecord,
  StoreAway,
} from "../../actors/ports.ts";
import type { Timers } from "../../src/cluster/log/timers.ts";
import { InvariantError } from "../../src/lib/assert.ts";
import type { FlushSource, LogId, Reigns } from "../../src/ports.ts";
import type { Outcome, Share } from "../../src/store/projector/write-batch.ts";

/** A question without an answer for so long has failed for the one who asked, and is executed all the same, milliseconds. */
const TIMEOUT_MS = 3_000;
/** Shares of the questions that take long, and whose answer is lost. */
const SLOW = 0.03;
const ANSWER_LOST = 0.02;
const SLOW_MS = 2_500;
const FLUSH_SLOW_MS = 3_000;

export type ShardRow = { epoch: number; flushed: LogId };

export type PostgresHooks = {
  /** A transaction of this kind is about to be answered. */
  onDone?: (what: "claim" | "stands" | "flush" | "facts") => void;
  /** The row is written, for the first time. */
  onRow?: (record: EventRecord) => void;
  /** The constraint on (channel, author, clientId) refuses it: the projector sets it aside. */
  onRefused?: (record: EventRecord) => void;
  /** The rows of a batch make no history. */
  onBroken?: (why: string) => void;
};

export class ModelledPostgres {
  tables = new HandStore();
  readonly shards = new Map<number, ShardRow>();
  /** No question is answered while this is so. */
  isAway = false;
  /** Flushes take seconds. */
  isSlow = false;
  /** Answers get lost, and some take long. */
  isUnsteady = true;
  /** Whether a flush requires its reign to stand (rule P1). */
  isFenced = true;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #hooks: PostgresHooks;

  constructor(timers: Timers, random: () => number, hooks: PostgresHooks = {}) {
    this.#timers = timers;
    this.#random = random;
    this.#hooks = hooks;
  }

  shard(shard: number): ShardRow {
    const row = this.shards.get(shard) ?? { epoch: 0, flushed: [0, 0] as const };
    this.shards.set(shard, row);
    return row;
  }

  claim(shard: number, atLeastEpoch: number): { epoch: number; flushed: LogId } {
    const row = this.shard(shard);
    row.epoch = Math.max(row.epoch, atLeastEpoch) + 1;
    return { ...row };
  }

  /** As `writeBatch`: one transaction over all shards of a batch (rules P1, J1). */
  write(batch: readonly Share[]): Map<FlushSource, Outcome> {
    return new Map(batch.map((share) => [share.source, this.#write(share)]));
  }

  #write({ source, records, from, to }: Share): Outcome {
    const row = this.shard(source.shard);
    if (this.isFenced && row.epoch !== source.epoch) return { type: "fenced" };
    if (this.isFenced && !isSame(row.flushed, from))
      return isSame(row.flushed, to) ? { type: "flushed" } : { type: "rewound", at: row.flushed };
    row.flushed = to;
    try {
      this.tables.project(records.filter((record) => this.#takes(record)));
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#hooks.onBroken?.(error.message);
    }
    return { type: "flushed" };
  }

  /** Is it a row that the tables take? What they have already changes nothing. */
  #takes(record: LogRecord): boolean {
    if (!isEvent(record)) return true;
    const { channelId, event } = record;
    if (event.seq <= (this.tables.rows.get(channelId)?.channel.seq ?? 0)) return true;
    if (event.type === "message:new") {
      const { authorId, clientId } = event.message;
      if (this.tables.sends.has(`${channelId}.${authorId}.${clientId}`)) {
        this.#hooks.onRefused?.(record);
        return false;
      }
    }
    this.#hooks.onRow?.(record);
    return true;
  }

  /** One question of a node. Rejects with `StoreAway`; what was asked may be done all the same. */
  ask<T>(node: Timers, what: "claim" | "stands" | "flush" | "facts", run: () => T): Promise<Awaited<T>> {
    const timers = this.#timers;
    return new Promise<Awaited<T>>((resolve, reject) => {
      const lose = (why: string) => {
        stopWaiting();
        reject(new StoreAway(why));
      };
      const stopWaiting = node.after(TIMEOUT_MS, () => lose("timeout"));
      const slowMs = this.isSlow && what === "flush" ? FLUSH_SLOW_MS * (0.5 + this.#random()) : 0;
      timers.after(this.#lagMs() + slowMs, () => {
        if (this.isAway) return void node.after(1, () => lose("away"));
        const found = run();
        this.#hooks.onDone?.(what);
        const isLost = this.isUnsteady && this.#random() < ANSWER_LOST;
        node.after(this.#lagMs(), () => {
          if (isLost) return lose("the answer was lost");
          stopWaiting();
          resolve(found as Awaited<T>);
        });
      });
    });
  }

  #lagMs(): number {
    return this.isUnsteady && this.#random() < SLOW ? this.#random() * SLOW_MS : 1 + this.#random() * 10;
  }

  reigns(node: Timers): Reigns {
    return {
      claim: (shard, atLeastEpoch) => this.ask(node, "claim", () => this.claim(shard, atLeastEpoch)),
      stands: (shard, epoch) => this.ask(node, "stands", () => this.shard(shard).epoch === epoch),
    };
  }

  /** Every question is answered as of the moment in which it is executed. */
  facts(node: Timers): ChannelFacts {
    return new Proxy(this.tables as ChannelFacts, {
      get:
        (_, name: keyof ChannelFacts) =>
        (...args: unknown[]) =>
          this.ask(node, "facts", () => {
            const { tables } = this;
            return (tables[name] as (...these: unknown[]) => Promise<unknown>).apply(tables, args);
          }),
    });
  }
}

function isSame(a: LogId, b: LogId): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
