/** `docs/features.md`: no row is forgotten, no file is imagined, and what is built is named by its test. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, readPage } from "./blocks.ts";

/** How many rows each family has: C1 to C13, D1 to D10 … */
const FAMILIES = { C: 13, D: 10, P: 7, N: 5, S: 6, F: 5, K: 4, A: 10, O: 9 };
const STATES = ["built", "in part", "not built"];

const rows = [...readPage("docs/features.md").matchAll(/^\| ([A-Z]\d+) +\|(.+)\|$/gm)].map(([, id, rest]) => {
  const [feature, state, rule, witness, missing] = rest!.split("|").map((cell) => cell.trim());
  return { id: id!, feature: feature!, state: state!, rule: rule!, witness: witness!, missing: missing! };
});

/** The path that a cell's link leads to, from the root. */
function fileOf(cell: string): string | undefined {
  return /^\[[^\]]+\]\(\.\.\/([^)]+)\)$/.exec(cell)?.[1];
}

/** `rows C7, D7 and P1 to P3` names five. */
function namesRow(text: string, id: string): boolean {
  return [...text.matchAll(/\brows? ([A-Z]\d+(?:(?:, | and | to )[A-Z]\d+)*)/g)].some(([, list]) =>
    list!.split(/, | and /).some((part) => {
      const [from, to = from] = part.split(" to ") as [string, string?];
      const number = Number(id.slice(1));
      return id[0] === from[0] && number >= Number(from.slice(1)) && number <= Number(to.slice(1));
    }),
  );
}

test("docs/features.md has every row once, in order", () => {
  const ids = Object.entries(FAMILIES).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, i) => `${letter}${i + 1}`),
  );
  expect(rows.map(({ id }) => id)).toEqual(ids);
});

test.each(rows)("$id, $state", ({ id, state, rule, witness, missing }) => {
  expect(STATES).toContain(state);
  if (state === "not built") {
    expect([rule, witness]).toEqual(["", ""]);
    return;
  }
  for (const cell of [rule, witness]) {
    expect(existsSync(join(ROOT, fileOf(cell) ?? "no link")), cell).toBe(true);
  }
  if (state === "in part") expect(missing, "what is missing").not.toBe("");
  else {
    const text = readFileSync(join(ROOT, fileOf(witness)!), "utf8");
    expect(namesRow(text, id), `${fileOf(witness)} names row ${id}`).toBe(true);
  }
});

test("a row is named in any of the forms that tests use", () => {
  expect(namesRow('it("row C5: x")', "C5")).toBe(true);
  expect(namesRow('it("rows C7, D7: x")', "D7")).toBe(true);
  expect(namesRow('it("rows C5 and C6: x")', "C6")).toBe(true);
  expect(namesRow('it("rows P1 to P3: x")', "P2")).toBe(true);
  expect(namesRow('it("row C1: x")', "C13")).toBe(false);
  expect(namesRow('it("row C13: x")', "C1")).toBe(false);
});
