/** Where shards should live: pure, and the same for the same input. Few moves, even counts, hot shards apart. */
import type { PlannedMove } from "../ports.ts";
import {
  byLoad,
  calmGap,
  figure,
  gapOf,
  hasRoom,
  least,
  most,
  type ShardPlace,
  type Tally,
  tally,
  unevennessOf,
} from "./tallies.ts";

/**
 * `open`: takes shards. `resting`: keeps its shards and takes none, unless nobody is open. `leaving`: keeps its shards only
 * until they are spread. `unsure`: may be gone; its shards stay.
 */
export type Standing = "open" | "resting" | "leaving" | "unsure";

/** The next moves, `why` with the figures as they stood before each. */
export type Move = PlannedMove;

export type AssignOptions = {
  /** It had an owner once, who is gone. Default: every shard had. */
  wasPlaced?: (shard: number) => boolean;
  /** Loads are brought together from this unevenness on; Infinity: not now. Default: `UNEVEN_SHARE`. */
  unevenFrom?: number;
  /** Nodes that get no planned moves, since Postgres does not take what they have: a claim needs it (rule L2). Default: none. */
  behind?: ReadonlySet<string>;
};

/** On the move at once, of planned moves: 5 % of the shards, or this many where that is fewer. */
const MOVING_MIN = 4;
const MOVING_SHARE = 0.05;
/**
 * A node that serves nothing yet is cold: what died goes to the others up to so many times an even share, and comes to it in
 * planned moves that nobody waits for. Chosen: a node of a second's age takes seconds for what a warm one does in a tenth.
 */
const WARM_SHARES_MAX = 2;

/** The most and the least loaded node so far apart, as a share of the mean, are worth moves. Chosen: far above noise. */
export const UNEVEN_SHARE = 0.25;
/** An operator who asks for a rebalance gets a finer one. Chosen. */
export const ASKED_UNEVEN_SHARE = 0.1;
/** A move must take at least this share of the gap off the hotter node. Chosen: each costs its people a pause. */
const RELIEF_SHARE = 0.02;
/** For the sake of loads a node may run so much more or less than an even share of the shards. Chosen. */
const COUNT_SLACK = 0.25;

/** How many planned moves may be under way. */
export function movingMost(shardCount: number): number {
  return Math.max(MOVING_MIN, Math.floor(shardCount * MOVING_SHARE));
}

/** Those who take shards. */
export function takers(nodes: ReadonlyMap<string, Standing>): string[] {
  const having = (wanted: Standing) =>
    [...nodes].filter(([, standing]) => standing === wanted).map(([id]) => id);
  const open = having("open");
  return (open.length > 0 ? open : having("resting")).sort();
}

/** How far apart the most and the least loaded taker are, as a share of the mean; 0: so little that it does not matter. */
export function unevenness(places: readonly ShardPlace[], nodes: ReadonlyMap<string, Standing>): number {
  const tallies = tally(places, takers(nodes));
  return tallies.length < 2 ? 0 : unevennessOf(tallies);
}

/** On the move to an owner who lives. */
export function movingIn(places: readonly ShardPlace[], nodes: ReadonlyMap<string, Standing>): number {
  return places.filter(({ settled, owner }) => !settled && owner !== undefined && nodes.has(owner)).length;
}

/**
 * The next moves. Shards without an owner and stuck ones move all at once; planned moves only as far as those under way
 * leave room. Nobody takes shards: no moves.
 */
export function assign(
  places: readonly ShardPlace[],
  nodes: ReadonlyMap<string, Standing>,
  { wasPlaced = () => true, unevenFrom = UNEVEN_SHARE, behind }: AssignOptions = {},
): Move[] {
  const tallies = tally(places, takers(nodes), behind);
  if (tallies.length === 0) return [];
  const plan = new Plan(places, nodes, tallies);
  plan.house(wasPlaced);
  plan.makeRoom(movingMost(places.length) - movingIn(places, nodes));
  plan.spread();
  plan.bound();
  if (unevennessOf(tallies) >= unevenFrom) plan.cool();
  plan.even();
  return plan.moves;
}

