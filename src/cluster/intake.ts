/**
 * What reaches this node for a shard: handed to its actors while they serve, held in order while the shard is being
 * claimed or this node's table is behind the sender's, else answered `moved` (rule B1).
 */
import type { ShardActors } from "../../actors/ports.ts";
import type { PlacementTable } from "./placement-table.ts";
import type { Shards } from "./shards.ts";

/** Requests that wait for one shard at one place, and how long at most: the deadline of a request. */
export const WAITING_MAX = 1_000;
export const DEADLINE_MS = 4_000;
/** Held requests are looked at this often, beside every change of table and hosts. */
const LOOK_EVERY_MS = 250;

/** One request for a shard. Exactly one of the two is called, once. */
export type Item = {
  run(actors: ShardActors): void;
  refuse(why: "moved" | "overloaded" | "unavailable"): void;
};

type Held = { item: Item; table: number; untilMs: number };

export type IntakeOptions = {
  table: PlacementTable;
  shards: Shards;
  /** Reads the table: someone knows a newer one. */
  readTable: () => void;
};

export class Intake {
  readonly #options: IntakeOptions;
  readonly #held = new Map<number, Held[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes a request whose sender knew this version of the table. */
  take(shard: number, table: number, item: Item): void {
    if (table <= this.#options.table.version && !this.#held.has(shard)) {
      const actors = this.#options.shards.actors(shard);
      if (actors !== undefined) {
        item.run(actors);
        return;
      }
    }
    this.#hold(shard, table, item);
  }

  /** Something changed for this shard: a table read, a host that serves or stops. */
  look(shard: number): void {
    const held = this.#held.get(shard);
    if (held === undefined) return;
    // Each leaves before it runs: its answer may bring the next request for this very shard.
    while (held.length > 0) {
      const act = this.#verdict(shard, held[0]!);
      if (act === undefined) return;
      held.shift();
      act();
    }
    if (this.#held.get(shard) === held) this.#held.delete(shard);
  }

  /** Every shard for which requests wait. */
  lookAll(): void {
    for (const shard of [...this.#held.keys()]) this.look(shard);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Refuses everything. */
  stop(): void {
    clearInterval(this.#timer);
    for (const held of this.#held.values()) for (const { item } of held) item.refuse("unavailable");
    this.#held.clear();
  }

  #hold(shard: number, table: number, item: Item): void {
    let held = this.#held.get(shard);
    if (held === undefined) {
      held = [];
      this.#held.set(shard, held);
    }
    if (held.length >= WAITING_MAX) item.refuse("overloaded");
    else held.push({ item, table, untilMs: performance.now() + DEADLINE_MS });
    this.look(shard);
    this.#timer ??= setInterval(() => this.lookAll(), LOOK_EVERY_MS);
  }

  /** What to do with it now; undefined: it waits on. */
  #verdict(shard: number, { item, table, untilMs }: Held): (() => void) | undefined {
    const { shards, readTable } = this.#options;
    if (performance.now() > untilMs) return () => item.refuse("unavailable");
    if (table > this.#options.table.version) {
      readTable();
      return undefined;
    }
    const actors = shards.actors(shard);
    if (actors) return () => item.run(actors);
    return shards.isComing(shard) ? undefined : () => item.refuse("moved");
  }
}
