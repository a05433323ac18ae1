/** Starts the Redis and the Postgres of a run before the first file, and ends them after the last. */
import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

/** Resolves when both answer. What it returns ends them; a run that is killed ends them as well (see `reaper.ts`). */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  project.provide("redisUrl", redis.url);
  project.provide("postgresUrl", postgres.adminUrl);
  return async () => {
    await Promise.all([redis.stop(), postgres.remove()]);
  };
}
