/**
 * `storm`: everyone on one gateway loses it at once, killed with -9, and comes back to the others. How soon each hears
 * `session:ready` and listens again, what that costs those who were there, and whether a message was read from Postgres.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { counted } from "../test/cluster/stores.ts";
import { startCluster, type TestCluster, type TestNode } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import { Flock, type FlockSeen, overAways } from "./load/flock.ts";
import { type MemberOptions, nowMs } from "./load/flock-member.ts";
import type { Percentiles } from "./load/latencies.ts";
import { RttProbe } from "./load/rtt-probe.ts";
import { COUNTED_POSTGRES, countStatements, type MessageReads, messageReads } from "./message-reads.ts";
import { type PlantedSite, plantSite } from "./planted-site.ts";

/** `clients`: all of them on the gateway that is killed. `rate`: messages per second of those who stay, over all channels. */
export type StormOptions = { clients: number; nodes: number; rate: number };

/** Of each client. */
const CHANNELS = 3;
const MEMBERS_PER_CHANNEL = 50;
/** Everyone writes before the storm: the owners know who they are. */
const CALM_MS = 5_000;
/** Who is not back by then is stranded. */
const BACK_WITHIN_MS = 60_000;
const SETTLE_WITHIN_MS = 20_000;

export async function storm(options: StormOptions): Promise<Outcome> {
  const secret = randomBytes(32).toString("hex");
  const env = { HUBBUB_TOKEN_SECRET: secret, HUBBUB_LOG_LEVEL: "warn" };
  const cluster = await startCluster({ nodes: 0, env, postgres: COUNTED_POSTGRES });
  let flocks: Flock[] = [];
  try {
    const channels = Math.ceil((options.clients * CHANNELS) / (MEMBERS_PER_CHANNEL - 1));
    const site = await plant(cluster, secret, channels, options.clients);
    await Promise.all(Array.from({ length: options.nodes }, () => cluster.addNode()));
    const [victim, ...others] = cluster.nodes as [TestNode, ...TestNode[]];
    const residents = await Flock.gather({ members: residentsOf(site, others, options) });
    flocks = [residents];
    const crowd = await Flock.gather({ members: crowdOf(site, victim, others, options.clients) });
    flocks.push(crowd);
    const measured = await measure(cluster, victim, others, { residents, crowd, site });
    return { bench: "storm", options, ...(await outcome(options, measured, others)) };
  } finally {
    for (const flock of flocks) flock.stop();
    await cluster.stop();
  }
}

/** The first `clients` people share the channels; the last person of each channel is its resident, who writes. */
function plant(
  cluster: TestCluster,
  secret: string,
  channels: number,
  clients: number,
): Promise<PlantedSite> {
  const memberOf = (c: number, m: number) =>
    m === MEMBERS_PER_CHANNEL - 1 ? clients + c : (c * (MEMBERS_PER_CHANNEL - 1) + m) % clients;
  return plantSite(cluster.databaseUrl, secret, {
    people: clients + channels,
    channels,
    membersPerChannel: MEMBERS_PER_CHANNEL,
    memberOf,
  });
}

function residentsOf(
  site: PlantedSite,
  others: readonly TestNode[],
  { clients, rate }: StormOptions,
): MemberOptions[] {
  const residents = site.people.slice(clients);
  return residents.map(({ token, channelIds }, i) => ({
    token,
    channelIds,
    nodes: [others[i % others.length]!.url],
    listeners: MEMBERS_PER_CHANNEL,
    everyMs: (residents.length * 1_000) / rate,
  }));
}

/** All on the victim; each has its own order of the others, as behind a balancer. */
function crowdOf(
  site: PlantedSite,
  victim: TestNode,
  others: readonly TestNode[],
  clients: number,
): MemberOptions[] {
  return site.people.slice(0, clients).map(({ token, channelIds }, i) => {
    const turned = [...others.slice(i % others.length), ...others.slice(0, i % others.length)];
    const nodes = [victim, ...turned].map(({ url }) => url);
    return { token, channelIds, nodes, listeners: MEMBERS_PER_CHANNEL };
  });
}

