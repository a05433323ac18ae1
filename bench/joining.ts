/**
 * `joining`: one more node under load: how soon it has its share of the shards, how many of them are on their way at once, and
 * how long a message is under way meanwhile, against before.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterStatus } from "../src/ports.ts";
import { startCluster, type TestCluster } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import { makeSite } from "./load/site.ts";
import { WritingProbe } from "./writing-probe.ts";

/** `nodes`: with the one that joins. `channels` are written to all the time. */
export type JoiningOptions = { nodes: number; channels: number; calmSeconds: number };

const SHARDS = 256;
/** Rule of placement: so many may be on their way at once. */
const MOVING_SHARE_MOST = 0.05;
const SHARE_WITHIN_MS = 60_000;
const GIVE_UP_MS = 180_000;
/** Leases tell of a change within 50 ms. */
const LOOK_MS = 25;
/** After the last move, for what its callers waited for. */
const SETTLE_MS = 1_000;

type Moves = { sharedMs: number; shardsOfJoiner: number; movingMost: number };

export async function joining(options: JoiningOptions): Promise<Outcome> {
  const before = options.nodes - 1;
  const cluster = await startCluster({ nodes: before, env: { HUBBUB_LOG_LEVEL: "warn" } });
  try {
    const site = await makeSite({
      nodes: cluster.nodes.map(({ url }) => url),
      people: 2,
      channels: options.channels,
      membersPerChannel: 2,
    });
    const channelIds = site.channels.map(({ id }) => id);
    const probe = await WritingProbe.open(cluster.nodes[0]!.url, site.people[0]!.token, channelIds);
    await sleep(options.calmSeconds * 1_000);
    const calm = probe.takeLatencies();
    const fromMs = performance.now();
    const moves = await join(cluster, options.nodes);
    await sleep(SETTLE_MS);
    const meanwhile = probe.takeLatencies();
    const pauses = probe.pausesMs(fromMs);
    const { refused } = probe;
    probe.close();
    const figures: Figure[] = [
      ...moveFigures(moves, options.nodes),
      { name: "ack p99, before", value: calm.p99, unit: "ms" },
      { name: "ack p99, while it joins", value: meanwhile.p99, unit: "ms" },
      {
        name: "ack p99, while it joins, against before",
        value: meanwhile.p99 / calm.p99,
        unit: "×",
        target: { most: 2 },
      },
      { name: "longest pause of a channel", value: Math.max(...pauses), unit: "ms" },
      { name: "sends refused", value: refused, unit: "", target: { most: 0 } },
    ];
    return { bench: "joining", options, figures };
  } finally {
    await cluster.stop();
  }
}

function moveFigures({ sharedMs, shardsOfJoiner, movingMost }: Moves, nodes: number): Figure[] {
  const most = Math.floor(SHARDS * MOVING_SHARE_MOST);
  return [
    {
      name: "its share",
      value: shardsOfJoiner,
      unit: "shards",
      target: { least: Math.floor(SHARDS / nodes) },
    },
    {
      name: "has it after",
      value: sharedMs / 1_000,
      unit: "s",
      target: { most: SHARE_WITHIN_MS / 1_000 },
    },
    { name: "on their way at once", value: movingMost, unit: "shards", target: { most } },
  ];
}

/** Starts one more node, and follows what the leases say until it serves its share. */
async function join(cluster: TestCluster, nodes: number): Promise<Moves> {
  const share = Math.floor(SHARDS / nodes);
  const startedAtMs = performance.now();
  const joiner = cluster.addNode();
  let [id, joinedAtMs] = ["", startedAtMs];
  joiner.then(
    (node) => {
      [id, joinedAtMs] = [node.id, performance.now()];
    },
    () => {}, // it is awaited below
  );
  const moves: Moves = { sharedMs: GIVE_UP_MS, shardsOfJoiner: 0, movingMost: 0 };
  while (performance.now() - startedAtMs < GIVE_UP_MS) {
    const { nodes: standing, shards } = await status(cluster);
    moves.movingMost = Math.max(moves.movingMost, shards.moving + shards.unserved);
    moves.shardsOfJoiner = standing.find((node) => node.id === id)?.shards ?? 0;
    if (moves.shardsOfJoiner >= share) {
      moves.sharedMs = performance.now() - joinedAtMs;
      break;
    }
    await sleep(LOOK_MS);
  }
  await joiner;
  return moves;
}

async function status({ nodes, adminToken }: TestCluster): Promise<ClusterStatus> {
  const response = await fetch(`${nodes[0]!.metricsUrl}/admin/status`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  if (!response.ok) throw new Error(`the status answered ${response.status}`);
  return (await response.json()) as ClusterStatus;
}
