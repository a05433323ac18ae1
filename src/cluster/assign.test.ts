import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ASKED_UNEVEN_SHARE,
  assign,
  type Move,
  movingIn,
  movingMost,
  type Standing,
  takers,
  UNEVEN_SHARE,
  unevenness,
} from "./assign.ts";
import type { ShardPlace } from "./tallies.ts";

const NODES = ["a", "b", "c", "d"];
const SHARDS = 64;

const place = fc.record({
  owner: fc.option(fc.constantFrom(...NODES, "dead"), { nil: undefined }),
  settled: fc.boolean(),
  stuck: fc.boolean(),
  load: fc.integer({ min: 0, max: 1_000 }),
  asked: fc.boolean(),
});
const places = fc.array(place, { minLength: SHARDS, maxLength: SHARDS });
const nodes = fc
  .tuple(
    ...NODES.map(() =>
      fc.constantFrom<Standing | "absent">("open", "open", "resting", "leaving", "unsure", "absent"),
    ),
  )
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

const isPlanned = (reason: Move["reason"]) => reason === "drain" || reason === "balance";

/** Round after round until nothing moves. */
function settle(
  table: readonly ShardPlace[],
  who: ReadonlyMap<string, Standing>,
  unevenFrom = UNEVEN_SHARE,
): { table: ShardPlace[]; moves: Move[] } {
  let now = [...table];
  const all: Move[] = [];
  for (let rounds = 0; ; rounds++) {
    const moves = assign(now, who, { unevenFrom });
    if (moves.length === 0) return { table: now, moves: all };
    expect(rounds).toBeLessThan(200);
    expect(moves.filter(({ reason }) => isPlanned(reason)).length).toBeLessThanOrEqual(
      movingMost(table.length),
    );
    now = afterMoves(now, moves);
    all.push(...moves);
  }
}

function loads(table: readonly ShardPlace[], ids: Iterable<string>): number[] {
  return [...ids].map((id) =>
    table.filter((one) => one.owner === id).reduce((sum, { load }) => sum + load, 0),
  );
}

