import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { missingFromLock, platformEntry } from "./complete-lock.mjs";

it("the lock names every package of other platforms, else npm ci refuses it (node scripts/complete-lock.mjs)", () => {
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package-lock.json"), "utf8"));
  expect(missingFromLock(lock.packages)).toEqual([]);
});

it("finds what npm left out", () => {
  const packages = {
    "": {},
    "node_modules/tool": {
      version: "1.0.0",
      optionalDependencies: {
        "@tool/a-linux-x64": "1.0.0",
        "@tool/a-darwin-arm64": "1.0.0",
        other: "^2.0.0",
      },
    },
    "node_modules/@tool/a-linux-x64": { version: "1.0.0" },
  };
  expect(missingFromLock(packages)).toEqual([["@tool/a-darwin-arm64", "1.0.0"]]);
});

it("reads the platform from the name", () => {
  expect(platformEntry("@t/b-linux-x64-musl", "1.0.0")).toMatchObject({
    os: ["linux"],
    cpu: ["x64"],
    libc: ["musl"],
    optional: true,
  });
  expect(platformEntry("@t/b-win32-arm64-msvc", "1.0.0")).not.toHaveProperty("libc");
  expect(() => platformEntry("plain", "1.0.0")).toThrow("no platform");
});
