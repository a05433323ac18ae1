/** What a leader makes of leases and table before it assigns: who stands how, which shards are served, and what they carry. */
import { Asked } from "./asked.ts";
import { type Standing, takers, UNEVEN_SHARE, unevenness } from "./assign.ts";
import type { LiveNode } from "./nodes.ts";
import type { PlacementTable } from "./placement-table.ts";
import { Standings } from "./standings.ts";
import type { ShardPlace } from "./tallies.ts";

/** An owner that does not serve within this time loses the shard (rule P3) … */
const SERVE_WITHIN_MS = 10_000;
/** … and the next has twice as long, up to 16 times: with Postgres away nobody can serve, and moving helps no one. */
const DOUBLINGS_MAX = 4;
/** A new owner's figure of a shard's load counts from this age on; until then the old one's does, if it is greater. Five samples. */
const WARMING_MS = 10_000;
/**
 * A node whose oldest unflushed event is this old, milliseconds, cannot reach Postgres, or not well: a shard that moved to it now
 * would be served by nobody. Chosen: a healthy one's is below a second, and its lease tells it every two.
 */
const BEHIND_MS = 2_000;
/** Loads must be uneven for so long before anything moves for it: a burst has passed by then. Chosen. */
const LASTING_MS = 15_000;

export type Survey = {
  places: ShardPlace[];
  standings: Map<string, Standing>;
  /** For `assign`: Infinity while loads have not been uneven for long. */
  unevenFrom: number;
  behind: ReadonlySet<string>;
};

type Row = { version: number; node?: string };

/** One leader's memory between its rounds. Times are monotonic milliseconds. */
export class Surveyor {
  readonly asked = new Asked();
  readonly #standings = new Standings();
  readonly #unserved = new Map<number, { version: number; sinceMs: number }>();
  readonly #strikes = new Map<number, number>();
  readonly #carried = new Map<number, { load: number; version: number; servedSinceMs: number }>();
  #unevenSinceMs = Number.POSITIVE_INFINITY;

  /** `gone`: owners in the table who are known to be dead or to have left. */
  look(table: PlacementTable, live: readonly LiveNode[], gone: ReadonlySet<string>, nowMs: number): Survey {
    const byId = new Map(live.map((node) => [node.id, node]));
    const places: ShardPlace[] = [];
    const standings = this.#standings.look(live, nowMs);
    for (let shard = 0; shard < table.shards; shard++) {
      const owner = table.owner(shard);
      if (owner !== undefined && !byId.has(owner) && !gone.has(owner)) standings.set(owner, "unsure");
      places.push(
        this.#place(shard, table.row(shard), owner === undefined ? undefined : byId.get(owner), nowMs),
      );
    }
    const behind = new Set(live.filter((node) => node.unflushedAgeMs >= BEHIND_MS).map(({ id }) => id));
    return { ...this.#weigh(places, standings, nowMs), behind };
  }

  /** The shard was taken from an owner that did not serve it. */
  strike(shard: number): void {
    this.#strikes.set(shard, Math.min((this.#strikes.get(shard) ?? 0) + 1, DOUBLINGS_MAX));
  }

  #weigh(places: ShardPlace[], standings: Map<string, Standing>, nowMs: number): Omit<Survey, "behind"> {
    const share = unevenness(places, standings);
    this.asked.review(takers(standings), share);
    this.#unevenSinceMs =
      share < UNEVEN_SHARE ? Number.POSITIVE_INFINITY : Math.min(this.#unevenSinceMs, nowMs);
    const lasting = nowMs - this.#unevenSinceMs >= LASTING_MS;
    return {
      places: places.map((place, shard) => ({ ...place, asked: this.asked.isKept(shard, place.owner) })),
      standings,
      unevenFrom: lasting ? UNEVEN_SHARE : Number.POSITIVE_INFINITY,
    };
  }

  #place(shard: number, row: Row, owner: LiveNode | undefined, nowMs: number): ShardPlace {
    const served = owner?.serving.has(shard) === true && owner.tableVersion >= row.version;
    const load = this.#load(shard, row, served ? (owner.loads.get(shard) ?? 0) : undefined, nowMs);
    if (served || owner === undefined) {
      this.#unserved.delete(shard);
      if (served) this.#strikes.delete(shard);
      return { owner: row.node, settled: served, stuck: false, load };
    }
    let since = this.#unserved.get(shard);
    if (since?.version !== row.version) {
      since = { version: row.version, sinceMs: nowMs };
      this.#unserved.set(shard, since);
    }
    const patienceMs = SERVE_WITHIN_MS * 2 ** (this.#strikes.get(shard) ?? 0);
    return { owner: row.node, settled: false, stuck: nowMs - since.sinceMs > patienceMs, load };
  }

  /** What a shard carries goes with it: its new owner knows only after a while, and until then nobody shall think it cold. */
  #load(shard: number, { version }: Row, reported: number | undefined, nowMs: number): number {
    let carried = this.#carried.get(shard);
    if (carried === undefined) {
      carried = { load: 0, version, servedSinceMs: nowMs };
      this.#carried.set(shard, carried);
    }
    if (reported === undefined || carried.version !== version) {
      carried.version = version;
      carried.servedSinceMs = nowMs;
    }
    if (reported === undefined) return carried.load;
    if (nowMs - carried.servedSinceMs < WARMING_MS) return Math.max(reported, carried.load);
    carried.load = reported;
    return reported;
  }
}
