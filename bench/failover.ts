/** `failover`: owners killed, and owners drained, again and again: how long their channels take no message. */
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster, type TestCluster, type TestNode } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import { Latencies } from "./load/latencies.ts";
import { makeSite } from "./load/site.ts";
import { WritingProbe } from "./writing-probe.ts";

export type FailoverOptions = { rounds: number; channels: number };

const NODES = 3;
/** Of undisturbed writing, before and after each fault. */
const CALM_MS = 2_000;
const AGAIN_WITHIN_MS = 30_000;
/** A channel whose longest pause is below it was not touched: probes write every 50 ms. */
const TOUCHED_MS = 150;

export async function failover(options: FailoverOptions): Promise<Outcome> {
  const cluster = await startCluster({ nodes: NODES, env: { HUBBUB_LOG_LEVEL: "warn" } });
  try {
    const killed = new Latencies();
    const drained = new Latencies();
    const site = await makeSite({
      nodes: cluster.nodes.map(({ url }) => url),
      people: 2,
      channels: options.channels,
      membersPerChannel: 2,
    });
    const channelIds = site.channels.map(({ id }) => id);
    let refusedInDrains = 0;
    for (let round = 0; round < options.rounds; round++) {
      for (const how of ["kill", "term"] as const) {
        const { pauses, refused } = await disturb(cluster, how, site.people[0]!.token, channelIds);
        for (const pauseMs of pauses) (how === "kill" ? killed : drained).add(pauseMs);
        if (how === "term") refusedInDrains += refused;
      }
    }
    return { bench: "failover", options, figures: figures(killed, drained, refusedInDrains) };
  } finally {
    await cluster.stop();
  }
}

function figures(killed: Latencies, drained: Latencies, refusedInDrains: number): Figure[] {
  const [kill, drain] = [killed.percentiles(), drained.percentiles()];
  return [
    { name: "owner killed: channels that paused", value: kill.count, unit: "", target: { least: 1 } },
    { name: "owner killed: writes accepted again, p50", value: kill.p50, unit: "ms" },
    {
      name: "owner killed: writes accepted again, p99",
      value: kill.p99,
      unit: "ms",
      target: { most: 8_000 },
    },
    { name: "owner drained: channels that paused", value: drain.count, unit: "" },
    { name: "owner drained: pause p50", value: drain.p50, unit: "ms" },
    { name: "owner drained: pause p99", value: drain.p99, unit: "ms", target: { most: 500 } },
    { name: "owner drained: sends refused", value: refusedInDrains, unit: "", target: { most: 0 } },
  ];
}

/**
 * Ends the oldest of the running nodes under writes through another, starts it again, and answers the pauses of the
 * channels that paused.
 */
async function disturb(cluster: TestCluster, how: "kill" | "term", token: string, channelIds: string[]) {
  const [victim, witness] = cluster.nodes.slice(-NODES) as [TestNode, TestNode];
  const probe = await WritingProbe.open(witness.url, token, channelIds);
  await sleep(CALM_MS);
  const fromMs = performance.now();
  await victim[how]();
  await probe.untilAllWrite(performance.now(), AGAIN_WITHIN_MS);
  await sleep(CALM_MS);
  const pauses = probe.pausesMs(fromMs).filter((pauseMs) => pauseMs > TOUCHED_MS);
  const { refused } = probe;
  probe.close();
  // The list keeps those that ended in front: the running ones are its last.
  await cluster.addNode({ name: victim.name });
  await sleep(CALM_MS);
  return { pauses, refused };
}
