import { describe, expect, it } from "vitest";
import { fromFields, type LiveNode, toFields } from "./nodes.ts";
import { formatRow, PlacementTable, type Row } from "./placement-table.ts";
import { Surveyor } from "./survey.ts";

function tableOf(...rows: Row[]): PlacementTable {
  const table = new PlacementTable(rows.length);
  const version = Math.max(...rows.map((row) => row.version));
  table.take({
    version: String(version),
    ...Object.fromEntries(rows.map((row, shard) => [shard, formatRow(row)])),
  });
  return table;
}

function live(id: string, said: Partial<LiveNode> = {}): LiveNode {
  const blank = fromFields({ id, remainingMs: 6_000, fields: {} });
  const node: LiveNode = { ...blank, name: id, roles: ["actors"], tableVersion: 9, ...said };
  return fromFields({ id, remainingMs: 6_000, fields: toFields(node) });
}

const NOBODY: ReadonlySet<string> = new Set();

describe("a leader's survey", () => {
  it("rule P0: is unsure of an owner without a lease until it is known to be gone", () => {
    const table = tableOf({ version: 1, node: "a" });
    const surveyor = new Surveyor();
    expect(surveyor.look(table, [live("b")], NOBODY, 0).standings.get("a")).toBe("unsure");
    expect(surveyor.look(table, [live("b")], new Set(["a"]), 0).standings.has("a")).toBe(false);
  });

  it("takes a shard as served only if its owner had read the row when it said so", () => {
    const table = tableOf({ version: 5, node: "a" });
    const look = (tableVersion: number) =>
      new Surveyor().look(table, [live("a", { serving: new Set([0]), tableVersion })], NOBODY, 0);
    expect(look(4).places[0]!.settled).toBe(false);
    expect(look(5).places[0]!.settled).toBe(true);
  });

  it("rule P3: calls a shard stuck that is not served within 10 s, and gives the next owner twice as long", () => {
    const surveyor = new Surveyor();
    const stuckAt = (ms: number, row: Row) =>
      surveyor.look(tableOf(row), [live("a"), live("b")], NOBODY, ms).places[0]!.stuck;
    expect(stuckAt(0, { version: 1, node: "a" })).toBe(false);
    expect(stuckAt(9_999, { version: 1, node: "a" })).toBe(false);
    expect(stuckAt(10_001, { version: 1, node: "a" })).toBe(true);
    surveyor.strike(0);
    expect(stuckAt(10_100, { version: 2, node: "b" })).toBe(false);
    expect(stuckAt(25_000, { version: 2, node: "b" })).toBe(false);
    expect(stuckAt(30_200, { version: 2, node: "b" })).toBe(true);
  });

  it("rule P3: lets shards leave a node whose unflushed age stands out, not when all are late", () => {
    const table = tableOf({ version: 1, node: "a" });
    const standing = (agesMs: [number, number], surveyor = new Surveyor(), nowMs = 0) =>
      surveyor
        .look(
          table,
          [live("a", { unflushedAgeMs: agesMs[0] }), live("b", { unflushedAgeMs: agesMs[1] })],
          NOBODY,
          nowMs,
        )
        .standings.get("a");
    expect(standing([31_000, 10])).toBe("leaving");
    expect(standing([31_000, 31_000])).toBe("open");
    const surveyor = new Surveyor();
    standing([31_000, 10], surveyor, 0);
    expect(standing([0, 10], surveyor, 59_000)).toBe("leaving"); // it gets none back at once
    expect(standing([0, 10], surveyor, 61_000)).toBe("open");
  });

  it("gives no shards to nodes without the role, or that drain", () => {
    const nodes = [live("gateway", { roles: ["gateway"] }), live("old", { draining: true })];
    const { standings } = new Surveyor().look(tableOf({ version: 0 }), nodes, NOBODY, 0);
    expect([...standings]).toEqual([["old", "leaving"]]);
  });
});
