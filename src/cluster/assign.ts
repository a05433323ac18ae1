/** Where shards should live: pure, and the same for the same input. Few moves, even counts, hot shards apart. */

/** `open`: takes shards. `leaving`: keeps its shards only until they are spread. `unsure`: may be gone; its shards stay. */
export type Standing = "open" | "leaving" | "unsure";

export type ShardPlace = {
  /** Absent: never placed, or its owner is gone. */
  readonly owner?: string;
  /** Does its owner serve it? Those that are not served yet are on the move, and are left alone. */
  readonly settled: boolean;
  /** Its owner had its time and does not serve it. */
  readonly stuck: boolean;
  /** Messages × audience per second. */
  readonly load: number;
};

/** Why a shard moves: `new` and `dead` have no owner, `stuck` is not served, `drain` and `balance` are planned. */
type MoveReason = "new" | "dead" | "stuck" | "drain" | "balance";
export type Move = { shard: number; from?: string; to: string; reason: MoveReason };

/** On the move at once, of planned moves: 5 % of the shards, or this many where that is fewer. */
const MOVING_MIN = 4;
const MOVING_SHARE = 0.05;
/**
 * A node that serves nothing yet is cold: what died goes to the others up to so many times an even share, and comes to it in
 * planned moves that nobody waits for. Chosen: a node of a second's age takes seconds for what a warm one does in a tenth.
 */
const WARM_SHARES_MAX = 2;
/** Loads this uneven (of the mean, and in messages × audience per second) are worth an exchange of two shards. Chosen. */
const UNEVEN_SHARE = 0.25;
const UNEVEN_MIN = 100;

/** `warm`: it served before this plan. */
type Tally = { id: string; shards: Set<number>; load: number; warm: boolean };

/** How many planned moves may be under way. */
export function movingMost(shardCount: number): number {
  return Math.max(MOVING_MIN, Math.floor(shardCount * MOVING_SHARE));
}

/**
 * The next moves. Shards without an owner and stuck ones move all at once; planned moves only as far as those under way
 * leave room. No node `open`: no moves. `wasPlaced(shard)`: it had an owner once, who is gone.
 */
export function assign(
  places: readonly ShardPlace[],
  nodes: ReadonlyMap<string, Standing>,
  wasPlaced: (shard: number) => boolean = () => true,
): Move[] {
  const open = [...nodes]
    .filter(([, standing]) => standing === "open")
    .map(([id]) => id)
    .sort();
  if (open.length === 0) return [];
  const plan = new Plan(places, open);
  plan.house(nodes, wasPlaced);
  const moving = places.filter(
    (place) => !place.settled && place.owner !== undefined && nodes.has(place.owner),
  ).length;
  plan.spread(movingMost(places.length) - moving, nodes);
  plan.even();
  plan.exchange();
  return plan.moves;
}

class Plan {
  readonly moves: Move[] = [];
  readonly #places: readonly ShardPlace[];
  readonly #tallies: Tally[];
  #room = 0;

