import { expect, it } from "vitest";
import { countChecks, countTests } from "./tally.ts";

const clean = {
  success: true,
  numPassedTests: 3,
  numFailedTests: 0,
  testResults: [{ status: "passed", assertionResults: [{}] }],
};

it("counts each check as one", () => {
  expect(countChecks([true, false, true])).toEqual({ passed: 2, failed: 1 });
});

it("counts vitest's tests", () => {
  expect(countTests(clean, 0)).toEqual({ passed: 3, failed: 0 });
  expect(countTests({ ...clean, success: false, numFailedTests: 2 }, 1)).toEqual({ passed: 3, failed: 2 });
});

it("counts a file that failed before its first test", () => {
  const broken = { status: "failed", assertionResults: [] };
  expect(countTests({ ...clean, success: false, testResults: [broken] }, 1)).toEqual({
    passed: 3,
    failed: 1,
  });
});

it("never calls a failed run, an empty run, or one without a result passed", () => {
  expect(countTests(clean, 1)).toEqual({ passed: 3, failed: 1 });
  expect(countTests({ ...clean, success: false }, 0)).toEqual({ passed: 3, failed: 1 });
  expect(countTests({ ...clean, numPassedTests: 0, testResults: [] }, 0)).toEqual({ passed: 0, failed: 1 });
  expect(countTests(undefined, 0)).toEqual({ passed: 0, failed: 1 });
});
