import { defineConfig } from "vitest/config";

/** Apart from `npm test`: each file brings stores of another shape, and waits for elections of theirs. One at a time. */
export default defineConfig({
  test: {
    include: ["test/topologies/*.test.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
    root: process.cwd(),
  },
});
