/**
 * The leader's part in rule E7: raises the cluster's level when the last node that knows less is gone. The door is shut first,
 * by the cluster's record, and the level follows when nobody can be on the way in any more; so no node ever meets what it does
 * not know. One that comes back from a long lapse all the same gets no shards, and is asked to leave.
 */
import type { Logger } from "pino";
import { StoreAway } from "../../actors/ports.ts";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import { FIRST_LEVEL } from "../lib/level.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ClusterRecord } from "./cluster-record.ts";
import type { Control } from "./control.ts";
import type { ClusterLevel } from "./level.ts";
import type { LiveNode } from "./nodes.ts";

/**
 * From the shut door to the new level, milliseconds: a node that read the record before has its lease by then, or starts so slowly
 * that it counts as one that comes back. One lease time, chosen.
 */
const ON_THE_WAY_MS = LEASE_TTL_MS;

/** A node that knows too little is asked again to leave after this, milliseconds. Chosen. */
const ASK_AGAIN_MS = 5_000;

export type LevelRiseOptions = {
  control: Pick<Control, "raise">;
  record: ClusterRecord;
  level: ClusterLevel;
  /** Asks this node to drain. */
  sendAway: (node: string) => void;
  logger: Logger;
  /** Monotonic milliseconds. Default: the process's. */
  nowMs?: () => number;
};

export class LevelRise {
  readonly #options: LevelRiseOptions;
  readonly #nowMs: () => number;
  /** The record lets in who knows `to`, and nobody who knows less. */
  #shut: { to: number; atMs: number } | undefined;
  #working = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LevelRiseOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Another node led meanwhile. */
  begin(): void {
    this.#shut = undefined;
  }

  /**
   * One look at all nodes with a lease. `isWhole`: nobody else can be one, by rule P0. Returns at once; what is written follows,
   * and is tried again with a later look where a store is away. Never throws.
   */
  look(live: readonly LiveNode[], isWhole: boolean): void {
    const { level } = this.#options;
    this.#askToLeave(live.filter((node) => !isUpTo(level.current)(node)));
    const lowest = Math.min(...live.map(knownBy));
    const mayRise = isWhole && lowest > level.current && lowest < Number.POSITIVE_INFINITY;
    if (!mayRise) this.#shut = undefined;
    if (this.#working || !(mayRise || level.isForgotten)) return;
    this.#working = true;
    const work = mayRise ? this.#rise(lowest) : this.#announce(level.current);
    void work
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#working = false;
      });
  }

  async #rise(to: number): Promise<void> {
    const { control, record, level, logger } = this.#options;
    if (this.#shut?.to !== to) {
      await record.raise({ protocol: to, level: level.current });
      await control.raise(to, level.current);
      this.#shut = { to, atMs: this.#nowMs() };
      logger.info({ level: to }, "level: every node knows more; who knows less is refused from now on");
    } else if (this.#nowMs() - this.#shut.atMs >= ON_THE_WAY_MS) {
      await record.raise({ protocol: to, level: to });
      await this.#announce(to);
      level.rise(to);
      logger.info({ level: to }, "level: risen; there is no way back to an older version");
    }
  }

  /** So that nodes read it with the table, and those that start read it as well. */
  async #announce(level: number): Promise<void> {
    await this.#options.control.raise(level, level);
  }

  #askToLeave(nodes: readonly LiveNode[]): void {
    if (nodes.length === 0 || this.#nowMs() - this.#askedAtMs < ASK_AGAIN_MS) return;
    this.#askedAtMs = this.#nowMs();
    const { sendAway, level, logger } = this.#options;
    for (const node of nodes) {
      const facts = { node: node.id, version: node.version, knows: knownBy(node), level: level.current };
      logger.error(
        facts,
        "level: a node knows less than the cluster writes; it gets no shards and is asked to leave",
      );
      sendAway(node.id);
    }
  }

  #failed(error: unknown): void {
    const { logger } = this.#options;
    if (error instanceof StoreAway)
      logger.debug({ reason: error.message }, "level: Postgres is away; trying on");
    else logger.warn({ err: error }, "level: could not be raised; trying on");
  }
}

/**
 * Keeps the gauge. `onBeyond`: the cluster writes more than this node `knows`, which has nothing more to do here; it may be one
 * that Redis had lost sight of.
 */
export function followLevel(options: {
  level: ClusterLevel;
  knows: number;
  metrics: Pick<Metrics, "level">;
  onBeyond: () => void;
  logger: Logger;
}): void {
  const { level, knows, metrics, onBeyond, logger } = options;
  metrics.level.set(level.current);
  level.onRise((to) => {
    metrics.level.set(to);
    if (to <= knows) return;
    logger.error({ knows, level: to }, "level: the cluster writes more than this version knows; leaving");
    onBeyond();
  });
}

/** What a node's lease says that it knows. */
export function knownBy({ level = FIRST_LEVEL }: Pick<LiveNode, "level">): number {
  return level;
}

/** May the node be given what a cluster of this level writes? */
export function isUpTo(level: number): (node: Pick<LiveNode, "level">) => boolean {
  return (node) => knownBy(node) >= level;
}
