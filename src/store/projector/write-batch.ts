/** One batch into Postgres: fenced, and in spite of what Postgres refuses (rules P1, J1, J2). */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { isEvent, isMark, type LogRecord } from "../../../actors/ports.ts";
import { assert } from "../../lib/assert.ts";
import type { FlushSource, LogId } from "../../ports.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Pool, Statement } from "../pools.ts";
import { isDataFault, sqlState } from "../trouble.ts";
import { arrays, type Column, unnest } from "./batch-arrays.ts";
import {
  ADVANCES,
  type Advance,
  FENCE,
  flush,
  toVerdicts,
  VERDICTS,
  type Verdict,
} from "./flush-statement.ts";
import { foldBatch, Unprojectable } from "./fold-batch.ts";

/** A source's part in a batch: the records between two positions, or the first of them, after which it still stands at `from`. */
export type Share = { source: FlushSource; records: readonly LogRecord[]; from: LogId; to: LogId };

/** How it went for one source. `fenced`: Postgres knows another reign. `rewound`: it stands elsewhere than we left it. */
export type Outcome = { type: "flushed" } | { type: "fenced" } | { type: "rewound"; at: LogId };

export type WriteDeps = {
  pool: Pool;
  metrics: Pick<Metrics, "deadEvents">;
  log: Logger;
  nowMs: () => number;
};

/**
 * Writes a batch, with one share per source. Rejects as the pool does; then it may have been committed all the same, and
 * the same batch must be written again until this resolves: what is done already is then recognised by its position.
 */
export async function writeBatch(
  deps: WriteDeps,
  batch: readonly Share[],
): Promise<Map<FlushSource, Outcome>> {
  const outcomes = new Map<FlushSource, Outcome>();
  await writePart(deps, batch, (part, verdicts) => judge(part, batch, verdicts, outcomes), outcomes);
  for (const { source } of batch) if (!outcomes.has(source)) outcomes.set(source, { type: "flushed" });
  return outcomes;
}

type Judge = (part: readonly Share[], verdicts: readonly Verdict[]) => void;

/** Halves what Postgres refuses until one record is left, and sets that one aside; shards whose fence has spoken are passed over. */
async function writePart(
  deps: WriteDeps,
  part: readonly Share[],
  heard: Judge,
  outcomes: ReadonlyMap<FlushSource, Outcome>,
): Promise<void> {
  const open = part.filter((share) => !outcomes.has(share.source));
  if (open.length === 0) return;
  try {
    heard(open, await flush(deps.pool, open.map(toAdvance), foldBatch(open.map(toFold))));
  } catch (error) {
    if (!isDataFault(error) && !(error instanceof Unprojectable)) throw error;
    if (open.length === 1 && open[0]!.records.length === 1)
      return heard(open, await bury(deps, open[0]!, error));
    const [first, second] = halve(open);
    await writePart(deps, first, heard, outcomes);
    await writePart(deps, second, heard, outcomes);
  }
}

function toAdvance({ source, from, to }: Share): Advance {
  return { shard: source.shard, epoch: source.epoch, from, to };
}

function toFold({ source, records }: Share) {
  return { shard: source.shard, records };
}

/** Only the last part of a share moves the position: until then a replay would begin at `from` again, which is harmless. */
function halve(shares: readonly Share[]): [Share[], Share[]] {
  const first: Share[] = [];
  const second: Share[] = [];
  let left = Math.ceil(shares.reduce((sum, share) => sum + share.records.length, 0) / 2);
  for (const share of shares) {
    const cut = Math.min(left, share.records.length);
    left -= cut;
    if (cut === share.records.length) first.push(share);
    else {
      if (cut > 0) first.push({ ...share, records: share.records.slice(0, cut), to: share.from });
      second.push({ ...share, records: share.records.slice(cut) });
    }
  }
  return [first, second];
}