  constructor(places: readonly ShardPlace[], open: readonly string[]) {
    this.#places = places;
    this.#tallies = open.map((id) => ({ id, shards: new Set(), load: 0, warm: false }));
    const byId = new Map(this.#tallies.map((tally) => [tally.id, tally]));
    for (const [shard, { owner, load, settled }] of places.entries()) {
      const tally = owner === undefined ? undefined : byId.get(owner);
      if (tally === undefined) continue;
      tally.shards.add(shard);
      tally.load += load;
      tally.warm ||= settled;
    }
  }

  /** Shards that nobody serves: the hottest first, so that they end up apart. */
  house(nodes: ReadonlyMap<string, Standing>, wasPlaced: (shard: number) => boolean): void {
    const homeless = this.#numbers(({ owner, stuck }) => owner === undefined || !nodes.has(owner) || stuck);
    for (const shard of homeless.sort((a, b) => this.#load(b) - this.#load(a) || a - b)) {
      const { stuck, owner } = this.#places[shard]!;
      if (stuck && owner !== undefined && nodes.has(owner)) {
        const others = this.#tallies.filter((tally) => tally.id !== owner);
        if (others.length > 0) this.#move(shard, least(others), "stuck");
      } else if (wasPlaced(shard)) this.#move(shard, this.#heir(), "dead");
      else this.#move(shard, least(this.#tallies), "new");
    }
  }

  /** Who takes a shard that people wait for. */
  #heir(): Tally {
    const warm = this.#tallies.filter((tally) => tally.warm);
    const most = (WARM_SHARES_MAX * this.#places.length) / this.#tallies.length;
    const heir = warm.length > 0 ? least(warm) : undefined;
    return heir !== undefined && heir.shards.size < most ? heir : least(this.#tallies);
  }

  /** Shards of leaving nodes, with room for `room` planned moves from here on. */
  spread(room: number, nodes: ReadonlyMap<string, Standing>): void {
    this.#room = room;
    const leaving = ({ owner, settled, stuck }: ShardPlace) =>
      settled && !stuck && owner !== undefined && nodes.get(owner) === "leaving";
    for (const shard of this.#numbers(leaving)) {
      if (this.#room <= 0) return;
      this.#room--;
      this.#move(shard, least(this.#tallies), "drain");
    }
  }

  /** From the node with the most shards to the one with the fewest, until they differ by one at most. */
  even(): void {
    for (; this.#room > 0; this.#room--) {
      const to = least(this.#tallies);
      const from = most(this.#tallies);
      if (from.shards.size - to.shards.size < 2) return;
      const shard = this.#nearest(from, (from.load - to.load) / 2);
      if (shard === undefined) return;
      this.#move(shard, to, "balance");
    }
  }

  /** One exchange between the most and the least loaded node: counts stay, loads come closer. */
  exchange(): void {
    if (this.#room < 2) return;
    const byLoad = this.#tallies.toSorted((a, b) => a.load - b.load);
    const [cool, hot] = [byLoad[0]!, byLoad.at(-1)!];
    const gap = hot.load - cool.load;
    const mean = byLoad.reduce((sum, tally) => sum + tally.load, 0) / byLoad.length;
    if (gap < UNEVEN_MIN || gap < mean * UNEVEN_SHARE) return;
    const back = this.#nearest(cool, 0);
    if (back === undefined) return;
    const shard = this.#nearest(hot, gap / 2 + this.#load(back));
    if (shard === undefined) return;
    const shift = this.#load(shard) - this.#load(back);
    if (shift <= gap / 20 || shift >= gap) return; // too little to be worth it, or only the other way round
    this.#move(shard, cool, "balance");
    this.#move(back, hot, "balance");
  }

  #move(shard: number, to: Tally, reason: MoveReason): void {
    const { owner, load } = this.#places[shard]!;
    const from = this.#tallies.find((tally) => tally.shards.has(shard));
    from?.shards.delete(shard);
    if (from) from.load -= load;
    to.shards.add(shard);
    to.load += load;
    this.moves.push({
      shard,
      to: to.id,
      reason,
      ...(reason !== "new" && reason !== "dead" && { from: owner }),
    });
  }

  /** The settled shard of a node whose load is nearest to `load`, that has not moved in this plan. */
  #nearest(tally: Tally, load: number): number | undefined {
    const moved = new Set(this.moves.map((move) => move.shard));
    const candidates = [...tally.shards].filter((shard) => this.#places[shard]!.settled && !moved.has(shard));
    const distance = (shard: number) => Math.abs(this.#load(shard) - load);
    return candidates.sort((a, b) => distance(a) - distance(b) || a - b)[0];
  }

  #numbers(which: (place: ShardPlace) => boolean): number[] {
    return [...this.#places.keys()].filter((shard) => which(this.#places[shard]!));
  }

  #load(shard: number): number {
    return this.#places[shard]!.load;
  }
}

/** Fewest shards, then least load, then first by id. */
function least(tallies: readonly Tally[]): Tally {
  return tallies.toSorted((a, b) => a.shards.size - b.shards.size || a.load - b.load || byId(a, b))[0]!;
}

function most(tallies: readonly Tally[]): Tally {
  return tallies.toSorted((a, b) => b.shards.size - a.shards.size || b.load - a.load || byId(a, b))[0]!;
}

function byId(a: Tally, b: Tally): number {
  return a.id < b.id ? -1 : 1;
}
