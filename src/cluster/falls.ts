/** Nodes that come and go: each time one falls, its name takes shards later again, so that flapping moves nothing. */
import type { LiveNode } from "./nodes.ts";

/** After its first fall a name rests this long from its return, milliseconds, and after each further one … */
const REST_MS = 5_000;
/** … so many times as long, up to the greatest. Chosen: one crash costs nothing that people notice, the fifth 5 min. */
const REST_GROWTH = 4;
const REST_MAX_MS = 300_000;
/** A fall is forgotten after this, milliseconds. */
const FALL_COUNTS_MS = 600_000;

type Known = { readonly name: string; readonly restsUntilMs: number; draining: boolean; fallen: boolean };

/** One leader's memory. Times are monotonic milliseconds. Bounded: names without a fall in 10 min are forgotten. */
export class Falls {
  #known = new Map<string, Known>();
  readonly #fellAtMs = new Map<string, number[]>();

  /**
   * A node has fallen when its lease is gone although it did not drain, or when its name has started again before that. A
   * node that lost its lease and is back under its own id has fallen as well.
   */
  look(live: readonly LiveNode[], nowMs: number): void {
    const there = new Map(live.map((node) => [node.id, node]));
    for (const [id, known] of this.#known) {
      const gone = !there.has(id) || isSucceeded(there.get(id)!, live);
      if (gone && !known.fallen && !known.draining) this.fell(known.name, nowMs);
      if (gone) known.fallen = true;
      if (!there.has(id)) this.#known.delete(id);
    }
    this.#forget(nowMs);
    for (const { id, name, draining } of live) {
      const known = this.#known.get(id);
      if (known) known.draining = draining;
      else this.#known.set(id, { name, draining, fallen: false, restsUntilMs: nowMs + this.restMs(name) });
    }
  }

  /** Counts one more against the name. */
  fell(name: string, nowMs: number): void {
    this.#fellAtMs.set(name, [...(this.#fellAtMs.get(name) ?? []), nowMs]);
  }

  /** How long a node of this name rests after its return. */
  restMs(name: string): number {
    const falls = this.#fellAtMs.get(name)?.length ?? 0;
    return falls === 0 ? 0 : Math.min(REST_MAX_MS, REST_MS * REST_GROWTH ** (falls - 1));
  }

  /** Takes no shards: it came back from a fall just now, or its successor is there. */
  rests(id: string, nowMs: number): boolean {
    const known = this.#known.get(id);
    return known !== undefined && (known.fallen || nowMs < known.restsUntilMs);
  }

  #forget(nowMs: number): void {
    for (const [name, times] of this.#fellAtMs) {
      const recent = times.filter((atMs) => nowMs - atMs < FALL_COUNTS_MS);
      if (recent.length === 0) this.#fellAtMs.delete(name);
      else this.#fellAtMs.set(name, recent);
    }
  }
}

/** Its name has started again: a process that starts again is another node, and the old one's lease only runs out. */
function isSucceeded(node: LiveNode, live: readonly LiveNode[]): boolean {
  return live.some(
    ({ id, name, startedAtMs }) => id !== node.id && name === node.name && startedAtMs > node.startedAtMs,
  );
}
