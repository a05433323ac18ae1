/** What a leader makes of leases and table before it assigns: who stands how, and which shards are served. */
import type { ShardPlace, Standing } from "./assign.ts";
import type { LiveNode } from "./nodes.ts";
import type { PlacementTable } from "./placement-table.ts";

/** An owner that does not serve within this time loses the shard (rule P3) … */
const SERVE_WITHIN_MS = 10_000;
/** … and the next has twice as long, up to 16 times: with Postgres away nobody can serve, and moving helps no one. */
const DOUBLINGS_MAX = 4;

/** A node whose oldest unflushed event is this old, while the others' are far younger, loses its shards (rule P3). Chosen. */
const SLUGGISH_AGE_MS = 30_000;
const BRISK_AGE_MS = 3_000;
/** For how long it gets none back. */
const SLUGGISH_FOR_MS = 60_000;

export type Survey = { places: ShardPlace[]; standings: Map<string, Standing> };

/** One leader's memory between its rounds. Times are monotonic milliseconds. */
export class Surveyor {
  readonly #unserved = new Map<number, { version: number; sinceMs: number }>();
  readonly #strikes = new Map<number, number>();
  readonly #sluggishUntilMs = new Map<string, number>();

  /** `gone`: owners in the table who are known to be dead or to have left. */
  look(table: PlacementTable, live: readonly LiveNode[], gone: ReadonlySet<string>, nowMs: number): Survey {
    const byId = new Map(live.map((node) => [node.id, node]));
    const places: ShardPlace[] = [];
    const standings = this.#standings(live, nowMs);
    for (let shard = 0; shard < table.shards; shard++) {
      const owner = table.owner(shard);
      if (owner !== undefined && !byId.has(owner) && !gone.has(owner)) standings.set(owner, "unsure");
      places.push(
        this.#place(shard, table.row(shard), owner === undefined ? undefined : byId.get(owner), nowMs),
      );
    }
    return { places, standings };
  }

  /** The shard was taken from an owner that did not serve it. */
  strike(shard: number): void {
    this.#strikes.set(shard, Math.min((this.#strikes.get(shard) ?? 0) + 1, DOUBLINGS_MAX));
  }

  #place(
    shard: number,
    row: { version: number; node?: string },
    owner: LiveNode | undefined,
    nowMs: number,
  ): ShardPlace {
    const served = owner?.serving.has(shard) === true && owner.tableVersion >= row.version;
    if (served || owner === undefined) {
      this.#unserved.delete(shard);
      if (served) this.#strikes.delete(shard);
      return { owner: row.node, settled: served, stuck: false, load: owner?.loads.get(shard) ?? 0 };
    }
    let since = this.#unserved.get(shard);
    if (since?.version !== row.version) {
      since = { version: row.version, sinceMs: nowMs };
      this.#unserved.set(shard, since);
    }
    const patienceMs = SERVE_WITHIN_MS * 2 ** (this.#strikes.get(shard) ?? 0);
    return { owner: row.node, settled: false, stuck: nowMs - since.sinceMs > patienceMs, load: 0 };
  }

  #standings(live: readonly LiveNode[], nowMs: number): Map<string, Standing> {
    const actors = live.filter((node) => node.roles.includes("actors"));
    for (const node of actors) {
      const brisk = actors.filter((other) => other !== node && other.unflushedAgeMs < BRISK_AGE_MS);
      const standsOut =
        node.unflushedAgeMs > SLUGGISH_AGE_MS && brisk.length > 0 && brisk.length === actors.length - 1;
      if (standsOut) this.#sluggishUntilMs.set(node.id, nowMs + SLUGGISH_FOR_MS);
    }
    const leaving = (node: LiveNode) => node.draining || (this.#sluggishUntilMs.get(node.id) ?? 0) > nowMs;
    return new Map(actors.map((node) => [node.id, leaving(node) ? "leaving" : "open"]));
  }
}