class Plan {
  readonly moves: Move[] = [];
  readonly #places: readonly ShardPlace[];
  readonly #nodes: ReadonlyMap<string, Standing>;
  readonly #tallies: readonly Tally[];
  readonly #moved = new Set<number>();
  readonly #total: number;
  #room = 0;

  constructor(
    places: readonly ShardPlace[],
    nodes: ReadonlyMap<string, Standing>,
    tallies: readonly Tally[],
  ) {
    this.#places = places;
    this.#nodes = nodes;
    this.#tallies = tallies;
    this.#total = places.reduce((sum, { load }) => sum + load, 0);
  }

  /** Planned moves, from here on. */
  makeRoom(room: number): void {
    this.#room = room;
  }

  /** Shards that nobody serves: the hottest first, so that they end up apart. */
  house(wasPlaced: (shard: number) => boolean): void {
    const homeless = this.#numbers(({ owner, stuck }) => stuck || !this.#isThere(owner));
    for (const shard of homeless.sort((a, b) => this.#load(b) - this.#load(a) || a - b)) {
      const { stuck, owner } = this.#places[shard]!;
      if (stuck && owner !== undefined && this.#isThere(owner)) {
        const others = this.#tallies.filter(({ id }) => id !== owner);
        if (others.length > 0)
          this.#house(shard, least(others), "stuck", `${owner} does not serve it in time`);
      } else if (wasPlaced(shard))
        this.#house(shard, this.#heir(), "dead", `${owner ?? "its owner"} is gone`);
      else this.#house(shard, least(this.#tallies), "new", "nobody ran it yet");
    }
  }

  /** Shards of leaving nodes. */
  spread(): void {
    const leaving = ({ owner, settled, stuck }: ShardPlace) =>
      settled && !stuck && owner !== undefined && this.#nodes.get(owner) === "leaving";
    const shards = this.#numbers(leaving);
    for (const [i, shard] of shards.entries()) {
      const receivers = this.#receivers();
      if (this.#room <= 0 || receivers.length === 0) return;
      this.#room--;
      const { owner } = this.#places[shard]!;
      this.#house(
        shard,
        least(receivers),
        "drain",
        `${owner} is leaving with ${shards.length - i} to hand over`,
      );
    }
  }

  /** None beyond an even share while another lacks: what went to the quicker one would have to move again. */
  #receivers(): Tally[] {
    const share = Math.ceil(this.#places.length / this.#tallies.length);
    const lacking = this.#tallies.filter(({ count }) => count < share);
    return (lacking.length > 0 ? lacking : this.#tallies).filter(hasRoom);
  }

  /** Counts come within the slack, whatever the loads. */
  bound(): void {
    const { fewest, greatest } = this.#bounds();
    for (; this.#room > 0; this.#room--) {
      const [to, from] = [least(this.#tallies), most(this.#tallies)];
      if (from.count - to.count < 2 || (from.count <= greatest && to.count >= fewest)) return;
      const shard = hasRoom(to) ? this.#nearest(from, (from.load - to.load) / 2) : undefined;
      if (shard === undefined) return;
      this.#move(shard, to, "balance", this.#counts(from, to));
    }
  }

  /** Loads come together: of the hottest node, the shards beside the hot one leave where it could only take its heat along. */
  cool(): void {
    while (this.#room > 0 && gapOf(this.#tallies) > calmGap(this.#tallies)) {
      const [coolest, ...others] = byLoad(this.#tallies);
      if (!others.reverse().some((hot) => this.#coolOne(hot, coolest!))) return;
    }
  }

  /** Counts come to within one, as far as loads stay calm, or do not drift apart for it. */
  even(): void {
    for (; this.#room > 0; this.#room--) {
      const [to, from] = [least(this.#tallies), most(this.#tallies)];
      if (from.count - to.count < 2) return;
      const harmless = (load: number) =>
        load === 0 ||
        load <= from.load - to.load ||
        gapOf(this.#tallies, { from, to, load }) <= calmGap(this.#tallies);
      const shard = hasRoom(to) ? this.#nearest(from, (from.load - to.load) / 2, harmless) : undefined;
      if (shard === undefined) return;
      this.#move(shard, to, "balance", this.#counts(from, to));
    }
  }

  /** A shard moves, or two change places where counts allow no more. False: nothing would gain. */
  #coolOne(hot: Tally, cool: Tally): boolean {
    const gap = hot.load - cool.load;
    if (gap <= calmGap(this.#tallies) || !hasRoom(cool)) return false;
    const { fewest, greatest } = this.#bounds();
    const single = hot.count > fewest && cool.count < greatest;
    const back = single ? undefined : this.#nearest(cool, 0);
    if (!single && (back === undefined || this.#room < 2 || !hasRoom(hot))) return false;
    const backLoad = back === undefined ? 0 : this.#load(back);
    const relieves = (load: number) => {
      const shift = load - backLoad;
      return Math.min(shift, gap - shift) >= gap * RELIEF_SHARE;
    };
    const shard = this.#nearest(hot, gap / 2 + backLoad, relieves);
    if (shard === undefined) return false;
    const carried = this.#carried(hot, cool);
    this.#room -= back === undefined ? 1 : 2;
    this.#move(shard, cool, "balance", `${carried}; shard ${shard} carries ${figure(this.#load(shard))}`);
    if (back !== undefined)
      this.#move(
        back,
        hot,
        "balance",
        `${carried}; in exchange for shard ${shard}, so that counts stay even`,
      );
    return true;
  }

  /** Who takes a shard that people wait for. */
  #heir(): Tally {
    const warm = this.#tallies.filter((one) => one.warm);
    const atMost = (WARM_SHARES_MAX * this.#places.length) / this.#tallies.length;
    const heir = warm.length > 0 ? least(warm) : undefined;
    return heir !== undefined && heir.shards.size < atMost ? heir : least(this.#tallies);
  }

  #house(shard: number, to: Tally, reason: Move["reason"], why: string): void {
    this.#move(shard, to, reason, `${why}; ${to.id} runs ${to.shards.size}`);
  }

  #move(shard: number, to: Tally, reason: Move["reason"], why: string): void {
    const { owner, load, asked } = this.#places[shard]!;
    const from = this.#tallies.find(({ shards }) => shards.has(shard));
    if (from) {
      from.shards.delete(shard);
      from.load -= load;
      if (!asked) from.count--;
    }
    to.shards.add(shard);
    to.load += load;
    to.count++;
    to.coming++;
    this.#moved.add(shard);
    const previous = reason === "new" || reason === "dead" ? undefined : owner;
    this.moves.push({
      shard,
      ...(previous !== undefined && { from: previous }),
      to: to.id,
      reason,
      load,
      why,
    });
  }

  /** Of a node's settled shards that have not moved in this plan, the one whose load is nearest to `load`. */
  #nearest(from: Tally, load: number, may: (load: number) => boolean = () => true): number | undefined {
    const candidates = [...from.shards].filter((shard) => {
      const { settled, asked } = this.#places[shard]!;
      return settled && !asked && !this.#moved.has(shard) && may(this.#load(shard));
    });
    const distance = (shard: number) => Math.abs(this.#load(shard) - load);
    return candidates.sort((a, b) => distance(a) - distance(b) || a - b)[0];
  }

  /** Between these a node's count may lie for the sake of loads. */
  #bounds(): { fewest: number; greatest: number } {
    const mean = this.#tallies.reduce((sum, { count }) => sum + count, 0) / this.#tallies.length;
    return { fewest: Math.floor(mean * (1 - COUNT_SLACK)), greatest: Math.ceil(mean * (1 + COUNT_SLACK)) };
  }

  #carried(hot: Tally, cool: Tally): string {
    const total = figure(this.#total);
    return `${hot.id} carries ${figure(hot.load)} of ${total} messages × audience/s, ${cool.id} ${figure(cool.load)}`;
  }

  #counts(from: Tally, to: Tally): string {
    return `${from.id} runs ${from.shards.size} of ${this.#places.length} shards, ${to.id} ${to.shards.size}`;
  }

  #isThere(owner: string | undefined): boolean {
    return owner !== undefined && this.#nodes.has(owner);
  }

  #numbers(which: (place: ShardPlace) => boolean): number[] {
    return [...this.#places.keys()].filter((shard) => which(this.#places[shard]!));
  }

  #load(shard: number): number {
    return this.#places[shard]!.load;
  }
}