type Measured = {
  killedAtMs: number;
  /** Connections to the victim that were lost before it was killed: a machine that is too busy for this run. */
  leftBefore: number;
  seen: FlockSeen;
  residents: FlockSeen;
  before: Percentiles;
  during: Percentiles;
  reads: MessageReads;
};

async function measure(
  { databaseUrl }: TestCluster,
  victim: TestNode,
  others: readonly TestNode[],
  { residents, crowd, site }: { residents: Flock; crowd: Flock; site: PlantedSite },
): Promise<Measured> {
  const probe = await RttProbe.open(
    others.map(({ url }) => url),
    site.people.at(-1)!.token,
  );
  await residents.talk(true);
  await sleep(CALM_MS);
  await countStatements(databaseUrl);
  const before = probe.take();
  const leftBefore = (await crowd.see()).aways.length;
  const killedAtMs = nowMs();
  await victim.kill();
  const isBack = (seen: FlockSeen) => seen.aways.length > 0 && seen.notListening === 0;
  await crowd.until(isBack, BACK_WITHIN_MS);
  const during = probe.take();
  probe.close();
  await residents.talk(false);
  const talked = await residents.until((seen) => seen.acked >= seen.sent, SETTLE_WITHIN_MS);
  const expected = talked.expected;
  const seen = await crowd.until((now) => now.delivered + talked.delivered >= expected, SETTLE_WITHIN_MS);
  const reads = await messageReads(databaseUrl);
  return { killedAtMs, leftBefore, seen, residents: await residents.see(), before, during, reads };
}

async function outcome(options: StormOptions, measured: Measured, others: readonly TestNode[]) {
  const { killedAtMs, leftBefore, seen, residents, before, during, reads } = measured;
  const connects = async (result: string) => {
    const each = others.map((node) => counted(node, "hubbub_connects_total", `result="${result}"`));
    return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
  };
  const firstAways = seen.aways.filter(({ lostAtMs }) => lostAtMs >= killedAtMs);
  const since = (atMs: number | undefined) => (atMs === undefined ? undefined : atMs - killedAtMs);
  const ready = overAways(firstAways, ({ readyAtMs }) => since(readyAtMs));
  const listening = overAways(firstAways, ({ listeningAtMs }) => since(listeningAtMs));
  const delivered = seen.delivered + residents.delivered;
  const figures: Figure[] = [
    {
      name: "clients that came back",
      value: ready.count,
      unit: "",
      target: { least: options.clients - leftBefore },
    },
    {
      name: "stranded: not ready, or deaf in a channel",
      value: seen.notReady + seen.notListening,
      unit: "",
      target: { most: 0 },
    },
    { name: "killed to `session:ready`, p50", value: ready.p50, unit: "ms" },
    { name: "killed to `session:ready`, p95", value: ready.p95, unit: "ms", target: { most: 5_000 } },
    { name: "killed to `session:ready`, max", value: ready.max, unit: "ms" },
    { name: "killed to all channels, p50", value: listening.p50, unit: "ms" },
    { name: "killed to all channels, p99", value: listening.p99, unit: "ms", target: { most: 8_000 } },
    { name: "told to come back later: at the door", value: await connects("turned_away"), unit: "" },
    { name: "told to come back later: in line", value: await connects("overloaded"), unit: "" },
    { name: "pages of messages read from Postgres", value: reads.pages, unit: "", target: { most: 0 } },
    { name: "look-ups of what its author sent again", value: reads.lookUps, unit: "" },
    { name: "deliveries that should have been", value: residents.expected, unit: "" },
    {
      name: "delivered",
      value: delivered,
      unit: "",
      target: { least: residents.expected, most: residents.expected },
    },
    {
      name: "duplicates, disorder, holes",
      value: seen.wrong + residents.wrong,
      unit: "",
      target: { most: 0 },
    },
    { name: "who was there: answer p99, before", value: before.p99, unit: "ms" },
    { name: "who was there: answer p99, meanwhile", value: during.p99, unit: "ms" },
    { name: "who was there: answer max, meanwhile", value: during.max, unit: "ms" },
  ];
  const failed = [...seen.failed, ...residents.failed].slice(0, 5);
  const left = leftBefore > 0 ? [`${leftBefore} connections were lost before the node was killed.`] : [];
  return { figures, notes: [...left, ...reads.texts, ...failed] };
}
