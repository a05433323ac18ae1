/** `outage`: Postgres goes away under a steady load of messages, and comes back. Nothing is lost, and it catches up soon. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { counted } from "../test/cluster/stores.ts";
import { startCluster, type TestCluster } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import type { LoadResult } from "./load/generate.ts";
import { generateApart } from "./load/process.ts";

/** `rate`: messages per second over all channels, before, while and after Postgres is away for `awaySeconds`. */
export type OutageOptions = { nodes: number; channels: number; rate: number; awaySeconds: number };

const LISTENERS = 10;
/** Characters of a message. */
const SIZE = 120;
/** Everyone has written in their channel once before Postgres goes: its owner knows them. */
const TURNS_BEFORE = 2;
/** Under load, before Postgres goes and after it is back. */
const CALM_SECONDS = 5;
const AFTER_SECONDS = 10;
/** Between two looks at what waits. A gauge is a second old at most. */
const LOOK_MS = 200;
/** What waits at any moment with Postgres there: less than a second of messages. */
const CALM_SHARE_OF_RATE = 1;
const CAUGHT_UP_WITHIN_MS = 180_000;

type Backlog = { mostEvents: number; caughtUpMs: number };

export async function outage(options: OutageOptions): Promise<Outcome> {
  const cluster = await startCluster({ nodes: options.nodes, env: { HUBBUB_LOG_LEVEL: "error" } });
  try {
    let backlog: Promise<Backlog> | undefined;
    const result = await generateApart(
      {
        nodes: cluster.nodes.map(({ url }) => url),
        channels: options.channels,
        listeners: LISTENERS,
        rate: options.rate,
        seconds: CALM_SECONDS + options.awaySeconds + AFTER_SECONDS,
        size: SIZE,
        warmUpSeconds: Math.ceil((TURNS_BEFORE * options.channels * LISTENERS) / options.rate),
      },
      (phase) => {
        if (phase === "measure") backlog = goAway(cluster, options);
      },
    );
    const figures = figuresOf(result, await backlog!, await stored(cluster.databaseUrl));
    return { bench: "outage", options, figures, notes: result.faults.failed.slice(0, 5) };
  } finally {
    await cluster.stop();
  }
}

/** Stops Postgres, starts it again, and follows what waits for it. */
async function goAway(cluster: TestCluster, { awaySeconds, rate }: OutageOptions): Promise<Backlog> {
  await sleep(CALM_SECONDS * 1_000);
  await cluster.postgres.stop();
  await sleep(awaySeconds * 1_000);
  const mostEvents = await unflushed(cluster);
  await cluster.postgres.start();
  const backAtMs = performance.now();
  while ((await unflushed(cluster)) > rate * CALM_SHARE_OF_RATE) {
    if (performance.now() - backAtMs > CAUGHT_UP_WITHIN_MS) break;
    await sleep(LOOK_MS);
  }
  return { mostEvents, caughtUpMs: performance.now() - backAtMs };
}

async function unflushed({ nodes }: TestCluster): Promise<number> {
  const each = await Promise.all(nodes.map((node) => counted(node, "hubbub_log_unflushed_events")));
  return each.reduce((sum, events) => sum + events, 0);
}

/** Messages that counted, and their ids: once everything is written. */
async function stored(databaseUrl: string): Promise<{ rows: number; distinct: number }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (let before = -1; ; ) {
      const { rows } = await client.query(
        `select count(*)::int as rows, count(distinct client_id)::int as distinct from messages where content like 'm%'`,
      );
      const now = rows[0] as { rows: number; distinct: number };
      if (now.rows === before) return now;
      before = now.rows;
      await sleep(2_000);
    }
  } finally {
    await client.end();
  }
}

function figuresOf(
  result: LoadResult,
  backlog: Backlog,
  inPostgres: { rows: number; distinct: number },
): Figure[] {
  const { sent, acked, expected, delivered, delivery, ack, faults } = result;
  return [
    { name: "messages sent", value: sent, unit: "" },
    { name: "acked", value: acked, unit: "", target: { least: sent } },
    { name: "delivered", value: delivered, unit: "", target: { least: expected, most: expected } },
    {
      name: "duplicates, disorder, holes",
      value: faults.duplicates + faults.disorders + faults.holes,
      unit: "",
      target: { most: 0 },
    },
    { name: "in Postgres", value: inPostgres.rows, unit: "", target: { least: acked, most: sent } },
    { name: "there twice", value: inPostgres.rows - inPostgres.distinct, unit: "", target: { most: 0 } },
    {
      name: "waited for Postgres at the end of it",
      value: backlog.mostEvents,
      unit: "events",
      target: { least: 1 },
    },
    { name: "caught up after", value: backlog.caughtUpMs / 1_000, unit: "s", target: { most: 30 } },
    { name: "sends refused, and made again", value: faults.refused + faults.resent, unit: "" },
    { name: "ack p99, Postgres there and away", value: ack.p99, unit: "ms" },
    { name: "delivery p99, Postgres there and away", value: delivery.p99, unit: "ms" },
  ];
}
