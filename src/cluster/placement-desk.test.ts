import { expect, it } from "vitest";
import { shardStatuses } from "./placement-desk.ts";
import { formatRow, PlacementTable, type Row } from "./placement-table.ts";

function tableOf(...rows: Row[]): PlacementTable {
  const table = new PlacementTable(rows.length);
  table.take({ version: "9", ...Object.fromEntries(rows.map((row, shard) => [shard, formatRow(row)])) });
  return table;
}

it("shows who owns a shard, where it is on its way to, and whether anyone serves it", () => {
  const table = tableOf(
    { version: 1, node: "a" },
    { version: 2, node: "b", previous: "a" },
    { version: 2, node: "b", previous: "a" },
    { version: 2, node: "b" },
    { version: 0 },
    { version: 1, node: "c" },
  );
  const here = new Map([
    [
      "a",
      [
        { shard: 0, epoch: 4, channels: 3, load: 2.5 },
        { shard: 1, epoch: 5, channels: 1, load: 0 },
      ],
    ],
    ["b", []],
    ["c", [{ shard: 5, load: 7 }]], // said by its lease alone
  ]);
  expect(shardStatuses(table, here)).toEqual([
    { shard: 0, owner: "a", served: true, epoch: 4, channels: 3, load: 2.5 },
    { shard: 1, owner: "a", to: "b", served: true, epoch: 5, channels: 1, load: 0 },
    { shard: 2, owner: "a", to: "b", served: false },
    { shard: 3, to: "b", served: false },
    { shard: 4, served: false },
    { shard: 5, owner: "c", served: true, load: 7 },
  ]);
});
