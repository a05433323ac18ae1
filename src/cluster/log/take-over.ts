/**
 * Rule L2: an epoch drawn in Postgres, the barrier, then the whole retained log over the same link. From the barrier on
 * Redis refuses every append of an older reign by itself.
 */
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { type LogRecord, StoreAway } from "../../../actors/ports.ts";
import type { LogId, Reigns } from "../../ports.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Turnstile } from "./budget.ts";
import {
  BEFORE_ALL,
  compareIds,
  formatId,
  isBarrier,
  type LogEntry,
  parseRecords,
  UnreadableEntry,
} from "./entry.ts";
import { isSame } from "./history.ts";
import { LogAway, type LogLink, type LogStore, pagesOf } from "./log-store.ts";
import type { Patience } from "./timers.ts";

/** Bytes of randomness in a reign's token. */
const TOKEN_BYTES = 9;

export type Retained = { entry: LogEntry; records: readonly LogRecord[] };

/** A reign whose barrier stands, and all that stood before it. */
export type Taken = {
  readonly epoch: number;
  readonly barrier: LogEntry;
  /** The link over which barrier and log went. */
  readonly link: LogLink;
  /** What the claim answered. */
  readonly flushedUpTo: LogId;
  /** Older reigns' entries, oldest first, barriers among them. */
  readonly retained: readonly Retained[];
};

export type TakeOverOptions<T> = {
  shard: number;
  store: LogStore;
  reigns: Reigns;
  replays: Turnstile;
  patience: Patience;
  metrics: Pick<Metrics, "logUnreadable">;
  logger: Logger;
  ended: () => boolean;
  /** Begins the reign. Where it rejects, all is tried again under a new epoch: what was read is not kept over a long wait. */
  begin: (taken: Taken) => Promise<T>;
};

/** After an entry that cannot be read, milliseconds: each try costs a barrier, and another node may be of another version. */
const UNREADABLE_WAIT_MS = 10_000;

/**
 * Tries until the barrier stands, the log is read, and the reign has begun. `fenced`: another owner's barrier came
 * behind ours; `ended`: nobody wants it any more.
 */
export async function takeOver<T>(options: TakeOverOptions<T>): Promise<T | "fenced" | "ended"> {
  const { shard, store, patience, replays, metrics, logger, ended, begin } = options;
  const tryAll = async (link: LogLink) => {
    if (ended()) return "ended";
    const taken = await tryOnce(options, link);
    return taken === "fenced" ? taken : begin(taken);
  };
  let said: string | undefined;
  while (!ended()) {
    const link = store.link(shard);
    let waitMs = 0;
    if (link?.alive) {
      try {
        return await replays.pass(() => tryAll(link));
      } catch (error) {
        if (error instanceof UnreadableEntry) {
          waitMs = UNREADABLE_WAIT_MS;
          metrics.logUnreadable.inc();
        }
        // An entry that cannot be read is found at every try until somebody has mended it: said once.
        if (!(error instanceof UnreadableEntry && error.message === said)) report(error, shard, logger);
        said = error instanceof Error ? error.message : undefined;
      }
    }
    await patience.wait(waitMs);
  }
  return "ended";
}

function report(error: unknown, shard: number, logger: Logger): void {
  if (error instanceof LogAway || error instanceof StoreAway)
    logger.debug({ shard, reason: error.message }, "take-over tries again");
  else if (error instanceof UnreadableEntry)
    logger.error({ shard, reason: error.message }, "the log holds what this version cannot read");
  else logger.error({ shard, err: error }, "take-over failed");
}

type TryOptions = Pick<TakeOverOptions<unknown>, "shard" | "reigns" | "logger">;

/** One try over one link. Throws what a later try may overcome; an epoch that was drawn in vain is simply passed over. */
async function tryOnce({ shard, reigns, logger }: TryOptions, link: LogLink): Promise<Taken | "fenced"> {
  const last = await link.last(shard);
  const { epoch, flushed } = await reigns.claim(shard, last?.id[0] ?? 0);
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const barrier: LogEntry = { id: [epoch, 0], token, prev: last?.id ?? BEFORE_ALL, records: "[]" };
  const outcome = await link.put(shard, barrier);
  if (outcome.kind === "refused") return "fenced";
  if (outcome.kind !== "done") throw new LogAway(`barrier ${outcome.kind}: ${outcome.reason}`);
  const entries: LogEntry[] = [];
  for await (const page of pagesOf(link, shard, BEFORE_ALL)) entries.push(...page);
  const end = entries.pop();
  if (end === undefined) throw new LogAway("the log went away behind its barrier");
  if (!isSame(end, barrier)) return "fenced";
  warnOfHoles(shard, entries, logger);
  const retained = entries.map((entry) => ({ entry, records: parseRecords(entry) }));
  return { epoch, barrier, link, flushedUpTo: flushed, retained };
}

/** A hole means that Redis lost entries which nobody was left to put back: what was acknowledged there is gone unless Postgres has it. */
function warnOfHoles(shard: number, entries: readonly LogEntry[], logger: Logger): void {
  for (let i = 1; i < entries.length; i++) {
    const [before, entry] = [entries[i - 1]!, entries[i]!];
    if (isBarrier(entry) || compareIds(entry.prev, before.id) === 0) continue;
    logger.warn({ shard, after: formatId(before.id), missing: formatId(entry.prev) }, "the log has a hole");
  }
}
