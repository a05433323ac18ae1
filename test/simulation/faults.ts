/** What goes wrong, when the plan says so: at a time, or at the moment in which it hurts most. */
import { formatRow } from "../../src/cluster/placement-table.ts";
import type { Fault, FaultKind, Moment } from "./plan.ts";
import { KEYS, type SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

/** How far Redis's clock jumps, milliseconds: back by at most eight seconds, ahead by at most two. */
const SKEW_MS = 10_000;
const SKEW_BACK_MS = 8_000;

type Armed = Fault & { left: number; isDone: boolean };
type Strike = { world: World; fault: Fault; node: SimNode };

/** Between now and then. */
function meanwhile({ world, fault }: Strike, set: (on: boolean) => void): void {
  set(true);
  world.scheduler.after(fault.lastsMs, () => set(false));
}

const STRIKES: Record<FaultKind, (strike: Strike) => void> = {
  crash: ({ world, node, fault }) => world.crash(node, fault.lastsMs),
  freeze: ({ node, fault }) => node.machine.freeze(fault.lastsMs, false),
  suspend: ({ node, fault }) => node.machine.freeze(fault.lastsMs, true),
  partition: ({ node, fault }) => node.partition(fault.lastsMs),
  restart: ({ world: { redis, plan, keys, random }, fault }) => {
    redis.restart(fault.lose, fault.lastsMs);
    if (plan.isSkewed) keys.skewMs += random() * SKEW_MS - SKEW_BACK_MS;
  },
  stall: ({ world, fault }) => world.redis.freeze(fault.lastsMs),
  full: (strike) =>
    meanwhile(strike, (on) => {
      strike.world.redis.full = on;
    }),
  empty: ({ world }) => world.redis.empty(),
  cut: ({ world, node }) => node.cut(world.random() < 0.6),
  away: (strike) =>
    meanwhile(strike, (on) => {
      strike.world.postgres.isAway = on;
    }),
  slow: (strike) =>
    meanwhile(strike, (on) => {
      strike.world.postgres.isSlow = on;
    }),
  drain: ({ world, node }) => world.drain(node),
  move: ({ world, fault }) => move(world, fault.shard),
};

/** As if the leader had thought better of it: the row names another node, and the old one hands over. */
function move({ keys, nodes, network, random }: World, shard: number): void {
  const table = keys.get<Record<string, string>>(KEYS.placement) ?? {};
  const owner = nodes.find(({ id }) => table[shard]?.split(" ")[1] === id);
  const others = nodes.filter((node) => node !== owner && node.isJoined);
  const to = others[Math.floor(random() * others.length)];
  if (to === undefined || owner === undefined) return;
  const version = Number(table.version) + 1;
  const row = formatRow({ version, node: to.id, previous: owner.id });
  keys.set(KEYS.placement, { ...table, version: String(version), [shard]: row });
  network.publish(KEYS.announcements, String(version));
}

export class Faults {
  readonly #world: World;
  #armed: Armed[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  plan(faults: readonly Fault[]): void {
    const later = faults.filter(({ moment }) => moment !== undefined);
    this.#armed = later.map((fault) => ({ ...fault, left: fault.nth, isDone: false }));
    for (const fault of faults)
      if (fault.moment === undefined) this.#world.scheduler.after(fault.atMs, () => this.#strike(fault));
  }

  /** Just behind a step of this name; the fault comes before its answer, or within milliseconds. */
  moment(moment: Moment, shard?: number, node?: SimNode): void {
    const { scheduler, random } = this.#world;
    for (const fault of this.#armed) {
      if (fault.isDone || fault.moment !== moment || scheduler.nowMs() < fault.atMs) continue;
      if (shard !== undefined && fault.node === undefined && fault.shard !== shard) continue;
      if (--fault.left > 0) continue;
      fault.isDone = true;
      scheduler.after(random() < 0.7 ? 0 : random() * 10, () => this.#strike(fault, node));
    }
  }

  #strike(fault: Fault, at?: SimNode): void {
    const world = this.#world;
    if (world.isHealed) return;
    const node = fault.node === undefined ? (at ?? this.#owner(fault.shard)) : world.nodes[fault.node]!;
    const { kind, lastsMs, lose } = fault;
    const loses = kind === "restart" ? `, loses ${lose}` : "";
    world.trace(() => `** ${kind} ${node.id} ${Math.round(lastsMs)} ms${loses}`);
    STRIKES[kind]({ world, fault, node });
  }

  /** As the table has it, or anyone. */
  #owner(shard: number): SimNode {
    const { keys, nodes } = this.#world;
    const row = keys.get<Record<string, string>>(KEYS.placement)?.[String(shard)] ?? "";
    return nodes.find(({ id }) => row.split(" ")[1] === id) ?? nodes[0]!;
  }
}
