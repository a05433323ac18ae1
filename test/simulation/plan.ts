/** What a seed draws: the cluster, what people send and when, and what goes wrong. */
import { seeded } from "../../src/cluster/log/modelled-time.ts";

/** Until here things go wrong; then all is healed, and the cluster has to come to rest. */
export const CALM_MS = 30_000;
/** Channels are made before anything goes wrong. */
const BEGIN_MS = 4_000;

/**
 * `crash`: the process dies and starts again. `freeze`: it stands still, unlike its clock; `suspend`: both do. `partition`: a node
 * reaches no Redis. `restart`: Redis forgets its last writes. `stall`: it answers nothing for a while. `full`, `empty`. `cut`: the
 * connections of one node. `away`: Postgres. `slow`: only its flushes, by seconds. `drain`: a node leaves in order and comes back. `move`: a shard goes to another node.
 */
export const FAULTS = [
  "crash",
  "freeze",
  "suspend",
  "partition",
  "restart",
  "stall",
  "full",
  "empty",
  "cut",
  "away",
  "slow",
  "drain",
  "move",
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** Moments that are worth a fault: just behind the step of that name. */
export const MOMENTS = [
  "append",
  "barrier",
  "forgotten",
  "claim",
  "stands",
  "flush",
  "facts",
  "publish",
] as const;
export type Moment = (typeof MOMENTS)[number];

export type Fault = {
  kind: FaultKind;
  /** Not before this. */
  atMs: number;
  /** At the n-th such moment after that; absent: at once. */
  moment?: Moment;
  nth: number;
  /** Which node; absent: the one whose moment it is, else the owner of the shard. */
  node?: number;
  shard: number;
  lastsMs: number;
  /** Writes that Redis forgets. */
  lose: number;
};

export type Sending = { atMs: number; device: number; channel: number; isPersisted: boolean };

export type Plan = {
  seed: number;
  nodes: number;
  shards: number;
  channels: number;
  /** Two and two belong to one person. */
  devices: number;
  sendings: Sending[];
  faults: Fault[];
  /** Shares of the messages between nodes. */
  lost: number;
  late: number;
  /** Redis's clock jumps when another process answers. */
  isSkewed: boolean;
  keepForMs: number;
};

/** More often what has more to say: a node or Redis gone. */
const WEIGHTED: readonly FaultKind[] = [
  ...FAULTS,
  "crash",
  "freeze",
  "restart",
  "restart",
  "restart",
  "cut",
  "cut",
];

export function planOf(seed: number): Plan {
  const random = seeded(seed * 7_919 + 13);
  const int = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const pick = <T>(among: readonly T[]): T => among[int(0, among.length - 1)]!;
  const isStorm = random() < 0.7;
  const fromMs = int(BEGIN_MS, CALM_MS - 12_000);
  const within = () => (isStorm ? int(fromMs, fromMs + 7_000) : int(BEGIN_MS, CALM_MS - 4_000));
  const [shards, channels, devices] = [int(1, 3), int(1, 3), int(2, 5)];
  const persisted = random() < 0.3 ? 0.5 : 0.1;
  const sendings = Array.from({ length: int(8, 40) }, () => ({
    atMs: within() - (isStorm ? int(0, 2_000) : 0),
    device: int(0, devices - 1),
    channel: int(1, channels),
    isPersisted: random() < persisted,
  }));
  const fault = (): Fault => {
    const kind = pick(WEIGHTED);
    const moment = random() < 0.6 ? pick(MOMENTS) : undefined;
    return {
      kind,
      atMs: within(),
      moment,
      nth: int(1, moment === "append" || moment === "publish" || moment === "facts" ? 12 : 3),
      node: random() < 0.3 ? int(0, 2) : undefined,
      shard: int(0, shards - 1),
      lastsMs: durationOf(kind, random),
      lose: random() < 0.2 ? 0 : int(1, 40),
    };
  };
  return {
    seed,
    nodes: 3,
    shards,
    channels,
    devices,
    sendings: sendings.toSorted((a, b) => a.atMs - b.atMs),
    faults: [
      ...Array.from({ length: isStorm ? int(2, 9) : int(1, 6) }, fault),
      ...(random() < 0.3 ? pick(MISFORTUNES)(fromMs, int(0, shards - 1), random) : []),
    ],
    lost: random() < 0.5 ? 0.03 : 0,
    late: random() < 0.5 ? 0.05 : 0,
    isSkewed: random() < 0.3,
    keepForMs: pick([1_000, 600_000]),
  };
}

type Misfortune = (fromMs: number, shard: number, random: () => number) => Fault[];

/** What seldom comes together by chance alone, and hurts when it does. */
const MISFORTUNES: readonly Misfortune[] = [
  /** The owner hears nothing while another takes its shard, and Redis forgets that. */
  (atMs, shard, random) => {
    const common = { nth: 1, shard, lose: 0 };
    const kind = random() < 0.5 ? "freeze" : "partition";
    const barrier = { moment: "barrier" as const, nth: 1 + Math.floor(random() * 2) };
    return [
      { ...common, kind, atMs, lastsMs: 2_100 + random() * 3_000 },
      { ...common, kind: "move", atMs: atMs + 20, lastsMs: 0 },
      {
        ...common,
        ...barrier,
        kind: "restart",
        atMs: atMs + 100,
        lastsMs: 50,
        lose: 1 + Math.floor(random() * 8),
      },
    ];
  },
  /** Redis forgets what Postgres does not have yet, and a little later the owner dies. */
  (atMs, shard, random) => {
    const common = { shard, lose: 0, lastsMs: 4_000 };
    const moment = random() < 0.5 ? ("append" as const) : ("publish" as const);
    const lose = 1 + Math.floor(random() * 6);
    return [
      { ...common, kind: "slow", nth: 1, atMs, lastsMs: 8_000 },
      { ...common, kind: "restart", moment, nth: 1 + Math.floor(random() * 3), atMs, lose, lastsMs: 50 },
      {
        ...common,
        kind: "crash",
        moment: "publish",
        nth: 1 + Math.floor(random() * 3),
        atMs: atMs + 1_000 + random() * 2_000,
      },
    ];
  },
  /** Redis forgets what Postgres does not have yet, and comes back when every lease has lapsed. */
  (atMs, shard, random) => {
    const common = { shard, lose: 0 };
    const lose = 1 + Math.floor(random() * 6);
    const restart = { moment: "publish" as const, nth: 1 + Math.floor(random() * 5), lose };
    return [
      { ...common, kind: "slow", nth: 1, atMs, lastsMs: 12_000 },
      { ...common, ...restart, kind: "restart", atMs: atMs + 500, lastsMs: 5_500 + random() * 3_000 },
    ];
  },
];

/** Milliseconds, each kind within what shows what it does: leases last 6 s, requests 4 s. */
function durationOf(kind: FaultKind, random: () => number): number {
  const long = random() < 0.3;
  const upTo = (ms: number) => 50 + random() * ms;
  switch (kind) {
    case "restart":
      return upTo(long ? 9_000 : 1_500);
    case "away":
      return upTo(long ? 20_000 : 6_000);
    case "crash":
      return upTo(8_000);
    default:
      return upTo(12_000);
  }
}
