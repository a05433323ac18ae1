/** What each node carries while a plan of moves is made: pure. */

export type ShardPlace = {
  /** Absent: never placed, or its owner is gone. */
  readonly owner?: string;
  /** Does its owner serve it? Those that are not served yet are on the move, and are left alone. */
  readonly settled: boolean;
  /** Its owner had its time and does not serve it. */
  readonly stuck: boolean;
  /** Messages × audience per second. */
  readonly load: number;
  /** An operator put it there: it is moved only when its owner leaves, dies or does not serve it. */
  readonly asked?: boolean;
};

/** Nodes closer than this, in messages × audience per second, are even: about 0.1 % of one core. */
const UNEVEN_MIN = 100;
/** Moves that even loads out go on down to this, and moves that even counts out may not go beyond it: so neither undoes the other. */
const CALM_SHARE = 0.05;
const CALM_MIN = 20;

export type Tally = {
  readonly id: string;
  readonly shards: Set<number>;
  /** Of its shards, without those that an operator put there: those unbalance nothing. */
  count: number;
  /** Messages × audience per second, over all of them. */
  load: number;
  /** On the move to it. */
  coming: number;
  /** It served before this plan. */
  warm: boolean;
  /** Postgres does not take what it has: a shard that came to it would wait until Postgres does. */
  readonly behind: boolean;
};

/**
 * Planned moves to one node at a time: as many as it takes over at a time without one waiting for the other (`NODE_REPLAYS`). A
 * shard's people wait from the table's new row on, so what cannot be taken at once is better left where it is for a moment.
 */
const COMING_MAX = 4;

/** May planned moves go there now? */
export function hasRoom({ coming, behind }: Tally): boolean {
  return !behind && coming < COMING_MAX;
}

/** Fewest shards, then least load, then first by id. */
export function least(tallies: readonly Tally[]): Tally {
  return tallies.toSorted((a, b) => a.count - b.count || a.load - b.load || byId(a, b))[0]!;
}

export function most(tallies: readonly Tally[]): Tally {
  return tallies.toSorted((a, b) => b.count - a.count || b.load - a.load || byId(a, b))[0]!;
}

/** The coolest first. */
export function byLoad(tallies: readonly Tally[]): Tally[] {
  return tallies.toSorted((a, b) => a.load - b.load || byId(a, b));
}

/** Between the most and the least loaded, with `load` brought from one to the other if these are named. */
export function gapOf(tallies: readonly Tally[], move?: { from: Tally; to: Tally; load: number }): number {
  const loads = tallies.map((one) => {
    if (one === move?.from) return one.load - move.load;
    return one === move?.to ? one.load + move.load : one.load;
  });
  return Math.max(...loads) - Math.min(...loads);
}

function meanOf(tallies: readonly Tally[]): number {
  return tallies.reduce((sum, { load }) => sum + load, 0) / tallies.length;
}

/** Of these nodes, with the shards that they own. */
export function tally(
  places: readonly ShardPlace[],
  ids: readonly string[],
  behind: ReadonlySet<string> = new Set(),
): Tally[] {
  const none = { count: 0, load: 0, coming: 0, warm: false };
  const tallies = ids.map((id): Tally => ({ id, shards: new Set(), ...none, behind: behind.has(id) }));
  const byId = new Map(tallies.map((one) => [one.id, one]));
  for (const [shard, { owner, load, settled, asked }] of places.entries()) {
    const one = owner === undefined ? undefined : byId.get(owner);
    if (one === undefined) continue;
    one.shards.add(shard);
    one.load += load;
    if (!asked) one.count++;
    if (!settled) one.coming++;
    one.warm ||= settled;
  }
  return tallies;
}

/** The gap as a share of the mean; 0: so small that it does not matter. */
export function unevennessOf(tallies: readonly Tally[]): number {
  const gap = gapOf(tallies);
  return gap < UNEVEN_MIN ? 0 : gap / meanOf(tallies);
}

/** Up to this gap nodes count as even. */
export function calmGap(tallies: readonly Tally[]): number {
  return Math.max(CALM_MIN, meanOf(tallies) * CALM_SHARE);
}

/** As an operator reads it. */
export function figure(load: number): string {
  return load.toLocaleString("en-US", { maximumFractionDigits: load < 10 ? 1 : 0 });
}

function byId(a: Tally, b: Tally): number {
  return a.id < b.id ? -1 : 1;
}
