import { describe, expect, it } from "vitest";
import { assign, type Move } from "./assign.ts";
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

  it("names the nodes that Postgres has kept waiting for 2 s: no shard is to move there", () => {
    const nodes = [live("a", { unflushedAgeMs: 1_999 }), live("b", { unflushedAgeMs: 2_000 })];
    const { behind } = new Surveyor().look(tableOf({ version: 1, node: "a" }), nodes, NOBODY, 0);
    expect([...behind]).toEqual(["b"]);
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

  it("lets shards leave a node whose event loop is late for ten seconds, not when all are late", () => {
    const table = tableOf({ version: 1, node: "a" });
    const nodes = (lagMs: number, others: number) => [live("a", { lagMs }), live("b", { lagMs: others })];
    const surveyor = new Surveyor();
    const standing = (lagMs: number, others: number, nowMs: number) =>
      surveyor.look(table, nodes(lagMs, others), NOBODY, nowMs).standings.get("a");
    expect([0, 9_000].map((ms) => standing(1_500, 20, ms))).toEqual(["open", "open"]);
    expect(standing(100, 20, 9_500)).toBe("open"); // on time again: what was counted is forgotten
    expect([10_000, 19_000].map((ms) => standing(1_500, 1_500, ms))).toEqual(["open", "open"]);
    expect(standing(1_500, 1_500, 21_000)).toBe("open");
    expect(standing(1_500, 20, 22_000)).toBe("leaving");
    expect(standing(0, 20, 81_000)).toBe("leaving");
    expect(standing(0, 20, 83_000)).toBe("open");
  });

  it("gives nothing to a node that renews late, and takes nothing from it", () => {
    const late = { ...live("a"), leaseAgeMs: 4_100 };
    const { standings } = new Surveyor().look(
      tableOf({ version: 1, node: "a" }),
      [late, live("b")],
      NOBODY,
      0,
    );
    expect([...standings]).toEqual([
      ["a", "resting"],
      ["b", "open"],
    ]);
  });

  it("takes a load along with its shard, until the new owner has had time to measure it", () => {
    const surveyor = new Surveyor();
    const look = (row: Row, owner: LiveNode, nowMs: number) =>
      surveyor.look(tableOf(row), [owner, live("c")], NOBODY, nowMs).places[0]!.load;
    const serving = (id: string, load: number) =>
      live(id, { serving: new Set([0]), loads: new Map([[0, load]]) });
    look({ version: 1, node: "a" }, serving("a", 500), 0);
    expect(look({ version: 1, node: "a" }, serving("a", 500), 11_000)).toBe(500);
    expect(look({ version: 2, node: "b", previous: "a" }, live("b"), 12_000)).toBe(500); // on its way
    expect(look({ version: 2, node: "b", previous: "a" }, serving("b", 40), 13_000)).toBe(500);
    expect(look({ version: 2, node: "b", previous: "a" }, serving("b", 200), 24_000)).toBe(200);
    expect(
      surveyor.look(tableOf({ version: 2, node: "b" }), [live("c")], new Set(["b"]), 25_000).places[0]!.load,
    ).toBe(200);
  });

  it("moves nothing for loads that are uneven for less than fifteen seconds", () => {
    const table = tableOf({ version: 1, node: "a" }, { version: 1, node: "b" });
    const surveyor = new Surveyor();
    const from = (load: number, nowMs: number) => {
      const a = live("a", { serving: new Set([0]), loads: new Map([[0, load]]) });
      return surveyor.look(table, [a, live("b", { serving: new Set([1]) })], NOBODY, nowMs).unevenFrom;
    };
    const never = Number.POSITIVE_INFINITY;
    expect([from(900, 0), from(900, 14_000)]).toEqual([never, never]);
    expect(from(20, 14_500)).toBe(never); // a burst
    expect([from(900, 15_000), from(900, 29_000)]).toEqual([never, never]);
    expect(from(900, 31_000)).toBe(0.25);
  });
});

/** A cluster in time: nodes live, die and come back, and every move is served by the next look. */
class Times {
  readonly moves: Move[] = [];
  readonly #surveyor = new Surveyor();
  #rows: Row[];
  #version = 1;

  constructor(shards: number, owners: readonly string[]) {
    this.#rows = Array.from({ length: shards }, (_, shard) => ({
      version: 1,
      node: owners[shard % owners.length]!,
    }));
  }

  look(ids: readonly string[], nowMs: number, said: Partial<LiveNode> = {}): void {
    const table = tableOf(...this.#rows);
    const serving = (id: string) =>
      new Set(this.#rows.flatMap(({ node }, shard) => (node === id ? [shard] : [])));
    const nodes = ids.map((id) =>
      live(id, { name: id.split(".")[0]!, tableVersion: 1e6, serving: serving(id), ...said }),
    );
    const gone = new Set([...table.owners()].filter((owner) => !ids.includes(owner)));
    const { places, standings, unevenFrom } = this.#surveyor.look(table, nodes, gone, nowMs);
    const moves = assign(places, standings, { unevenFrom });
    this.#version++;
    for (const { shard, to } of moves) this.#rows[shard] = { version: this.#version, node: to };
    this.moves.push(...moves);
  }

  counts(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { node } of this.#rows) all[node!] = (all[node!] ?? 0) + 1;
    return all;
  }
}

describe("placement over time", () => {
  const planned = (moves: readonly Move[]) => moves.filter(({ reason }) => reason === "balance").length;

  it("row A4: gives a joining node among three its share in far less than a minute, four at a time", () => {
    const times = new Times(256, ["a", "b", "c"]);
    const joined = ["a", "b", "c", "d"];
    for (let ms = 0; ms < 60_000; ms += 500) {
      const before = times.moves.length;
      times.look(joined, ms);
      expect(times.moves.length - before).toBeLessThanOrEqual(4);
    }
    expect(times.moves).toHaveLength(64);
    expect(times.counts()).toEqual({ a: 64, b: 64, c: 64, d: 64 });
  });

  it("moves next to nothing for a node that dies and is back every few seconds", () => {
    const times = new Times(256, ["a", "b", "c.0"]);
    for (let ms = 0; ms < 600_000; ms += 500) {
      const life = Math.floor(ms / 8_000);
      times.look(ms % 8_000 < 5_000 ? ["a", "b", `c.${life}`] : ["a", "b"], ms);
    }
    // Its first shards go to the others once, and at most one share comes back before it rests for minutes.
    expect(times.moves.filter(({ reason }) => reason === "dead").length).toBeLessThanOrEqual(85 + 30);
    expect(planned(times.moves)).toBeLessThanOrEqual(60);
  });

  it("gives a node that fell its share again when it stays", () => {
    const times = new Times(90, ["a", "b", "c.0"]);
    times.look(["a", "b", "c.0"], 0);
    for (let ms = 500; ms < 60_000; ms += 500) times.look(["a", "b", "c.1"], ms);
    expect(times.counts()).toEqual({ a: 30, b: 30, "c.1": 30 });
  });
});
