/** This node's lease: renewed every 2 s, but only while the node hears itself (rules P0, P4, G2). A lapse forgets nothing. */
import type { Logger } from "pino";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import type { Hearing } from "../ports.ts";
import type { ClusterClock } from "./clock.ts";
import type { Continuity } from "./continuity.ts";
import type { Control } from "./control.ts";
import { type NodeRecord, toFields } from "./nodes.ts";
import type { Lease } from "./shard-host.ts";

const RENEW_EVERY_MS = 2_000;
/** After a renewal that failed, and while the node cannot hear itself. */
const RETRY_MS = 200;
/** Until the first beats are back: subscriptions stand within milliseconds. */
const FIRST_BEAT_MS = 25;
/** What the node says of itself changed: gathered for this long, so that 100 shards are one renewal. */
const SOON_MS = 50;

export type NodeLeaseOptions = {
  control: Control;
  incarnation: string;
  clock: ClusterClock;
  continuity: Continuity;
  /** Ways on which the node must hear itself; may be empty in tests. */
  hearings: () => readonly Hearing[];
  /** What the node says of itself, taken at each renewal. */
  record: () => NodeRecord;
  /** The lease holds, in this very moment: for the first time, or `again` after a lapse. */
  onHeld: (again: boolean) => void;
  /** It was renewed because what the node says of itself had changed. */
  onTold: () => void;
  logger: Logger;
};

export class NodeLease implements Lease {
  readonly #options: NodeLeaseOptions;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #renewing: Promise<void> | undefined;
  #again = false;
  /** What the node says of itself has changed since the last renewal began. */
  #news = false;
  #stopped = false;
  /** What was said last about a trouble that goes on. */
  #trouble: "deaf" | "unanswered" | undefined;

  constructor(options: NodeLeaseOptions) {
    this.#options = options;
  }

  holds(): boolean {
    return performance.now() - this.#sentAtMs < LEASE_TTL_MS;
  }

  start(): void {
    for (const hearing of this.#options.hearings()) hearing.speak();
    this.#due(0);
  }

  /** Renews within 50 ms: what the node says of itself has changed. */
  renewSoon(): void {
    this.#news = true;
    if (this.#renewing !== undefined) this.#again = true;
    else if (performance.now() + SOON_MS < this.#dueAtMs) this.#due(SOON_MS);
  }

  /** Renews no more. The lease runs out unless it is given back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#renewing;
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
  }

  #due(inMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#dueAtMs = performance.now() + inMs;
    this.#timer = setTimeout(() => {
      this.#renewing = this.#tick().finally(() => {
        this.#renewing = undefined;
      });
    }, inMs);
  }

  async #tick(): Promise<void> {
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    const heard = this.#hears();
    for (const hearing of this.#options.hearings()) hearing.speak();
    const nextMs = heard ? await this.#renew() : this.#deaf();
    this.#due(this.#again ? Math.min(SOON_MS, nextMs) : nextMs);
    this.#again = false;
  }

  /** Has a beat sent within one lease time come back on every way? */
  #hears(): boolean {
    const sinceMs = performance.now() - LEASE_TTL_MS;
    return this.#options.hearings().every((hearing) => hearing.lastHeardAtMs() >= sinceMs);
  }

  /** Not renewed: a node that cannot hear is not alive (rule P4). Answers when to try again. */
  #deaf(): number {
    if (this.#sentAtMs === Number.NEGATIVE_INFINITY) return FIRST_BEAT_MS;
    if (this.#trouble !== "deaf")
      this.#options.logger.warn(
        "lease: not renewed, since this node cannot hear itself over Redis pub/sub; it serves nobody until it does",
      );
    this.#trouble = "deaf";
    return RETRY_MS;
  }

  async #renew(): Promise<number> {
    const { control, incarnation, clock, continuity, record, logger } = this.#options;
    const sentAtMs = performance.now();
    const held = this.holds();
    const news = this.#news;
    this.#news = false;
    try {
      const { stood, redisMs, runId } = await control.renew(incarnation, toFields(record()));
      const atMs = performance.now();
      clock.observe(redisMs, sentAtMs, atMs);
      continuity.answered(runId, sentAtMs, atMs);
      if (held && !stood) {
        logger.warn("lease: Redis had forgotten it; was it restarted empty, or did a replica take over?");
        continuity.broke();
      }
    } catch (error) {
      continuity.broke();
      if (this.#trouble !== "unanswered")
        logger.warn({ reason: reasonOf(error) }, "lease: not renewed, since Redis did not answer; trying on");
      this.#trouble = "unanswered";
      return RETRY_MS;
    }
    this.#renewed(sentAtMs, held);
    if (news) this.#options.onTold();
    return RENEW_EVERY_MS - (performance.now() - sentAtMs);
  }

  #renewed(sentAtMs: number, held: boolean): void {
    const first = this.#sentAtMs === Number.NEGATIVE_INFINITY;
    this.#trouble = undefined;
    this.#sentAtMs = sentAtMs;
    if (held) return;
    const { incarnation, logger } = this.#options;
    logger.info({ incarnation }, first ? "lease: joined the cluster" : "lease: held again after a lapse");
    this.#options.onHeld(!first);
  }
}

/** One line: a stack says nothing about a Redis that is away. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
