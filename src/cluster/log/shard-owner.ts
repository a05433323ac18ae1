/**
 * One shard on one node, from claim to end: takes it over, runs its actors behind the output gate, and ends in order or
 * fenced. The rules are in the parts; here they are put together.
 */
import type { Logger } from "pino";
import type { LogRecord, ShardActors, StartActors } from "../../../actors/ports.ts";
import { assert } from "../../lib/assert.ts";
import type { Projector, Reigns } from "../../ports.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Lease, OpenShard, ShardHost, ShardHostEvents } from "../shard-host.ts";
import type { Turnstile, UnflushedBudget } from "./budget.ts";
import type { LogStore } from "./log-store.ts";
import { ShardReign } from "./reign.ts";
import { KEEP_BYTES, KEEP_FOR_MS } from "./retention.ts";
import { type Taken, takeOver } from "./take-over.ts";
import { Patience, systemTimers, type Timers } from "./timers.ts";

export type ShardLogOptions = {
  store: LogStore;
  reigns: Reigns;
  projector: Projector;
  lease: Lease;
  startActors: StartActors;
  /**
   * Brings to the new owner what a fenced one knows and Postgres lacks (rule G3): as resends or commands, until each is
   * answered. Answers how many acknowledged events were refused there.
   */
  salvage: (shard: number, records: readonly LogRecord[]) => Promise<{ lost: number }>;
  /** One per node. */
  unflushed: UnflushedBudget;
  /** One per node. */
  replays: Turnstile;
  metrics: Pick<
    Metrics,
    "logFenced" | "logLost" | "logReappended" | "logAppends" | "logUnreadable" | "stageDuration"
  >;
  logger: Logger;
  /** Default: the system's. */
  timers?: Timers;
  /** Age up to which flushed entries stay in Redis, milliseconds; default 10 min (rule L5). */
  keepForMs?: number;
  /** Bytes of records per shard that stay for that; default 64 MiB. */
  keepBytes?: number;
};

/** What placement opens shards with. */
export function openShards(options: ShardLogOptions): OpenShard {
  return (shard, events) => new ShardOwner(shard, events, options);
}

export class ShardOwner implements ShardHost {
  readonly shard: number;
  #events: ShardHostEvents;
  #options: ShardLogOptions;
  #timers: Timers;
  #logger: Logger;
  #patience: Patience;
  #state: ShardHost["state"] = "claiming";
  #started = false;
  #reign: ShardReign | undefined;
  #actors: ShardActors | undefined;
  #unwatch: (() => void) | undefined;
  #releasing: Promise<void> | undefined;
  #onEnd: () => void = () => {};

  constructor(shard: number, events: ShardHostEvents, options: ShardLogOptions) {
    this.shard = shard;
    this.#events = events;
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#logger = options.logger;
    this.#patience = new Patience(this.#timers);
  }

  get epoch(): number {
    return this.#reign?.epoch ?? 0;
  }

  get state(): ShardHost["state"] {
    return this.#state;
  }

  get actors(): ShardActors | undefined {
    return this.#state === "serving" ? this.#actors : undefined;
  }

  backlog(): { events: number; ageMs: number } {
    return this.#reign?.backlog() ?? { events: 0, ageMs: 0 };
  }

  start(): void {
    assert(!this.#started, "a shard is opened once");
    this.#started = true;
    if (this.#state === "ended") return;
    this.#unwatch = this.#options.store.watch(this.shard, () => {
      this.#patience.hurry();
      this.#reign?.linkChanged();
    });
    this.#claim().catch((error) => this.#broken(error));
  }

  async #claim(): Promise<void> {
    const { store, reigns, replays, metrics } = this.#options;
    const begun = await takeOver({
      shard: this.shard,
      store,
      reigns,
      replays,
      patience: this.#patience,
      metrics,
      logger: this.#logger,
      ended: () => this.#state === "ended",
      begin: (taken) => this.#begin(taken),
    });
    if (begun === "fenced") this.#fence("another owner's barrier stands");
    else if (this.#state === "serving") this.#events.onServing(this);
  }

