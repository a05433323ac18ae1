import { expect, it } from "vitest";
import { fromFields } from "./nodes.ts";
import { formatRow, PlacementTable, type Row } from "./placement-table.ts";
import { countShards } from "./status.ts";

function live(id: string, serving: number[]) {
  return { ...fromFields({ id, remainingMs: 6_000, fields: {} }), serving: new Set(serving) };
}

it("counts a shard that is handed over as moving, and one for which nobody answers as unserved", () => {
  const rows: Row[] = [
    { version: 1, node: "a" },
    { version: 2, node: "b", previous: "a" }, // b does not serve it yet, a is there
    { version: 2, node: "b", previous: "gone" },
    { version: 2, node: "b" }, // taken over from the dead
    { version: 2, node: "gone" },
    { version: 0 },
  ];
  const table = new PlacementTable(rows.length);
  table.take({ version: "2", ...Object.fromEntries(rows.map((row, shard) => [shard, formatRow(row)])) });
  expect(countShards(table, [live("a", [0, 1]), live("b", [])])).toEqual({
    count: 6,
    moving: 1,
    unserved: 4,
  });
  expect(countShards(table, [live("a", [0, 1]), live("b", [1, 2, 3])])).toMatchObject({
    moving: 0,
    unserved: 2,
  });
});
