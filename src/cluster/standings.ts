/** Who may take shards, as the leases show it over time: not who is slow or late, nor who came back just now. */
import type { Standing } from "./assign.ts";
import { Falls } from "./falls.ts";
import type { LiveNode } from "./nodes.ts";

/** A node whose oldest unflushed event is this old, while the others' are far younger, loses its shards (rule P3). Chosen. */
const SLUGGISH_AGE_MS = 30_000;
const BRISK_AGE_MS = 3_000;
/** So does one whose event loop is this late (p99) for so long, while the others' are on time. Chosen: people notice a second. */
const SLUGGISH_LAG_MS = 1_000;
const BRISK_LAG_MS = 200;
const LAGGING_FOR_MS = 10_000;
/** For how long it gets none back, at least. */
const SLUGGISH_FOR_MS = 60_000;
/** Leases are renewed every 2 s: one this old is late by a whole round, and its node takes none until it has renewed. */
const LATE_MS = 4_000;

/** One leader's memory between its rounds. Times are monotonic milliseconds. */
export class Standings {
  readonly #falls = new Falls();
  readonly #laggingSinceMs = new Map<string, number>();
  readonly #sluggishUntilMs = new Map<string, number>();

  look(live: readonly LiveNode[], nowMs: number): Map<string, Standing> {
    const actors = live.filter((node) => node.roles.includes("actors"));
    this.#falls.look(actors, nowMs);
    for (const node of actors) this.#judge(node, actors, nowMs);
    this.#forget(actors);
    return new Map(actors.map((node) => [node.id, this.#standing(node, nowMs)]));
  }

  #standing(node: LiveNode, nowMs: number): Standing {
    if (node.draining || (this.#sluggishUntilMs.get(node.id) ?? 0) > nowMs) return "leaving";
    return node.leaseAgeMs >= LATE_MS || this.#falls.rests(node.id, nowMs) ? "resting" : "open";
  }

  #judge(node: LiveNode, actors: readonly LiveNode[], nowMs: number): void {
    const others = actors.filter((other) => other !== node);
    if (node.lagMs < SLUGGISH_LAG_MS) this.#laggingSinceMs.delete(node.id);
    else if (!this.#laggingSinceMs.has(node.id)) this.#laggingSinceMs.set(node.id, nowMs);
    const lagging = nowMs - (this.#laggingSinceMs.get(node.id) ?? nowMs) >= LAGGING_FOR_MS;
    const standsOut =
      (node.unflushedAgeMs > SLUGGISH_AGE_MS &&
        others.every(({ unflushedAgeMs }) => unflushedAgeMs < BRISK_AGE_MS)) ||
      (lagging && others.every(({ lagMs }) => lagMs < BRISK_LAG_MS));
    if (!standsOut || others.length === 0) return;
    if ((this.#sluggishUntilMs.get(node.id) ?? 0) <= nowMs) this.#falls.fell(node.name, nowMs);
    this.#sluggishUntilMs.set(node.id, nowMs + Math.max(SLUGGISH_FOR_MS, this.#falls.restMs(node.name)));
  }

  #forget(actors: readonly LiveNode[]): void {
    const there = new Set(actors.map(({ id }) => id));
    for (const memory of [this.#laggingSinceMs, this.#sluggishUntilMs])
      for (const id of memory.keys()) if (!there.has(id)) memory.delete(id);
  }
}
