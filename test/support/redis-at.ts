/** A patient client of any Redis that `REDIS_URL` can name, for what a test asks beside the nodes. */
import { Cluster, Redis } from "ioredis";
import { parseRedisUrl } from "../../src/config/redis-target.ts";
import {
  clusterEntry,
  endpointOf,
  type RedisAddress,
  sentinelOptions,
  serverOptions,
} from "../../src/lib/redis-address.ts";

/** Waits for its servers, also for a master that is being elected. `ca`: as in `RedisAddress`. */
export function redisAt(url: string, ca?: string): Redis | Cluster {
  const trusted = { ...addressOf(url), ...(ca !== undefined && { ca }) };
  if (trusted.kind === "standalone") return new Redis(serverOptions(trusted));
  if (trusted.kind === "sentinel")
    return new Redis({ ...sentinelOptions(trusted), maxRetriesPerRequest: null });
  return new Cluster(trusted.urls.map(endpointOf), { redisOptions: clusterEntry(trusted) });
}

/** What a `REDIS_URL` says. */
export function addressOf(url: string): RedisAddress {
  const address = parseRedisUrl(url);
  if (address === undefined) throw new Error(`no REDIS_URL: ${url}`);
  return address;
}
