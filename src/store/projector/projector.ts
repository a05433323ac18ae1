/**
 * Moves confirmed events of all shards of a node into Postgres (rules J1, P1): one batch at a time, in order per shard,
 * again and again until Postgres has it. Sources keep their records until then.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { isEvent, type LogRecord } from "../../../actors/ports.ts";
import type { FlushSource, Projector } from "../../ports.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Pool } from "../pools.ts";
import { isAway, sqlState } from "../trouble.ts";
import { type Outcome, type Share, writeBatch } from "./write-batch.ts";

/** Records of a batch, about: more make a statement slow for those who wait for `persisted`. Chosen. */
const BATCH_RECORDS_MAX = 1_000;

/** Characters of messages in a batch, about: a thousand long pieces of code would be 16 million. Chosen. */
const BATCH_CHARACTERS_MAX = 2_000_000;

/** Records that a shard may have in a batch while others wait, so that a backlog of one does not starve the rest. */
const SHARE_RECORDS_MIN = 100;

/** Milliseconds from a first record to its batch, when nobody waits for `persisted`: 20 statements a second. Chosen. */
const INTERVAL_MS = 50;

/** While Postgres is away: the first pause, doubled up to the last, each with jitter. */
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 2_000;

export type ProjectorOptions = {
  /** Of the primary. */
  pool: Pool;
  metrics: Pick<Metrics, "deadEvents" | "projected" | "stageDuration">;
  log: Logger;
  /** Unix milliseconds, for `dead_events`. */
  nowMs: () => number;
};

export type StoppableProjector = Projector & {
  /** No further batch; resolves when the one under way has ended. What is not in Postgres stays in the log. */
  stop(): Promise<void>;
};

export function createProjector(options: ProjectorOptions): StoppableProjector {
  return projectorOver({ ...options, write: (batch) => writeBatch(options, batch) });
}

/** What a projector writes with: one batch, as `writeBatch` does. */
export type BatchWriting = Pick<ProjectorOptions, "log"> & {
  metrics: Pick<Metrics, "projected" | "stageDuration">;
  write(batch: readonly Share[]): Promise<Map<FlushSource, Outcome>>;
};

/** A projector that writes its batches so. */
export function projectorOver(writing: BatchWriting): StoppableProjector {
  return new BatchingProjector(writing);
}

class BatchingProjector implements StoppableProjector {
  private readonly options: BatchWriting;
  private readonly sources = new Set<FlushSource>();
  /** Those that may have something, the longest served ago first. */
  private readonly waiting = new Set<FlushSource>();
  private readonly stopping = new AbortController();
  /** Somebody waits for `persisted`. */
  private urgent = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  /** Monotonic milliseconds. */
  private startedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: BatchWriting) {
    this.options = options;
  }

  add(source: FlushSource): void {
    this.sources.add(source);
  }

  remove(source: FlushSource): void {
    this.sources.delete(source);
    this.waiting.delete(source);
  }

  nudge(source: FlushSource, atOnce: boolean): void {
    if (!this.sources.has(source)) return;
    this.waiting.add(source);
    this.urgent ||= atOnce;
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.running || this.stopping.signal.aborted || this.waiting.size === 0) return;
    if (this.timer && !this.urgent) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), this.urgent ? 0 : this.delayMs());
  }

  /** A whole interval after a rest, so that a batch gathers; under load, what is left of it since the last start. */
  private delayMs(): number {
    const sinceMs = performance.now() - this.startedAtMs;
    return sinceMs >= 2 * INTERVAL_MS ? INTERVAL_MS : Math.max(0, INTERVAL_MS - sinceMs);
  }

  private start(): void {
    this.timer = undefined;
    this.startedAtMs = performance.now();
    this.running = this.run()
      // A source that throws must not end the way to Postgres for all others. Who was not told is put right by the fence.
      .catch((error: unknown) => this.options.log.error({ err: error }, "a source of the projector threw"))
      .finally(() => {
        this.running = undefined;
        this.schedule();
      });
  }

  private async run(): Promise<void> {
    let more = true;
    while (more && !this.stopping.signal.aborted) {
      this.urgent = false;
      const { batch, full } = gather(this.waiting);
      if (batch.length > 0) await this.project(batch);
      more = full || this.urgent;
    }
  }

  private async project(batch: readonly Share[]): Promise<void> {
    const startMs = performance.now();
    const outcomes = await untilWritten(this.options, batch, this.sources, this.stopping.signal);
    for (const share of batch) {
      const outcome = outcomes.get(share.source);
      if (outcome && this.sources.has(share.source)) this.tell(share, outcome);
    }
    this.options.metrics.stageDuration.labels("project").observe((performance.now() - startMs) / 1_000);
  }

  private tell({ source, records, to }: Share, outcome: Outcome): void {
    const { metrics, log } = this.options;
    const { shard, epoch } = source;
    if (outcome.type === "flushed") {
      metrics.projected.inc(records.filter(isEvent).length);
      source.flushed(to);
    } else if (outcome.type === "fenced") {
      this.remove(source);
      source.fenced();
    } else {
      log.warn(
        { shard, epoch, at: outcome.at.join("-") },
        "Postgres went back: the shard's log is projected again",
      );
      source.rewound(outcome.at);
    }
  }
}

