import { describe, expect, it } from "vitest";
import { BREAK_MS, Continuity } from "./continuity.ts";

describe("how long Redis has answered without a break (rule P0)", () => {
  const answering = (...times: number[]) => {
    const continuity = new Continuity();
    for (const ms of times) continuity.answered("run-1", ms, ms + 1);
    return continuity;
  };

  it("counts from the first question that was answered", () => {
    expect(answering(0, 1_000, 2_000).unbrokenMs()).toBe(2_001);
  });

  it("starts again when Redis is another process", () => {
    const continuity = answering(0, 1_000);
    continuity.answered("run-2", 2_000, 2_001);
    expect(continuity.unbrokenMs()).toBe(1);
  });

  it("starts again after silence, as when this node was stopped", () => {
    expect(answering(0, 1_000, 1_002 + BREAK_MS).unbrokenMs()).toBe(1);
  });

  it("starts again after a question that failed", () => {
    const continuity = answering(0, 1_000);
    continuity.broke();
    expect(continuity.unbrokenMs()).toBe(0);
    continuity.answered("run-1", 1_100, 1_110);
    expect(continuity.unbrokenMs()).toBe(10);
  });
});