/** As loads are: most channels sleep, some talk, few are hot. */
const skewed = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 5_000 }) },
);
/** All served by nodes that are open, nothing on the move. */
const calmCluster = fc.integer({ min: 2, max: 4 }).chain((n) => {
  const ids = NODES.slice(0, n);
  const row = fc.record({ owner: fc.constantFrom(...ids), load: skewed, asked: fc.constant(false) });
  return fc
    .array(row, { minLength: SHARDS, maxLength: SHARDS })
    .map((rows) => ({ ids, table: rows.map((one) => ({ ...one, settled: true, stuck: false })) }));
});

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

  it("plans no move to a node that is behind with Postgres, and houses what died there all the same (row A3)", () => {
    const load = (owner: string, load: number) => ({ ...served(owner), load });
    const table = [...Array(30).fill(load("a", 500)), ...Array(10).fill(load("b", 0))];
    const who = open("a", "b");
    expect(assign(table, who, { unevenFrom: 0 }).length).toBeGreaterThan(0);
    expect(assign(table, who, { unevenFrom: 0, behind: new Set(["a", "b"]) })).toEqual([]);
    expect(assign(table, who, { unevenFrom: 0, behind: new Set(["b"]) })).toEqual([]);
    const leaving = new Map(who).set("a", "leaving" as const);
    expect(assign(table, leaving, { behind: new Set(["b"]) })).toEqual([]);
    const moves = assign(table, open("b"), { behind: new Set(["b"]) });
    expect(moves.map(({ reason }) => reason)).toEqual(Array(30).fill("dead"));
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
          expect(takers(who)).toContain(to);
          expect(table[shard]!.owner).not.toBe(to);
        }
        expect(new Set(moves.map((move) => move.shard)).size).toBe(moves.length);
      }),
    );
  });

  it("houses every shard without a living owner at once, where any node is open", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        fc.pre(takers(who).length > 0);
        for (const one of afterMoves(table, assign(table, who))) expect(who.has(one.owner ?? "")).toBe(true);
      }),
    );
  });

  it("keeps planned moves within 5 % of the shards, those under way included", () => {
    fc.assert(
      fc.property(places, nodes, (table, who) => {
        const planned = assign(table, who).filter(({ reason }) => isPlanned(reason)).length;
        const room = Math.max(0, movingMost(SHARDS) - movingIn(table, who));
        expect(planned).toBeLessThanOrEqual(room);
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
          if (reason === "balance") expect(takers(who)).toContain(owner);
        }
      }),
    );
  });

  it("ends with even counts, and with nothing on leaving nodes, where nobody talks", () => {
    const asleep = places.map((table) =>
      table.map((one) => ({ ...one, settled: true, stuck: false, asked: false, load: 0 })),
    );
    fc.assert(
      fc.property(asleep, nodes, (table, who) => {
        const standings = new Map(
          [...who].filter(([, standing]) => standing === "open" || standing === "leaving"),
        );
        const ready = takers(standings);
        fc.pre(ready.length > 0);
        const sizes = counts(settle(table, standings).table, ready);
        expect(sizes.reduce((sum, size) => sum + size)).toBe(SHARDS);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("comes to rest whatever the loads, with every shard placed and counts within a quarter of even", () => {
    const calm = places.map((table) =>
      table.map((one) => ({ ...one, settled: true, stuck: false, asked: false })),
    );
    fc.assert(
      fc.property(calm, nodes, (table, who) => {
        const standings = new Map(
          [...who].filter(([, standing]) => standing === "open" || standing === "leaving"),
        );
        const ready = takers(standings);
        fc.pre(ready.length > 0);
        const sizes = counts(settle(table, standings).table, ready);
        const even = SHARDS / ready.length;
        expect(sizes.reduce((sum, size) => sum + size)).toBe(SHARDS);
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual(Math.floor(even * 0.75));
        expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.ceil(even * 1.25));
      }),
    );
  });

  it("moves nothing without a gain: loads come together, or counts do and loads stay as near", () => {
    fc.assert(
      fc.property(calmCluster, ({ ids, table }) => {
        const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one ** 2, 0);
        let now: ShardPlace[] = [...table];
        for (const move of settle(table, open(...ids)).moves) {
          const next = afterMoves(now, [move]);
          const countsGain = sum(counts(next, ids)) < sum(counts(now, ids));
          // An exchange is two moves, and only the first of them has to gain by itself.
          if (!move.why.includes("in exchange"))
            expect(countsGain || sum(loads(next, ids)) < sum(loads(now, ids))).toBe(true);
          now = next;
        }
      }),
    );
  });

  it("comes to rest in fewer moves than there are shards where loads stay, from wherever it began", () => {
    fc.assert(
      fc.property(calmCluster, ({ ids, table }) => {
        const { moves } = settle(table, open(...ids));
        expect(moves.length).toBeLessThan(SHARDS); // 34 at most in 6,000 random tables
      }),
    );
  });

  it("is content with what an operator's finer rebalance left", () => {
    fc.assert(
      fc.property(calmCluster, ({ ids, table }) => {
        const { table: fine } = settle(table, open(...ids), ASKED_UNEVEN_SHARE);
        expect(assign(fine, open(...ids))).toEqual([]);
      }),
    );
  });

  it("leaves what an operator placed where it is, as long as its owner serves and stays", () => {
    const asked = fc.array(fc.boolean(), { minLength: SHARDS, maxLength: SHARDS });
    fc.assert(
      fc.property(calmCluster, asked, ({ ids, table }, put) => {
        const rows = table.map((one, shard) => ({ ...one, asked: put[shard]! }));
        for (const { shard } of settle(rows, open(...ids)).moves) expect(put[shard]).toBe(false);
      }),
    );
  });

  it("moves the neighbours of a hot shard away, which stays where moving it would only move the problem", () => {
    const table = Array.from({ length: 30 }, (_, shard) =>
      served(["a", "b", "c"][shard % 3], shard === 0 ? 4_000 : 40),
    );
    const { table: end, moves } = settle(table, open("a", "b", "c"));
    expect(end[0]!.owner).toBe("a");
    expect(moves.length).toBe(0); // 40 of 4,000 are no relief
    const warm = table.map((one, shard) => ({ ...one, load: shard === 0 ? 4_000 : 200 }));
    const after = settle(warm, open("a", "b", "c"));
    expect(after.table[0]!.owner).toBe("a");
    expect(after.moves.map(({ from }) => from)).toEqual(["a", "a", "a"]); // as far as counts allow
    expect(loads(after.table, ["a"])[0]).toBeLessThan(loads(warm, ["a"])[0]!);
  });

  it("brings counts within a quarter of even where one node has the heat and the other the shards", () => {
    const table = Array.from({ length: 64 }, (_, shard) =>
      shard < 4 ? served("b", 1_000) : served("a", 20),
    );
    const sizes = counts(settle(table, open("a", "b")).table, ["a", "b"]);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(24);
  });

  it("says why, with the figures", () => {
    const table = [
      served("a", 812 - 120 - 10),
      served("a", 120),
      served("a", 10),
      served("b", 40),
      served("b", 148),
    ];
    const [move] = assign(table, open("a", "b"));
    expect(move).toEqual({
      shard: 1,
      from: "a",
      to: "b",
      reason: "balance",
      load: 120,
      why: "a carries 812 of 1,000 messages × audience/s, b 188; shard 1 carries 120",
    });
    const others = assign(
      [served("dead", 5), served("a"), served("old")],
      new Map<string, Standing>([
        ["a", "open"],
        ["old", "leaving"],
      ]),
    );
    expect(others.map(({ reason, why }) => [reason, why])).toEqual([
      ["dead", "dead is gone; a runs 1"],
      ["drain", "old is leaving with 1 to hand over; a runs 2"],
    ]);
  });

  it("gives nothing to a resting node and takes nothing from it, unless nobody else is there", () => {
    const table = [served("a"), served("a"), served("a"), served("tired"), served("dead")];
    const who = new Map<string, Standing>([
      ["a", "open"],
      ["tired", "resting"],
    ]);
    expect(assign(table, who).map(({ shard, to }) => [shard, to])).toEqual([[4, "a"]]);
    expect(
      assign(table, new Map<string, Standing>([["tired", "resting"]])).every(({ to }) => to === "tired"),
    ).toBe(true);
  });

  it("tells how far loads are apart, and calls small ones even", () => {
    const of = (...carried: number[]) =>
      unevenness(
        carried.map((load, i) => served(NODES[i], load)),
        open(...NODES.slice(0, carried.length)),
      );
    expect(of(300, 100)).toBe(1);
    expect(of(99, 0)).toBe(0);
    expect(of(1_000, 1_000)).toBe(0);
    expect(of(5_000)).toBe(0);
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
      expect(moves.length).toBeLessThanOrEqual(4);
      expect(moves.every(({ to, reason }) => to === "c" && reason === "balance")).toBe(true);
      moved += moves.length;
      now = afterMoves(now, moves);
    }
    expect(moved).toBe(85);
  });

  it("spreads a leaving node's shards as fast as the others take them over, and no faster", () => {
    const table = Array.from({ length: 256 }, (_, shard) => served(["a", "b", "old"][shard % 3]));
    const who = new Map<string, Standing>([...open("a", "b"), ["old", "leaving"]]);
    const moves = assign(table, who);
    expect(counts(afterMoves(table, moves), ["a", "b", "old"])).toEqual([86 + 4, 85 + 4, 85 - 8]);
    const under = table.map((one, shard) => (shard < 6 ? { ...one, owner: "a", settled: false } : one));
    expect(new Set(assign(under, who).map(({ to }) => to))).toEqual(new Set(["b"]));
  });

  it("gives a quick node no more than its share of what leaves, so that nothing moves twice", () => {
    const slow = (shard: number) => ({ ...served("a"), settled: shard >= 4 }); // what goes there stays on the move
    const table = Array.from({ length: 256 }, (_, shard) => (shard < 10 ? slow(shard) : served("old")));
    const who = new Map<string, Standing>([...open("a", "b"), ["old", "leaving"]]);
    let now: ShardPlace[] = table;
    for (let moves = assign(now, who); moves.length > 0; moves = assign(now, who)) {
      expect(moves.every(({ to, reason }) => to === "b" && reason === "drain")).toBe(true);
      now = afterMoves(now, moves);
    }
    expect(counts(now, ["a", "b", "old"])).toEqual([10, 128, 118]);
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
    expect(assign(table, open("a", "b"))).toEqual([
      {
        shard: 0,
        from: "a",
        to: "b",
        reason: "stuck",
        load: 0,
        why: "a does not serve it in time; b runs 0",
      },
    ]);
    expect(assign(table.slice(0, 1), open("a"))).toEqual([]);
  });

  it("moves nothing when every node leaves", () => {
    expect(assign([served("a"), served(undefined)], new Map([["a", "leaving"]]))).toEqual([]);
  });
});
