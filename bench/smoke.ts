/** `smoke`: everything is acked and delivered, how late, and what it costs per message. Targets of issue 3. */
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster, type TestCluster } from "../test/support/cluster.ts";
import { difference, type Servers, type Spent, spent } from "./cost.ts";
import type { Figure, Outcome } from "./figures.ts";
import type { LoadOptions, LoadResult } from "./load/generate.ts";
import { generateApart } from "./load/process.ts";
import { redisFloor } from "./redis-floor.ts";

/** `floor`: afterwards a bare loop on the same Redis, to compare with. */
export type SmokeOptions = Omit<LoadOptions, "nodes"> & { nodes: number; floor: boolean };

/** For Postgres to have everything, and to have counted it. */
const FLUSH_MS = 2_000;
/** Of the bare loop. */
const FLOOR_SECONDS = 5;

export async function smoke(options: SmokeOptions): Promise<Outcome> {
  const cluster = await startCluster({ nodes: options.nodes, env: { HUBBUB_LOG_LEVEL: "warn" } });
  try {
    const { result, cost } = await measure(cluster, options);
    const floorUs = options.floor ? await floorOf(cluster, options) : undefined;
    const figures = [...loadFigures(options, result), ...costFigures(options, result, cost, floorUs)];
    return { bench: "smoke", options, figures, notes: notesOn(result) };
  } finally {
    await cluster.stop();
  }
}

async function measure(
  cluster: TestCluster,
  options: SmokeOptions,
): Promise<{ result: LoadResult; cost: Spent }> {
  const { databaseUrl, nodes, redis } = cluster;
  const servers: Servers = {
    metricsUrls: nodes.map((node) => node.metricsUrl),
    redisUrl: redis.url,
    databaseUrl,
  };
  let from: Promise<Spent> | undefined;
  let to: Promise<Spent> | undefined;
  const { floor: _, ...rest } = options;
  const load: LoadOptions = { ...rest, nodes: nodes.map((node) => node.url) };
  const result = await generateApart(load, (phase) => {
    if (phase === "measure") from = spent(servers);
    if (phase === "measured") to = sleep(FLUSH_MS).then(() => spent(servers));
  });
  return { result, cost: difference((await from)!, (await to)!) };
}

/** Microseconds of Redis's CPU per message of a bare loop at the same rate; the nodes stand idle meanwhile. */
function floorOf({ redis }: TestCluster, { nodes, channels, rate, size }: SmokeOptions): Promise<number> {
  return redisFloor({ redisUrl: redis.url, writers: nodes, channels, rate, size, seconds: FLOOR_SECONDS });
}

function loadFigures(options: SmokeOptions, result: LoadResult): Figure[] {
  const { sent, acked, expected, delivered, delivery, ack, faults } = result;
  return [
    {
      name: "messages sent",
      value: sent,
      unit: "",
      target: { least: Math.floor(options.rate * options.seconds) },
    },
    { name: "acked", value: acked, unit: "", target: { least: sent } },
    { name: "delivered", value: delivered, unit: "", target: { least: expected } },
    {
      name: "duplicates, disorder, holes",
      value: faults.duplicates + faults.disorders + faults.holes,
      unit: "",
      target: { most: 0 },
    },
    { name: "gaps that were repaired", value: faults.gapsRepaired, unit: "" },
    { name: "refused or sent again", value: faults.refused + faults.resent, unit: "" },
    { name: "delivery p50", value: delivery.p50, unit: "ms" },
    { name: "delivery p95", value: delivery.p95, unit: "ms" },
    { name: "delivery p99", value: delivery.p99, unit: "ms", target: { most: 100 } },
    { name: "delivery max", value: delivery.max, unit: "ms" },
    { name: "ack p50", value: ack.p50, unit: "ms" },
    { name: "ack p95", value: ack.p95, unit: "ms" },
    { name: "ack p99", value: ack.p99, unit: "ms" },
  ];
}

function costFigures(
  options: SmokeOptions,
  { sent, delivered }: LoadResult,
  cost: Spent,
  floorUs: number | undefined,
): Figure[] {
  const perMessageUs = (seconds: number) => (seconds * 1e6) / sent;
  const redisUs = perMessageUs(cost.redisCpuSeconds);
  const beside = floorUs === undefined ? [] : floorFigures(redisUs, floorUs);
  return [
    { name: "Redis commands per message", value: cost.redisCommands / sent, unit: "", target: { most: 3 } },
    { name: "Redis CPU per message", value: redisUs, unit: "µs", target: { most: 15 } },
    ...beside,
    { name: "SQL statements per message", value: cost.sqlStatements / sent, unit: "", target: { most: 0.1 } },
    { name: "transactions per message", value: cost.transactions / sent, unit: "" },
    { name: "log appends per message", value: cost.logAppends / sent, unit: "" },
    { name: "server CPU per message", value: perMessageUs(cost.nodeCpuSeconds), unit: "µs" },
    { name: "server CPU per delivery", value: (cost.nodeCpuSeconds * 1e6) / delivered, unit: "µs" },
    { name: "memory of a node (RSS)", value: cost.nodeRssBytes / options.nodes / 2 ** 20, unit: "MiB" },
  ];
}

/** The ratio is below 1 where nodes are late: then they append and publish many messages at once, and the loop does not. */
function floorFigures(redisUs: number, floorUs: number): Figure[] {
  return [
    { name: "Redis CPU per message, bare loop", value: floorUs, unit: "µs" },
    { name: "Redis CPU per message, ratio to it", value: redisUs / floorUs, unit: "× floor" },
  ];
}

function notesOn({ generatorCpu, faults }: LoadResult): string[] {
  const notes = [
    `The load generator took ${(generatorCpu * 100).toFixed(0)} % of a core; its own delay is part of every latency.`,
  ];
  if (faults.failed.length > 0) notes.push(`Failed: ${faults.failed.slice(0, 5).join("; ")}`);
  return notes;
}
