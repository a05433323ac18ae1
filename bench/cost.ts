/** What the servers have spent: two looks, and the difference between them. */
import { Redis } from "ioredis";
import pg from "pg";

/** Totals since the servers started. */
export type Spent = {
  redisCommands: number;
  redisCpuSeconds: number;
  /** Sent by the nodes, as they count them. */
  sqlStatements: number;
  /** Committed and rolled back in our database, as Postgres counts them: it reports up to a second late. */
  transactions: number;
  nodeCpuSeconds: number;
  /** Now, summed over the nodes. */
  nodeRssBytes: number;
  deliveries: number;
  logAppends: number;
};

export type Servers = { metricsUrls: readonly string[]; redisUrl: string; databaseUrl: string };

export async function spent(servers: Servers): Promise<Spent> {
  const [nodes, redis, transactions] = await Promise.all([
    Promise.all(servers.metricsUrls.map(scrape)),
    redisSpent(servers.redisUrl),
    transactionsOf(servers.databaseUrl),
  ]);
  const sum = (name: string) => nodes.reduce((total, samples) => total + (samples.get(name) ?? 0), 0);
  return {
    ...redis,
    transactions,
    sqlStatements: sum("hubbub_postgres_statements_total"),
    nodeCpuSeconds: sum("process_cpu_seconds_total"),
    nodeRssBytes: sum("process_resident_memory_bytes"),
    deliveries: sum("hubbub_deliveries_total"),
    logAppends: sum("hubbub_log_appends_total"),
  };
}

export function difference(from: Spent, to: Spent): Spent {
  const by = Object.fromEntries(
    Object.entries(to).map(([key, value]) => [key, value - from[key as keyof Spent]]),
  );
  return { ...(by as Spent), nodeRssBytes: to.nodeRssBytes };
}

/** Samples by metric name, summed over labels. */
export async function scrape(metricsUrl: string): Promise<Map<string, number>> {
  const response = await fetch(`${metricsUrl}/metrics`);
  if (!response.ok) throw new Error(`${metricsUrl}/metrics answered ${response.status}`);
  const samples = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const [, name, value] = /^([a-z_]+)(?:\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (name !== undefined) samples.set(name, (samples.get(name) ?? 0) + Number(value));
  }
  return samples;
}

export async function redisSpent(url: string): Promise<{ redisCommands: number; redisCpuSeconds: number }> {
  const redis = new Redis(url);
  try {
    const info = await redis.info();
    const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
    return {
      redisCommands: field("total_commands_processed"),
      redisCpuSeconds: field("used_cpu_user") + field("used_cpu_sys"),
    };
  } finally {
    redis.disconnect();
  }
}

async function transactionsOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = current_database()",
    );
    return (rows as { count: number }[])[0]!.count;
  } finally {
    await client.end();
  }
}
