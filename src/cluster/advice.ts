/** How many nodes the cluster wants, for an autoscaler: pure, quick upwards, slow and reluctant downwards. */
import type { LiveNode } from "./nodes.ts";

/** What more nodes are advised for: at 0.6 of three event loops, the two that are left when one dies run at 0.9. */
const TARGET_UTILISATION = 0.6;
/** Above this on average more are wanted. Chosen: waiting grows as 1 / (1 − u), threefold here and tenfold at 0.9. */
const HIGH_UTILISATION = 0.7;
/** Fewer are advised only where each would stay below this: to be asked for again, the load must grow by two fifths. */
const LOW_UTILISATION = 0.5;
/**
 * CPU seconds per delivery: a direct write through the adapter costs 10.8 to 11.5 µs on a 2-core machine (design 50). So load asks
 * for nodes even where those that carry it are choked, since an event loop never says more than 1.
 */
const SECONDS_PER_DELIVERY = 11e-6;
/** Need must last this long before more is advised, milliseconds: five samples of the nodes, and far within the minute promised. */
const UP_AFTER_MS = 10_000;
/** Less is advised when all need of this long was lower, and then not again for as long. Chosen: ten times a node's start. */
const DOWN_AFTER_MS = 600_000;

/** What a node says of itself. `load`: messages × audience per second. */
export type NodeUse = Pick<LiveNode, "utilisation" | "load" | "draining">;

/** One leader's memory between its rounds. Times are monotonic milliseconds. */
export class NodesAdvice {
  #wanted = 0;
  #highSinceMs = Number.POSITIVE_INFINITY;
  #loweredAtMs = Number.NEGATIVE_INFINITY;
  /** Of the last 10 min, each need that none after it reached: greatest first. */
  readonly #needs: { atMs: number; nodes: number }[] = [];

  /** Never below 1. A new leader begins with the nodes that there are, and advises fewer only when it has watched for 10 min. */
  look(nodes: readonly NodeUse[], nowMs: number): number {
    const busy = Math.max(sum(nodes, "utilisation"), sum(nodes, "load") * SECONDS_PER_DELIVERY);
    if (this.#wanted === 0) {
      this.#wanted = Math.max(1, nodes.filter(({ draining }) => !draining).length);
      this.#remember(this.#wanted, nowMs);
    }
    this.#remember(nodesFor(busy, LOW_UTILISATION), nowMs);
    this.#rise(busy, nowMs);
    this.#sink(nowMs);
    return this.#wanted;
  }

  /** Measured against what is advised, not against what there is: nodes that are on their way are not asked for twice. */
  #rise(busy: number, nowMs: number): void {
    const isHigh = busy > this.#wanted * HIGH_UTILISATION;
    this.#highSinceMs = isHigh ? Math.min(this.#highSinceMs, nowMs) : Number.POSITIVE_INFINITY;
    if (nowMs - this.#highSinceMs >= UP_AFTER_MS) this.#wanted = nodesFor(busy, TARGET_UTILISATION);
  }

  #sink(nowMs: number): void {
    const needed = this.#needs[0]!.nodes;
    if (needed >= this.#wanted || nowMs - this.#loweredAtMs < DOWN_AFTER_MS) return;
    this.#wanted = needed;
    this.#loweredAtMs = nowMs;
  }

  #remember(nodes: number, nowMs: number): void {
    while ((this.#needs.at(-1)?.nodes ?? Number.POSITIVE_INFINITY) <= nodes) this.#needs.pop();
    this.#needs.push({ atMs: nowMs, nodes });
    while (nowMs - this.#needs[0]!.atMs > DOWN_AFTER_MS) this.#needs.shift();
  }
}

function nodesFor(busy: number, utilisation: number): number {
  return Math.max(1, Math.ceil(busy / utilisation));
}

function sum(nodes: readonly NodeUse[], of: "utilisation" | "load"): number {
  return nodes.reduce((all, node) => all + node[of], 0);
}
