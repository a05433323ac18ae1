/** Can a store be used from here, and if not, why? */
import { Cluster, Redis } from "ioredis";
import pg from "pg";
import type { RedisTarget } from "../config/redis-target.ts";
import { codeOf } from "../lib/trouble.ts";

const CONNECT_WITHIN_MS = 3_000;

/** Why Redis does not answer `PING`; undefined when it does. */
export async function whyNoRedis(target: RedisTarget): Promise<string | undefined> {
  const options = {
    lazyConnect: true,
    connectTimeout: CONNECT_WITHIN_MS,
    commandTimeout: CONNECT_WITHIN_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
  const client =
    target.kind === "standalone"
      ? new Redis(target.url, options)
      : new Cluster([...target.urls], {
          lazyConnect: true,
          redisOptions: options,
          clusterRetryStrategy: () => null,
        });
  let last: unknown;
  client.on("error", (error) => {
    last = error; // says more than the rejection: "Connection is closed."
  });
  try {
    await client.connect();
    await client.ping();
    return undefined;
  } catch (error) {
    return reason(last ?? error);
  } finally {
    client.disconnect();
  }
}

/** Why Postgres does not answer a query; undefined when it does. */
export async function whyNoPostgres(url: string): Promise<string | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: CONNECT_WITHIN_MS,
  });
  client.on("error", () => {}); // the calls below reject as well
  try {
    await client.connect();
    await client.query("select 1");
    return undefined;
  } catch (error) {
    return reason(error);
  } finally {
    await client.end().catch(() => {}); // never connected
  }
}

/** In few words: the system's code where there is one, else the first line. */
function reason(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  if (!(inner instanceof Error)) return String(inner);
  const code = codeOf(inner);
  return code?.startsWith("E") ? code : (inner.message.split("\n")[0] ?? "");
}
