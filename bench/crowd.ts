/**
 * `crowd`: a channel with very many listeners and members. What its owner does for a message does not depend on them; what a
 * gateway does is one write per listener and frame, and in a crowd one frame carries several messages (row A6).
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster } from "../test/support/cluster.ts";
import { scrape } from "./cost.ts";
import { fanOut } from "./crowd-fan-out.ts";
import { simulateCrowd } from "./crowd-simulation.ts";
import type { Figure, Outcome } from "./figures.ts";
import { Flock, type FlockSeen } from "./load/flock.ts";
import { plantSite } from "./planted-site.ts";

/** `listeners`: of the largest crowd by real sockets; `members`: of the largest channel; `seconds`: of each measurement. */
export type CrowdOptions = { listeners: number; members: number; simulated: number; seconds: number };

/** Messages per second into the measured channel. */
const RATE = 50;
const SETTLE_MS = 3_000;
const ALL_WITHIN_MS = 20_000;
/** Flat is ± 20 %. */
const FLAT_MOST = 1.2;

export async function crowd(options: CrowdOptions): Promise<Outcome> {
  const counts = [100, 1_000, options.listeners].filter((count, i, all) => i === 2 || count < all[2]!);
  const figures = [
    ...fanOutFigures(await fanOut(counts, options.seconds)),
    ...(await simulated([1_000, options.simulated])),
    ...(await owners(options)),
  ];
  return { bench: "crowd", options, figures };
}

function fanOutFigures(results: Awaited<ReturnType<typeof fanOut>>): Figure[] {
  const ratio = ({ cpuUs, floorUs }: (typeof results)[number]) => cpuUs / floorUs;
  const [least, most] = [results[0]!, results.at(-1)!];
  return [
    ...results.flatMap((result): Figure[] => {
      const what = `${result.listeners.toLocaleString("en")} sockets`;
      return [
        { name: `${what}: gateway's CPU per frame and listener`, value: result.cpuUs, unit: "µs" },
        { name: `${what}: bare loop`, value: result.floorUs, unit: "µs" },
        { name: `${what}: gateway to loop`, value: ratio(result), unit: "× floor" },
        { name: `${what}: messages in a frame`, value: result.messagesPerFrame, unit: "" },
      ];
    }),
    {
      name: "CPU per frame and listener, most listeners to fewest",
      value: most.cpuUs / least.cpuUs,
      unit: "×",
      target: { most: FLAT_MOST },
    },
    {
      name: "… each against its bare loop",
      value: ratio(most) / ratio(least),
      unit: "×",
      target: { most: FLAT_MOST },
    },
  ];
}

async function simulated(counts: readonly number[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of counts) {
    const result = await simulateCrowd(count);
    const what = `${count.toLocaleString("en")} simulated`;
    figures.push(
      { name: `${what}: the room's CPU per frame and listener`, value: result.cpuNs, unit: "ns" },
      { name: `${what}: messages in a frame`, value: result.messagesPerFrame, unit: "" },
      { name: `${what}: longest turn`, value: result.turnMs, unit: "ms" },
      { name: `${what}: heap of a listener in the room`, value: result.heapBytes, unit: "bytes" },
      { name: `${what}: out of order, or missing`, value: result.wrong, unit: "", target: { most: 0 } },
    );
  }
  return figures;
}

type Audience = { name: string; listeners: number; members: number };

function listening(count: number): Audience {
  return { name: `${count.toLocaleString("en")} listeners`, listeners: count, members: count };
}

/** CPU of a node that runs actors and no sockets, per message, under ever larger audiences; the idle node's is taken off. */
async function owners({ listeners, members, seconds }: CrowdOptions): Promise<Figure[]> {
  const audiences: Audience[] = [
    { name: "1 listener", listeners: 1, members: 1 },
    ...[1_000].filter((count) => count < listeners).map((count) => listening(count)),
    listening(listeners),
    { name: `1 listener of ${members.toLocaleString("en")} members`, listeners: 1, members },
  ];
  const costs: number[] = [];
  const figures: Figure[] = [];
  for (const audience of audiences) {
    const { cpuUs, seen } = await ownerOf(audience, seconds);
    costs.push(cpuUs);
    figures.push(
      { name: `owner's CPU per message: ${audience.name}`, value: cpuUs, unit: "µs" },
      {
        name: `delivered: ${audience.name}`,
        value: seen.delivered,
        unit: "",
        target: { least: seen.expected, most: seen.expected },
      },
    );
  }
  figures.push({
    name: "owner's CPU per message, most to least",
    value: Math.max(...costs) / Math.min(...costs),
    unit: "×",
    target: { most: FLAT_MOST ** 2 },
  });
  return figures;
}

async function ownerOf(
  { listeners, members }: Audience,
  seconds: number,
): Promise<{ cpuUs: number; seen: FlockSeen }> {
  const secret = randomBytes(32).toString("hex");
  const env = { HUBBUB_TOKEN_SECRET: secret, HUBBUB_LOG_LEVEL: "warn" };
  const cluster = await startCluster({ nodes: 0, env });
  let flock: Flock | undefined;
  try {
    const site = await plantSite(cluster.databaseUrl, secret, {
      people: members,
      channels: 1,
      membersPerChannel: members,
    });
    const owner = await cluster.addNode({ name: "owner", env: { HUBBUB_ROLES: "actors" } });
    const gateway = await cluster.addNode({ name: "gateway", env: { HUBBUB_ROLES: "gateway" } });
    flock = await Flock.gather({
      members: site.people.slice(0, listeners).map(({ token, channelIds }, i) => ({
        token,
        channelIds,
        nodes: [gateway.url],
        listeners,
        ...(i === 0 && { everyMs: 1_000 / RATE }),
      })),
    });
    const spent = async () => (await scrape(owner.metricsUrl)).get("process_cpu_seconds_total") ?? 0;
    /** Seconds of the owner's CPU while `seconds` pass. */
    const during = async () => {
      const from = await spent();
      await sleep(seconds * 1_000);
      return (await spent()) - from;
    };
    await sleep(SETTLE_MS);
    const idle = await during();
    await flock.talk(true);
    await sleep(SETTLE_MS);
    const before = await flock.see();
    const busy = await during();
    const after = await flock.see();
    await flock.talk(false);
    const seen = await flock.until(
      (now) => now.acked >= now.sent && now.delivered >= now.expected,
      ALL_WITHIN_MS,
    );
    return { cpuUs: ((busy - idle) * 1e6) / Math.max(1, after.acked - before.acked), seen };
  } finally {
    flock?.stop();
    await cluster.stop();
  }
}
