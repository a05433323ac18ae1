import { defineConfig } from "vitest/config";

/** `e2e`: people in a real Chromium on a real cluster. A config of its own, since `npm test` runs without a browser. */
export default defineConfig({
  test: {
    name: "e2e",
    include: ["test/e2e/**/*.test.ts"],
    globalSetup: ["test/e2e/require-chromium.ts"],
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 120_000,
  },
});
