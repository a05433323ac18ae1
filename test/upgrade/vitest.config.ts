import { defineConfig } from "vitest/config";

/** `upgrade`: two versions in one cluster. A config of its own, since it takes minutes, and the older version out of git. */
export default defineConfig({
  test: {
    name: "upgrade",
    include: ["test/upgrade/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
});
