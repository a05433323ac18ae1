/**
 * `cuts`: every client's TCP connection is cut again and again for a while, under messages. Everything is delivered, once and
 * in order; and what was missed comes right behind the way back.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import { Doors } from "./load/doors.ts";
import { Flock, type FlockSeen, overAways } from "./load/flock.ts";
import { plantSite } from "./planted-site.ts";

/** `rate`: messages per second, over all channels. Each client is cut every `everySeconds` for `awaySeconds`. */
export type CutsOptions = {
  clients: number;
  nodes: number;
  rate: number;
  seconds: number;
  everySeconds: number;
  awaySeconds: number;
};

const MEMBERS_PER_CHANNEL = 20;
/** Clients that share a door, and so a cut. */
const PER_DOOR = 50;
/** Everyone has spoken before the first cut. */
const CALM_MS = 5_000;
/** What is missing after it is lost. */
const SETTLE_WITHIN_MS = 30_000;

export async function cuts(options: CutsOptions): Promise<Outcome> {
  const secret = randomBytes(32).toString("hex");
  const env = { HUBBUB_TOKEN_SECRET: secret, HUBBUB_LOG_LEVEL: "warn" };
  const cluster = await startCluster({ nodes: 0, env });
  let doors: Doors | undefined;
  let flock: Flock | undefined;
  try {
    const site = await plantSite(cluster.databaseUrl, secret, {
      people: options.clients,
      channels: Math.ceil(options.clients / MEMBERS_PER_CHANNEL),
      membersPerChannel: MEMBERS_PER_CHANNEL,
    });
    await Promise.all(Array.from({ length: options.nodes }, () => cluster.addNode()));
    const targets = cluster.nodes.map(({ url }) => url);
    doors = await Doors.open({ targets, count: Math.ceil(options.clients / PER_DOOR) });
    const { urls } = doors;
    const everyMs = (options.clients * 1_000) / options.rate;
    const members = site.people.map(({ token, channelIds }, i) => {
      const nodes = [urls[i % urls.length]!];
      return { token, channelIds, nodes, listeners: MEMBERS_PER_CHANNEL, everyMs };
    });
    flock = await Flock.gather({ members });
    const measured = await measure(flock, doors, options);
    const figures = figuresOf(measured, options);
    return { bench: "cuts", options, figures, notes: measured.seen.failed.slice(0, 5) };
  } finally {
    flock?.stop();
    doors?.stop();
    await cluster.stop();
  }
}

async function measure(flock: Flock, doors: Doors, { seconds, everySeconds, awaySeconds }: CutsOptions) {
  await flock.talk(true);
  await sleep(CALM_MS);
  await doors.begin(everySeconds * 1_000, awaySeconds * 1_000);
  await sleep(seconds * 1_000);
  const cut = await doors.end();
  await flock.talk(false);
  const isWhole = (seen: FlockSeen) =>
    seen.notListening === 0 && seen.acked >= seen.sent && seen.delivered >= seen.expected;
  return { cut, seen: await flock.until(isWhole, SETTLE_WITHIN_MS) };
}

function figuresOf({ cut, seen }: { cut: number; seen: FlockSeen }, options: CutsOptions): Figure[] {
  const offline = overAways(seen.aways, ({ lostAtMs, triedAtMs }) => triedAtMs && triedAtMs - lostAtMs);
  const way = overAways(seen.aways, ({ triedAtMs, listeningAtMs }) =>
    triedAtMs && listeningAtMs ? listeningAtMs - triedAtMs : undefined,
  );
  const [late, replayed] = [seen.late.percentiles(), seen.replayed.percentiles()];
  return [
    { name: "connections cut", value: cut, unit: "", target: { least: options.clients } },
    { name: "messages sent", value: seen.sent, unit: "" },
    { name: "acked", value: seen.acked, unit: "", target: { least: seen.sent } },
    {
      name: "delivered",
      value: (100 * seen.delivered) / seen.expected,
      unit: "%",
      target: { least: 100, most: 100 },
    },
    { name: "duplicates, disorder, holes", value: seen.wrong, unit: "", target: { most: 0 } },
    { name: "stranded", value: seen.notListening, unit: "", target: { most: 0 } },
    { name: "offline, until the way back begins, p50", value: offline.p50, unit: "ms" },
    { name: "offline, until the way back begins, p99", value: offline.p99, unit: "ms" },
    { name: "the way back, to all channels, p99", value: way.p99, unit: "ms" },
    { name: "missed messages", value: replayed.count, unit: "", target: { least: 1 } },
    { name: "missed messages: beyond the offline time, p50", value: replayed.p50, unit: "ms" },
    {
      name: "missed messages: beyond the offline time, p99",
      value: replayed.p99,
      unit: "ms",
      target: { most: 500 },
    },
    { name: "the others: late, p99", value: late.p99, unit: "ms" },
  ];
}
