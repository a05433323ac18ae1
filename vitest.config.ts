import { defineConfig } from "vitest/config";

/**
 * `unit`: no server, milliseconds. `servers`: against a real Redis and Postgres, started once by the global setup.
 * `cluster`: real node processes under faults; one file at a time and after all others, since leases and takeovers are held
 * against a clock and two cores are few.
 * People in a browser have a config of their own, `test/e2e/vitest.config.ts`: `npm run test:e2e`; two versions side by side too:
 * `npm run test:upgrade`; stores of other shapes: `npm run test:topologies`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{protocol,actors,gateway,src,scripts,bench,test}/**/*.test.ts"],
          exclude: [
            "**/*.server.test.ts",
            "test/cluster/**",
            "test/e2e/**",
            "test/upgrade/**",
            "test/topologies/**",
          ],
        },
      },
      {
        test: {
          name: "servers",
          include: ["{actors,gateway,src,test}/**/*.server.test.ts"],
          exclude: ["test/cluster/**"],
          globalSetup: ["test/support/global-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
