import { expect, it } from "vitest";
import { formatRow, PlacementTable, parseRow } from "./placement-table.ts";

it("writes and reads rows", () => {
  for (const row of [
    { version: 3 },
    { version: 3, node: "a.1" },
    { version: 3, node: "a.1", previous: "b.2" },
  ])
    expect(parseRow(formatRow(row))).toEqual(row);
  expect(parseRow(undefined)).toEqual({ version: 0 });
});

it("tells which rows changed, and never goes back", () => {
  const table = new PlacementTable(3);
  const heard: (readonly number[])[] = [];
  table.onChange((changed) => heard.push(changed));
  expect(table.take({ version: "2", leaderEpoch: "4", 0: "1 a -", 1: "2 b -" })).toBe(2);
  expect(table.take({ version: "3", leaderEpoch: "4", 0: "1 a -", 1: "3 a b", 2: "3 a -" })).toBe(3);
  expect(heard).toEqual([
    [0, 1],
    [1, 2],
  ]);
  expect(table.take({ version: "1", leaderEpoch: "1", 0: "1 c -" })).toBe(1);
  expect(table.take({})).toBe(0);
  expect([table.version, table.leaderEpoch, table.owner(0), table.row(1).previous]).toEqual([3, 4, "a", "b"]);
});
