/** Counts what passed and failed. */

export type Tally = { passed: number; failed: number };

/** What is read of vitest's JSON report. */
export type VitestResult = {
  success: boolean;
  numPassedTests: number;
  numFailedTests: number;
  testResults: readonly { status: string; assertionResults: readonly unknown[] }[];
};

/** Each check of the checkout is one. */
export function countChecks(results: readonly boolean[]): Tally {
  const passed = results.filter(Boolean).length;
  return { passed, failed: results.length - passed };
}

/**
 * vitest's tests, and as one failure more each: a file that failed before its first test, and a run that failed with
 * every test passed (an unhandled error, a broken setup) or left no result at all.
 */
export function countTests(result: VitestResult | undefined, exitCode: number): Tally {
  if (result === undefined) return { passed: 0, failed: 1 };
  const brokenFiles = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  const failed = result.numFailedTests + brokenFiles.length;
  const ranNothing = result.numPassedTests + failed === 0;
  const unexplained = failed === 0 && (exitCode !== 0 || !result.success || ranNothing);
  return { passed: result.numPassedTests, failed: failed + (unexplained ? 1 : 0) };
}
