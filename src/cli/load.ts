/** `hubbub load`: what the cluster does under a load that you choose. The generator is the one of the benches. */
import type { LoadResult } from "../../bench/load/generate.ts";
import { codeOf, Trouble } from "../lib/trouble.ts";
import type { ClusterStatus } from "../ports.ts";
import { askAdmin } from "./admin-api.ts";
import { table } from "./table.ts";
import { count, percent, plural } from "./units.ts";

export type LoadRequest = {
  sockets: number;
  channels: number;
  /** Messages per second over all channels. */
  rate: number;
  seconds: number;
  /** Characters of a message. */
  size: number;
  json?: boolean;
};

/** At the same rate, before anything is measured: code is warm then, and channels are open. */
const WARM_UP_SECONDS = 2;

/** Prints what was acked and delivered, and how late; the process ends with 1 when anything is missing, doubled or out of order. */
export async function runLoad(request: LoadRequest): Promise<void> {
  const { sockets, channels, rate, seconds, size, json = false } = request;
  if (sockets < channels)
    throw new Trouble(
      `${plural(sockets, "socket")} cannot listen to ${plural(channels, "channel")}: each takes one at least. Give fewer channels, or more sockets.`,
    );
  const { nodes } = await askAdmin<ClusterStatus>("/status");
  const urls = nodes.filter(({ url, draining }) => url !== "" && !draining).map(({ url }) => url);
  if (urls.length === 0) throw new Trouble('No node takes clients: each drains, or has no role "gateway".');
  const listeners = Math.floor(sockets / channels);
  const say = (line: string) => (json ? undefined : console.error(line));
  say(
    `Making ${plural(channels, "channel")} of ${plural(listeners, "listener")} over ${plural(urls.length, "node")} …`,
  );
  const { generateApart } = await generator();
  const load = { nodes: urls, channels, listeners, rate, seconds, size, warmUpSeconds: WARM_UP_SECONDS };
  const result = await generateApart(load, (phase) => {
    if (phase === "measure") say(`Sending ${count(rate)} messages a second for ${count(seconds)} s …`);
  }).catch((error: Error) => {
    throw new Trouble(whyNot(error.message));
  });
  console.log(json ? JSON.stringify({ load, result }, undefined, 2) : describeLoad(result));
  if (!isClean(result)) process.exitCode = 1;
}

/** It comes with a checkout, and with packages for development: an image that only serves has neither. */
async function generator() {
  try {
    return await import("../../bench/load/process.ts");
  } catch (error) {
    if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Trouble(
      "The load generator is not here: run hubbub load from a checkout, after npm install, with HUBBUB_ADMIN_URL and HUBBUB_ADMIN_TOKEN of the cluster.",
    );
  }
}

function whyNot(message: string): string {
  if (/rate_limited|answered 429/.test(message))
    return "The cluster limits how many accounts one address may make: start it with HUBBUB_RATE_LIMITS=off for a load test.";
  return `The load could not be driven: ${message}`;
}

function isClean({ sent, acked, expected, delivered, faults }: LoadResult): boolean {
  const { duplicates, disorders, holes } = faults;
  return acked === sent && delivered === expected && duplicates + disorders + holes === 0;
}

/** Two tables, and a sentence on what is wrong. Latencies are of this run on this machine. */
export function describeLoad(result: LoadResult): string {
  const { sent, acked, expected, delivered, delivery, ack, faults, generatorCpu } = result;
  const ms = (value: number) => value.toFixed(1);
  const counts = table(
    ["", { number: "of" }, { number: "arrived" }],
    [
      ["messages acked", count(sent), count(acked)],
      ["deliveries", count(expected), count(delivered)],
    ],
  );
  const latencies = table(
    ["ms", ...["p50", "p95", "p99", "max"].map((number) => ({ number }))],
    [
      ["ack", ms(ack.p50), ms(ack.p95), ms(ack.p99), ms(ack.max)],
      ["delivery", ms(delivery.p50), ms(delivery.p95), ms(delivery.p99), ms(delivery.max)],
    ],
  );
  const { duplicates, disorders, holes, gapsRepaired, resent, refused, failed } = faults;
  const lines = [
    isClean(result)
      ? "Everything was acked and delivered, once and in order."
      : `Not all is well: ${count(sent - acked)} not acked, ${count(expected - delivered)} not delivered, ${count(duplicates)} doubled, ${count(disorders)} out of order, ${count(holes)} missing in between.`,
    `${count(gapsRepaired)} gaps repaired, ${count(resent)} sent again, ${count(refused)} refused. The generator took ${percent(generatorCpu)} of a core.`,
    ...failed.slice(0, 3),
  ];
  return [counts, latencies, lines.join("\n")].join("\n\n");
}
