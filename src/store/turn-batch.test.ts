import { expect, test } from "vitest";
import { turnBatch } from "./turn-batch.ts";

test("what is asked in one turn is one question, answered in order", async () => {
  const questions: (readonly number[])[] = [];
  const ask = turnBatch<number, number>(10, async (keys) => {
    questions.push(keys);
    return keys.map((key) => key * 2);
  });
  expect(await Promise.all([ask(1), ask(2), Promise.resolve().then(() => ask(3))])).toEqual([2, 4, 6]);
  expect(await ask(4)).toBe(8);
  expect(questions).toEqual([[1, 2, 3], [4]]);
});

test("more than fits one question is several", async () => {
  const sizes: number[] = [];
  const ask = turnBatch<number, number>(2, async (keys) => {
    sizes.push(keys.length);
    return [...keys];
  });
  expect(await Promise.all([1, 2, 3, 4, 5].map(ask))).toEqual([1, 2, 3, 4, 5]);
  expect(sizes).toEqual([2, 2, 1]);
});

test("everyone who asked hears of a failure, and the next turn asks again", async () => {
  let fails = true;
  const ask = turnBatch<number, number>(10, async (keys) => {
    if (fails) throw new Error("away");
    return [...keys];
  });
  expect(await Promise.allSettled([ask(1), ask(2)])).toMatchObject([
    { status: "rejected" },
    { status: "rejected" },
  ]);
  fails = false;
  expect(await ask(1)).toBe(1);
});
