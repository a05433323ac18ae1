/**
 * `drains`: everyone on one gateway is sent away in order, under messages. Each is told so, and when to return; they come back
 * in waves, nothing is refused, nothing is missing, and no channel pauses for long.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster, type TestCluster, type TestNode } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import { Flock, type FlockSeen, overAways } from "./load/flock.ts";
import { RttProbe } from "./load/rtt-probe.ts";
import { plantSite } from "./planted-site.ts";
import { WritingProbe } from "./writing-probe.ts";

/** `clients`: on the node that is drained; they write at `rate` messages per second over all channels. */
export type DrainsOptions = { clients: number; nodes: number; rate: number };

const MEMBERS_PER_CHANNEL = 20;
/** Channels that are written to without a client's patience, to see pauses. */
const PROBED = 48;
const CALM_MS = 5_000;
const SETTLE_WITHIN_MS = 30_000;
const AGAIN_WITHIN_MS = 30_000;
/** Comings of all in so short a time are counted: the most are the herd. */
const HERD_MS = 100;
/** The most of them that may come in it: five waves, each spread over two seconds that overlap, are a thirtieth of all. */
const HERD_SHARE_MOST = 0.1;

export async function drains(options: DrainsOptions): Promise<Outcome> {
  const secret = randomBytes(32).toString("hex");
  const env = { HUBBUB_TOKEN_SECRET: secret, HUBBUB_LOG_LEVEL: "warn" };
  const cluster = await startCluster({ nodes: 0, env });
  let flock: Flock | undefined;
  try {
    const { clients } = options;
    const crowded = Math.ceil(clients / MEMBERS_PER_CHANNEL);
    const site = await plantSite(cluster.databaseUrl, secret, {
      people: clients + MEMBERS_PER_CHANNEL,
      channels: crowded + PROBED,
      membersPerChannel: MEMBERS_PER_CHANNEL,
      // The last people are of the probed channels.
      memberOf: (c, m) => (c < crowded ? (c * MEMBERS_PER_CHANNEL + m) % clients : clients + m),
    });
    await Promise.all(Array.from({ length: options.nodes }, () => cluster.addNode()));
    const [victim, ...others] = cluster.nodes as [TestNode, ...TestNode[]];
    const everyMs = (clients * 1_000) / options.rate;
    const members = site.people.slice(0, clients).map(({ token, channelIds }, i) => {
      const nodes = [victim, others[i % others.length]!].map(({ url }) => url);
      return { token, channelIds, nodes, listeners: MEMBERS_PER_CHANNEL, everyMs };
    });
    flock = await Flock.gather({ members });
    const writer = site.people.at(-1)!;
    const figures = await measure(cluster, flock, writer, options);
    return { bench: "drains", options, figures };
  } finally {
    flock?.stop();
    await cluster.stop();
  }
}

async function measure(
  { nodes }: TestCluster,
  flock: Flock,
  writer: { token: string; channelIds: string[] },
  options: DrainsOptions,
): Promise<Figure[]> {
  const [victim, ...others] = nodes as [TestNode, ...TestNode[]];
  const urls = others.map(({ url }) => url);
  const probe = await WritingProbe.open(urls[0]!, writer.token, writer.channelIds);
  const answers = await RttProbe.open(urls, writer.token);
  await flock.talk(true);
  await sleep(CALM_MS);
  const before = answers.take();
  const fromMs = performance.now();
  await victim.term();
  await probe.untilAllWrite(performance.now(), AGAIN_WITHIN_MS);
  const pauses = probe.pausesMs(fromMs);
  await flock.until((seen) => seen.notListening === 0, SETTLE_WITHIN_MS);
  const meanwhile = answers.take();
  const { refused } = probe;
  probe.close();
  answers.close();
  await flock.talk(false);
  const isWhole = (seen: FlockSeen) => seen.acked >= seen.sent && seen.delivered >= seen.expected;
  const seen = await flock.until(isWhole, SETTLE_WITHIN_MS);
  return [
    ...goneFigures(seen, options),
    {
      name: "longest pause of a channel, p99",
      value: worst(pauses, 0.99),
      unit: "ms",
      target: { most: 500 },
    },
    { name: "sends refused at the others", value: refused, unit: "", target: { most: 0 } },
    { name: "who was there: answer p99, before", value: before.p99, unit: "ms" },
    { name: "who was there: answer p99, meanwhile", value: meanwhile.p99, unit: "ms" },
  ];
}

function goneFigures(seen: FlockSeen, { clients }: DrainsOptions): Figure[] {
  const told = seen.closings.filter(
    ({ reason, reconnectAfterMs }) => reason === "drain" && reconnectAfterMs !== undefined,
  );
  const away = overAways(seen.aways, ({ lostAtMs, readyAtMs }) => readyAtMs && readyAtMs - lostAtMs);
  const comings = seen.aways.flatMap(({ readyAtMs }) => readyAtMs ?? []);
  return [
    { name: "told to go, and when to return", value: told.length, unit: "", target: { least: clients } },
    { name: "lost their connection", value: seen.aways.length, unit: "", target: { most: clients } },
    { name: "stranded", value: seen.notListening, unit: "", target: { most: 0 } },
    { name: "away, p50", value: away.p50, unit: "ms" },
    { name: "away, max", value: away.max, unit: "ms" },
    {
      name: `came back within one time of ${HERD_MS} ms, at most`,
      value: (100 * herd(comings)) / clients,
      unit: "%",
      target: { most: 100 * HERD_SHARE_MOST },
    },
    { name: "messages sent", value: seen.sent, unit: "" },
    { name: "acked", value: seen.acked, unit: "", target: { least: seen.sent } },
    {
      name: "delivered",
      value: seen.delivered,
      unit: "",
      target: { least: seen.expected, most: seen.expected },
    },
    { name: "duplicates, disorder, holes", value: seen.wrong, unit: "", target: { most: 0 } },
  ];
}

/** The most of these times that lie within `HERD_MS` of each other. */
function herd(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  let [most, from] = [0, 0];
  for (const [i, atMs] of sorted.entries()) {
    while (atMs - sorted[from]! > HERD_MS) from += 1;
    most = Math.max(most, i - from + 1);
  }
  return most;
}

function worst(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? 0;
}
