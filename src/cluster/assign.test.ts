import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign, type Move, movingMost, type ShardPlace, type Standing } from "./assign.ts";

const NODES = ["a", "b", "c", "d"];
const SHARDS = 64;

const place = fc.record({
  owner: fc.option(fc.constantFrom(...NODES, "dead"), { nil: undefined }),
  settled: fc.boolean(),
  stuck: fc.boolean(),
  load: fc.integer({ min: 0, max: 1_000 }),
});
const places = fc.array(place, { minLength: SHARDS, maxLength: SHARDS });
const nodes = fc
  .tuple(...NODES.map(() => fc.constantFrom<Standing | "absent">("open", "leaving", "unsure", "absent")))
  .map((standings) => {
    const pairs = NODES.map((id, i) => [id, standings[i]!] as const);
    return new Map(pairs.filter((pair): pair is [string, Standing] => pair[1] !== "absent"));
  });

/** What the table says when all moves are served. */
function afterMoves(before: readonly ShardPlace[], moves: readonly Move[]): ShardPlace[] {
  const to = new Map(moves.map((move) => [move.shard, move.to]));
  return before.map((one, shard) =>
    to.has(shard) ? { ...one, owner: to.get(shard), settled: true, stuck: false } : one,
  );
}

function counts(table: readonly ShardPlace[], ids: Iterable<string>): number[] {
  return [...ids].map((id) => table.filter((one) => one.owner === id).length);
}

const served = (owner: string | undefined, load = 0): ShardPlace => ({
  owner,
  settled: owner !== undefined,
  stuck: false,
  load,
});
const open = (...ids: string[]) => new Map<string, Standing>(ids.map((id) => [id, "open"]));

/** Round after round until nothing moves. */
function settle(
  table: readonly ShardPlace[],
  who: ReadonlyMap<string, Standing>,
): { table: ShardPlace[]; rounds: number } {
  let now = [...table];
  for (let rounds = 0; ; rounds++) {
    const moves = assign(now, who);
    if (moves.length === 0) return { table: now, rounds };
    expect(rounds).toBeLessThan(200);
    now = afterMoves(now, moves);
  }
}

