import { expect, it } from "vitest";
import { Asked } from "./asked.ts";

/** Looked at once, with a shard put on `b`. */
function kept(): Asked {
  const asked = new Asked();
  asked.review(["a", "b"], 0);
  asked.put(7, "b");
  asked.review(["a", "b"], 0.4);
  return asked;
}

it("keeps a shard where an operator put it, as long as it is there", () => {
  const asked = kept();
  asked.review(["a", "b"], 0.6);
  expect([
    asked.isKept(7, "b"),
    asked.isKept(7, "a"),
    asked.isKept(7, undefined),
    asked.isKept(8, "b"),
  ]).toEqual([true, false, false, false]);
});

it("forgets it when other nodes take shards than before", () => {
  const asked = kept();
  asked.review(["a", "b", "c"], 0.4);
  expect(asked.isKept(7, "b")).toBe(false);
});

it("forgets it when loads have drifted further apart than the wish itself brought them", () => {
  const asked = kept();
  asked.review(["a", "b"], 0.66);
  expect(asked.isKept(7, "b")).toBe(false);
});
