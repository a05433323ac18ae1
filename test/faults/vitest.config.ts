import { defineConfig } from "vitest/config";

/** Apart from `npm test`: it takes as long as it is told to. */
export default defineConfig({
  test: {
    include: ["test/faults/runs.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
    root: process.cwd(),
  },
});
