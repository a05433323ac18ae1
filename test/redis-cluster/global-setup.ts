/** The Redis of such a run is a Cluster; all else is as in `npm test`. */
import type { TestProject } from "vitest/node";
import { startPostgres } from "../support/postgres.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

/** As `test/support/global-setup.ts`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [redis, postgres] = await Promise.all([startRedisCluster(), startPostgres()]);
  project.provide("redisUrl", redis.url);
  project.provide("postgresUrl", postgres.adminUrl);
  return async () => {
    await Promise.all([redis.stop(), postgres.remove()]);
  };
}