/** Rule P1. A share that went through is not settled by this: another part of it may follow. */
function judge(
  part: readonly Share[],
  batch: readonly Share[],
  verdicts: readonly Verdict[],
  outcomes: Map<FlushSource, Outcome>,
): void {
  for (const { source } of part) {
    const verdict = verdicts.find(({ shard }) => shard === source.shard);
    if (verdict?.moved) continue;
    // Another epoch, greater or, when Postgres went back behind the claim, smaller: either way the reign has no ground.
    if (verdict?.epoch !== source.epoch) outcomes.set(source, { type: "fenced" });
    else if (same(verdict.at, wholeOf(batch, source).to)) outcomes.set(source, { type: "flushed" });
    else outcomes.set(source, { type: "rewound", at: verdict.at });
  }
}

function wholeOf(batch: readonly Share[], source: FlushSource): Share {
  const whole = batch.find((share) => share.source === source);
  assert(whole !== undefined, "a part comes from its batch");
  return whole;
}

function same(a: LogId, b: LogId): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

type DeadEvent = {
  digest: string;
  shard: number;
  epoch: number;
  channelId: string;
  seq: number | undefined;
  type: string;
  record: string;
  sqlState: string | undefined;
  reason: string;
  atMs: number;
};

const DEAD_EVENTS: readonly Column<DeadEvent>[] = [
  ["shard", "integer", (row) => row.shard],
  ["digest", "text", (row) => row.digest],
  ["epoch", "bigint", (row) => row.epoch],
  ["channel_id", "text", (row) => row.channelId],
  ["seq", "bigint", (row) => row.seq],
  ["type", "text", (row) => row.type],
  ["record", "text", (row) => row.record],
  ["sqlstate", "text", (row) => row.sqlState],
  ["reason", "text", (row) => row.reason],
  ["buried_at_ms", "bigint", (row) => row.atMs],
];

const BURY: Statement = {
  name: "bury",
  text: `with ${FENCE}, buried as (
    insert into dead_events (digest, shard, epoch, channel_id, seq, type, record, sqlstate, reason, buried_at_ms)
    select decode(w.digest, 'hex'), w.shard, w.epoch, w.channel_id, w.seq, w.type, w.record::json, w.sqlstate, w.reason, w.buried_at_ms
    from ${unnest(DEAD_EVENTS, 1 + ADVANCES.length)} where w.shard in (select moved.shard from moved)
    on conflict (digest) do nothing
  ) ${VERDICTS}`,
};

async function bury(
  { pool, metrics, log, nowMs }: WriteDeps,
  share: Share,
  error: unknown,
): Promise<Verdict[]> {
  const dead = toDeadEvent(share, error, nowMs());
  const values = [...arrays(ADVANCES, [toAdvance(share)]), ...arrays(DEAD_EVENTS, [dead])];
  const verdicts = toVerdicts(await pool.rows(BURY, values));
  if (verdicts.some((verdict) => verdict.moved)) {
    metrics.deadEvents.inc();
    // Not the driver's message: it may quote what somebody wrote.
    const { shard, epoch, channelId, seq, type } = dead;
    log.error(
      { shard, epoch, channelId, seq, type, sqlState: dead.sqlState },
      "event set aside in dead_events: it cannot be stored",
    );
  }
  return verdicts;
}

/** JSON escapes what Postgres refuses in a text: NUL and lone surrogates. */
function toDeadEvent({ source, records }: Share, error: unknown, atMs: number): DeadEvent {
  const dead = records[0]!;
  const record = JSON.stringify(dead);
  return {
    digest: createHash("sha256").update(record).digest("hex"),
    shard: source.shard,
    epoch: isEvent(dead) ? dead.epoch : source.epoch,
    channelId: storable(dead.channelId),
    seq: isEvent(dead) ? dead.event.seq : undefined,
    type: isEvent(dead) ? storable(dead.event.type) : isMark(dead) ? "mark" : "follow",
    record,
    sqlState: sqlState(error),
    reason: storable((error as Error).message),
    atMs,
  };
}

function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
