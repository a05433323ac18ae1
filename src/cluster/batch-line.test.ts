import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Batch, BatchLine } from "./batch-line.ts";

let told: Batch[] = [];
let line: BatchLine;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  line = new BatchLine((batch) => told.push(batch));
});
afterEach(() => void vi.useRealTimers());

it("tells shards that move round after round in one line, with how many came from whom and how long it took", () => {
  for (let round = 0; round < 8; round++) {
    line.add({ from: "a" });
    line.add({ from: round < 4 ? "a" : "b" });
    vi.advanceTimersByTime(150);
  }
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([{ shards: 16, tookMs: 1_050, counts: { from: { a: 12, b: 4 } } }]);
});

it("counts from when the first move began", () => {
  line.add({}, performance.now() - 300);
  line.add({});
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([{ shards: 2, tookMs: 300, counts: {} }]);
});

it("begins a new batch after a pause, and does not keep silent about moves that never end", () => {
  line.add({});
  vi.advanceTimersByTime(1_100);
  for (let i = 0; i < 40; i++) {
    line.add({});
    vi.advanceTimersByTime(500);
  }
  expect(told.map(({ shards }) => shards)).toEqual([1, 31]);
  line.flush();
  line.flush();
  expect(told.map(({ shards }) => shards)).toEqual([1, 31, 9]);
});
