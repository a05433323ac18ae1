import { expect, it } from "vitest";
import { shardOf } from "./shard-of.ts";

it("stays what it is: another function would look for every channel in the wrong place", () => {
  expect(shardOf("0190f5c4-3b7a-7c3e-8f21-1a2b3c4d5e6f", 256)).toBe(194);
  expect(shardOf("0190f5c4-3b7a-7c3e-8f21-1a2b3c4d5e70", 256)).toBe(102);
});

it("spreads ids evenly, also those that follow each other", () => {
  const counts = new Array<number>(256).fill(0);
  for (let i = 0; i < 256_000; i++)
    counts[shardOf(`0190f5c4-3b7a-7c3e-8f21-${i.toString(16).padStart(12, "0")}`, 256)]!++;
  const chiSquared = counts.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
  expect(chiSquared).toBeLessThan(350); // 255 degrees of freedom: exceeded by chance once in 10,000
});