/** Takes a batch from those who wait, in turn; who gave something goes to the end, who had nothing left goes. */
function gather(waiting: Set<FlushSource>): { batch: Share[]; full: boolean } {
  const batch: Share[] = [];
  const shareMax = Math.max(SHARE_RECORDS_MIN, Math.ceil(BATCH_RECORDS_MAX / Math.max(1, waiting.size)));
  let records = 0;
  let characters = 0;
  let full = false;
  for (const source of [...waiting]) {
    if (records >= BATCH_RECORDS_MAX || characters >= BATCH_CHARACTERS_MAX) return { batch, full: true };
    waiting.delete(source);
    const next = source.peek(shareMax);
    if (!next) continue;
    waiting.add(source);
    batch.push({ source, records: next.records, from: source.flushedUpTo, to: next.upTo });
    records += next.records.length;
    characters += next.records.reduce((sum, record) => sum + charactersOf(record), 0);
    // Perhaps it has more than its share.
    full ||= next.records.length >= shareMax;
  }
  return { batch, full };
}

function charactersOf(record: LogRecord): number {
  if (!isEvent(record)) return 0;
  const { event } = record;
  if (event.type === "message:new") return event.message.content.length + event.message.html.length;
  if (event.type === "message:updated") return (event.content?.length ?? 0) + (event.html?.length ?? 0);
  return 0;
}

/**
 * Writes a batch until Postgres says how it went: the same batch each time, since a lost answer may have been a commit.
 * Sources that were removed meanwhile are left out. Empty when stopped first.
 */
async function untilWritten(
  { log, write }: BatchWriting,
  batch: readonly Share[],
  open: ReadonlySet<FlushSource>,
  stopped: AbortSignal,
): Promise<Map<FlushSource, Outcome>> {
  for (let attempt = 1; !stopped.aborted; attempt++) {
    try {
      const outcomes = await write(batch.filter((share) => open.has(share.source)));
      if (attempt > 1) log.info({ attempts: attempt }, "projecting to Postgres again");
      return outcomes;
    } catch (error) {
      // Nothing may be lost to an error that nobody foresaw either: it is said aloud, and tried again.
      if (!isAway(error))
        log.error({ err: error, sqlState: sqlState(error), attempt }, "the projector's batch failed");
      else if (attempt === 1)
        log.warn({ reason: (error as Error).message }, "Postgres is away: events wait in the log");
      await pause(attempt, stopped);
    }
  }
  return new Map();
}

async function pause(attempt: number, stopped: AbortSignal): Promise<void> {
  const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (attempt - 1));
  try {
    await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: stopped });
  } catch (error) {
    if (!stopped.aborted) throw error;
  }
}
