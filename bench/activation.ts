/** `activation`: what the first message in a channel that nobody has in memory takes more than the next one. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "../protocol/refusals.ts";
import { startCluster } from "../test/support/cluster.ts";
import type { Outcome } from "./figures.ts";
import { Latencies } from "./load/latencies.ts";
import { type Link, rawLink } from "./load/link.ts";
import { openNodeSocket } from "./load/node-socket.ts";
import { makeSite } from "./load/site.ts";
import { uuidv7 } from "./load/uuid.ts";

export type ActivationOptions = { channels: number };

/** The least that a node may be told: actors leave memory after it. */
const ACTOR_IDLE_MS = 1_000;
const PASSIVE_WITHIN_MS = 30_000;

export async function activation(options: ActivationOptions): Promise<Outcome> {
  const cluster = await startCluster({
    nodes: 1,
    env: { HUBBUB_ACTOR_IDLE_MS: String(ACTOR_IDLE_MS), HUBBUB_LOG_LEVEL: "warn" },
  });
  try {
    const { url, metricsUrl } = cluster.nodes[0]!;
    const site = await makeSite({
      nodes: [url],
      people: 2,
      channels: options.channels,
      membersPerChannel: 2,
    });
    const link = await connect(url, site.people[0]!.token);
    await untilPassive(metricsUrl);
    const [cold, warm] = [new Latencies(), new Latencies()];
    for (const { id } of site.channels) {
      cold.add(await timedSend(link, id));
      warm.add(await timedSend(link, id));
    }
    link.close();
    const [first, next] = [cold.percentiles(), warm.percentiles()];
    return {
      bench: "activation",
      options,
      figures: [
        { name: "cold activation, p50", value: first.p50 - next.p50, unit: "ms", target: { most: 5 } },
        { name: "first ack in a cold channel, p50", value: first.p50, unit: "ms" },
        { name: "first ack in a cold channel, p99", value: first.p99, unit: "ms" },
        { name: "next ack, p50", value: next.p50, unit: "ms" },
        { name: "next ack, p99", value: next.p99, unit: "ms" },
      ],
    };
  } finally {
    await cluster.stop();
  }
}

/** No channel is in memory any more. */
async function untilPassive(metricsUrl: string): Promise<void> {
  const deadline = performance.now() + PASSIVE_WITHIN_MS;
  for (;;) {
    const response = await fetch(`${metricsUrl}/metrics`);
    const [, actors] = /^hubbub_actors\{[^}]*kind="channel"[^}]*\} (\d+)/m.exec(await response.text()) ?? [];
    if (actors === "0") return;
    if (performance.now() > deadline)
      throw new Error(`${actors} channel actors are still in memory after ${PASSIVE_WITHIN_MS} ms`);
    await sleep(200);
  }
}

function connect(url: string, token: string): Promise<Link> {
  return new Promise((resolve, reject) => {
    const link = rawLink(openNodeSocket)(
      url,
      { token, protocol: 1 },
      {
        event(name) {
          if (name === "session:ready") resolve(link);
        },
        refused: (error) => reject(new Error(JSON.stringify(error))),
        closed: (reason) => reject(new Error(reason)),
      },
    );
  });
}

function timedSend(link: Link, channelId: string): Promise<number> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    link.emit("message:send", { channelId, clientId: uuidv7(Date.now()), content: "a message" }, (raw) => {
      const answer = raw as Answer;
      if (answer.ok) resolve(performance.now() - from);
      else reject(new Error(JSON.stringify(answer.error)));
    });
  });
}