describe("assign", () => {
  it("gives what died to nodes that serve already, and a cold one its part by planned moves", () => {
    const table = [
      ...Array(20).fill(served("a")),
      ...Array(20).fill(served("b")),
      ...Array(20).fill(served("dead")),
    ];
    const moves = assign(table, open("a", "b", "cold"));
    const dead = moves.filter(({ reason }) => reason === "dead").map(({ to }) => to);
    expect([...new Set(dead)].sort()).toEqual(["a", "b"]);
    expect(dead).toHaveLength(20);
    expect(counts(settle(table, open("a", "b", "cold")).table, ["a", "b", "cold"])).toEqual([20, 20, 20]);
  });

  it("gives a cold node some of what died where the others would get more than twice their part", () => {
    const table = [...Array(10).fill(served("a")), ...Array(50).fill(served("dead"))];
    const after = afterMoves(
      table,
      assign(table, open("a", "b", "c")).filter(({ reason }) => reason === "dead"),
    );
    expect(counts(after, ["a", "b", "c"])).toEqual([40, 10, 10]);
  });

  it("is the same for the same input", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        const reversed = new Map([...who].reverse());
        expect(assign(table, reversed)).toEqual(assign(table, who));
      }),
    );
  });

  it("gives shards to open nodes only, each at most once", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        const moves = assign(table, who);
        for (const { shard, to } of moves) {
          expect(who.get(to)).toBe("open");
          expect(table[shard]!.owner).not.toBe(to);
        }
        expect(new Set(moves.map((move) => move.shard)).size).toBe(moves.length);
      }),
    );
  });

  it("houses every shard without a living owner at once, where any node is open", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        fc.pre([...who.values()].includes("open"));
        for (const one of afterMoves(table, assign(table, who))) expect(who.has(one.owner ?? "")).toBe(true);
      }),
    );
  });

  it("keeps planned moves within 5 % of the shards, those under way included", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        const planned = assign(table, who).filter(
          ({ reason }) => reason === "drain" || reason === "balance",
        ).length;
        const moving = table.filter(
          ({ owner, settled }) => !settled && owner !== undefined && who.has(owner),
        ).length;
        expect(planned).toBeLessThanOrEqual(Math.max(0, movingMost(SHARDS) - moving));
      }),
    );
  });

  it("leaves alone what an unsure node owns, and what is on the move to an owner who has time", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        for (const { shard, reason } of assign(table, who)) {
          const { owner, settled, stuck } = table[shard]!;
          if (owner === undefined || !who.has(owner) || stuck) continue;
          expect(settled).toBe(true);
          expect(["drain", "balance"]).toContain(reason);
          expect(who.get(owner)).not.toBe("unsure");
        }
      }),
    );
  });

  it("ends balanced to within one shard, with nothing on leaving nodes, whatever the loads", () => {
    const calm = places.map((table) => table.map((one) => ({ ...one, settled: true, stuck: false })));
    fc.assert(
      fc.property(calm, nodes, (table, who) => {
        const standings = new Map([...who].filter(([, standing]) => standing !== "unsure"));
        const ready = [...standings].filter(([, standing]) => standing === "open").map(([id]) => id);
        fc.pre(ready.length > 0);
        const { table: end } = settle(table, standings);
        const sizes = counts(end, ready);
        expect(sizes.reduce((sum, size) => sum + size)).toBe(SHARDS);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("moves no more than its share to a node that joins", () => {
    const table = Array.from({ length: 256 }, (_, shard) => served(shard % 2 ? "a" : "b"));
    let moved = 0;
    let now: ShardPlace[] = table;
    for (
      let moves = assign(now, open("a", "b", "c"));
      moves.length > 0;
      moves = assign(now, open("a", "b", "c"))
    ) {
      expect(moves.length).toBeLessThanOrEqual(12);
      expect(moves.every(({ to, reason }) => to === "c" && reason === "balance")).toBe(true);
      moved += moves.length;
      now = afterMoves(now, moves);
    }
    expect(moved).toBe(85);
  });

  it("spreads a dead node's hot shards over the others", () => {
    const table = Array.from({ length: 12 }, (_, shard) =>
      served(["a", "b", "dead"][shard % 3], shard === 2 || shard === 5 ? 900 : 1),
    );
    const moves = assign(table, open("a", "b"));
    expect(moves.length).toBe(4);
    expect(moves.find((move) => move.shard === 2)?.to).not.toBe(moves.find((move) => move.shard === 5)?.to);
    expect(moves.every(({ reason, from }) => reason === "dead" && from === undefined)).toBe(true);
  });

  it("exchanges a hot shard for a cold one when two share a node, and then is content", () => {
    const table = Array.from({ length: 8 }, (_, shard) =>
      served(shard < 4 ? "a" : "b", shard < 2 ? 1_000 : 5),
    );
    const { table: end } = settle(table, open("a", "b"));
    expect(end[0]!.owner).not.toBe(end[1]!.owner);
    expect(counts(end, ["a", "b"])).toEqual([4, 4]);
  });

  it("takes a stuck shard from its owner when there is another, and leaves it otherwise", () => {
    const table = [{ owner: "a", settled: false, stuck: true, load: 0 }, served("a")];
    expect(assign(table, open("a", "b"))).toEqual([{ shard: 0, from: "a", to: "b", reason: "stuck" }]);
    expect(assign(table.slice(0, 1), open("a"))).toEqual([]);
  });

  it("moves nothing when every node leaves", () => {
    expect(assign([served("a"), served(undefined)], new Map([["a", "leaving"]]))).toEqual([]);
  });
});
