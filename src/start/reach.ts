/** Can a store be used from here, and if not, why? */
import { Cluster, Redis } from "ioredis";
import pg from "pg";
import { DATABASE_URL_FORM, databaseUrls } from "../lib/database-urls.ts";
import {
  clusterEntry,
  endpointOf,
  type RedisAddress,
  sentinelOptions,
  serverOptions,
} from "../lib/redis-address.ts";
import { codeOf } from "../lib/trouble.ts";

const CONNECT_WITHIN_MS = 3_000;

/** Why Redis does not answer `PING`; undefined when it does. */
export async function whyNoRedis(address: RedisAddress): Promise<string | undefined> {
  const client = clientOf(address);
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

/** Tries once. */
function clientOf(address: RedisAddress): Redis | Cluster {
  const options = {
    lazyConnect: true,
    connectTimeout: CONNECT_WITHIN_MS,
    commandTimeout: CONNECT_WITHIN_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  };
  if (address.kind === "standalone") return new Redis({ ...serverOptions(address), ...options });
  if (address.kind === "sentinel") return new Redis({ ...sentinelOptions(address), ...options });
  return new Cluster(address.urls.map(endpointOf), {
    lazyConnect: true,
    redisOptions: { ...clusterEntry(address), ...options },
    clusterRetryStrategy: () => null,
  });
}

/** Why no server of a `DATABASE_URL` can be used; undefined when one can. */
export async function whyNoPostgres(databaseUrl: string): Promise<string | undefined> {
  const found = await primaryOf(databaseUrl);
  return "why" in found ? found.why : undefined;
}

/** The URL of the server that is used: of one alone, itself; of several, the first that is no standby. */
export async function primaryOf(databaseUrl: string): Promise<{ url: string } | { why: string }> {
  const urls = databaseUrls(databaseUrl);
  if (urls === undefined) return { why: `expected ${DATABASE_URL_FORM}` };
  const reasons: string[] = [];
  for (const url of urls) {
    const why = await whyNotThisPostgres(url, urls.length > 1);
    if (why === undefined) return { url };
    reasons.push(why);
  }
  return { why: reasons.join(", ") };
}

async function whyNotThisPostgres(url: string, mustLead: boolean): Promise<string | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: CONNECT_WITHIN_MS,
  });
  client.on("error", () => {}); // the calls below reject as well
  try {
    await client.connect();
    const { rows } = await client.query("select pg_is_in_recovery() as follows");
    return mustLead && rows[0].follows ? "a standby" : undefined;
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
