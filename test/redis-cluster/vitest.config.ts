import { defineConfig } from "vitest/config";

/**
 * `npm run test:redis-cluster`: what the tests of gateway and cluster show on one Redis, on a Redis Cluster of three masters;
 * then a cluster of nodes on one whose slots move and whose master dies. Apart from `npm test`, which asks the same of one Redis.
 */
export default defineConfig({
  test: {
    include: [
      "gateway/{connected,delivery,hostile-input,hostile-packets,listening,own-faults,presence,rates,sessions}.server.test.ts",
      "gateway/auth/verifier.server.test.ts",
      "src/cluster/redis-cluster.server.test.ts",
      "test/topologies/redis-cluster.test.ts",
    ],
    globalSetup: ["test/redis-cluster/global-setup.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    root: process.cwd(),
  },
});