  /** Rejects while Postgres is away; the epoch is then passed over. */
  async #begin(taken: Taken): Promise<"serving" | "ended"> {
    const reign = this.#openReign(taken);
    this.#reign = reign;
    let started: Awaited<ReturnType<StartActors>>;
    try {
      started = await this.#options.startActors(
        reign,
        taken.retained.flatMap(({ records }) => records),
      );
    } catch (error) {
      reign.end();
      throw error;
    }
    if (this.#state === "ended") {
      started.actors.end();
      return "ended";
    }
    this.#actors = started.actors;
    this.#state = "serving";
    reign.serve(started.unflushed, taken.retained);
    const counts = { retained: taken.retained.length, unflushed: started.unflushed.length };
    this.#logger.debug({ shard: this.shard, epoch: reign.epoch, ...counts }, "shard served");
    return "serving";
  }

  #openReign(taken: Taken): ShardReign {
    const { keepForMs = KEEP_FOR_MS, keepBytes = KEEP_BYTES, unflushed, ...rest } = this.#options;
    return new ShardReign({
      ...rest,
      shard: this.shard,
      taken,
      budget: unflushed,
      retention: { keepForMs, keepBytes },
      timers: this.#timers,
      onFlushed: (records) => this.#actors?.flushed(records),
      onFenced: (why) => this.#fence(why),
      onThrow: (error) => this.#broken(error),
    });
  }

  release({ withinMs, flush }: { withinMs: number; flush: boolean }): Promise<void> {
    if (this.#state === "claiming") this.#end("released");
    if (this.#state === "ended") return this.#releasing ?? Promise.resolve();
    this.#releasing ??= this.#release(withinMs, flush);
    return this.#releasing;
  }

  async #release(withinMs: number, flush: boolean): Promise<void> {
    this.#state = "releasing";
    const inTime = await new Promise<boolean>((resolve) => {
      const cancel = this.#timers.after(withinMs, () => resolve(false));
      const done = () => {
        cancel();
        resolve(true);
      };
      this.#onEnd = done;
      this.#settle(flush).then(done, (error) => this.#broken(error));
    });
    if (!inTime)
      this.#logger.warn(
        { shard: this.shard, epoch: this.epoch, withinMs },
        "shard released before everything had left it",
      );
    this.#end("released");
  }

  /** Intake stops, mailboxes and gate run empty, and with `flush` Postgres has everything. */
  async #settle(flush: boolean): Promise<void> {
    const reign = this.#reign!;
    await this.#actors!.close();
    await new Promise<void>((resolve) => reign.whenEmpty(resolve));
    if (flush) await new Promise<void>((resolve) => reign.whenFlushed(resolve));
  }

  /** Serves nothing more; what Postgres lacks goes to the new owner (rule G3). */
  #fence(why: string): void {
    if (this.#state === "ended") return;
    this.#logger.debug({ shard: this.shard, epoch: this.epoch, why }, "shard fenced");
    this.#options.metrics.logFenced.inc();
    const records = this.#end("fenced");
    if (records.length > 0)
      this.#salvage(records).catch((error) =>
        this.#logger.error(
          { shard: this.shard, err: error },
          "salvage failed: what Postgres lacked of this shard may be lost",
        ),
      );
  }

  async #salvage(records: readonly LogRecord[]): Promise<void> {
    const { lost } = await this.#options.salvage(this.shard, records);
    if (lost > 0) this.#options.metrics.logLost.inc(lost);
    const facts = { shard: this.shard, records: records.length, lost };
    if (lost > 0)
      this.#logger.error(
        facts,
        "acknowledged events were lost: their new owner refused them or never answered",
      );
    else this.#logger.debug(facts, "unflushed records brought to the new owner");
  }

  /** A broken promise of our own: the log fences us, so giving the shard up is safe, and going on is not. */
  #broken(error: unknown): void {
    this.#logger.error({ shard: this.shard, epoch: this.epoch, err: error }, "shard owner broke");
    this.#fence("broken");
  }

  #end(why: "released" | "fenced"): LogRecord[] {
    if (this.#state === "ended") return [];
    this.#state = "ended";
    this.#patience.stop();
    this.#unwatch?.();
    const records = this.#reign?.end() ?? [];
    this.#actors?.end();
    this.#onEnd();
    if (why === "released")
      this.#logger.debug(
        { shard: this.shard, epoch: this.epoch, unflushed: records.length },
        "shard released",
      );
    this.#events.onEnded(this, why);
    return records;
  }
}
