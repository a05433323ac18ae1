import { describe, expect, it } from "vitest";
import { Falls } from "./falls.ts";
import { fromFields, type LiveNode } from "./nodes.ts";

function live(id: string, said: Partial<LiveNode> = {}): LiveNode {
  const blank = fromFields({ id, remainingMs: 6_000, fields: {} });
  return { ...blank, name: id.split(".")[0]!, roles: ["actors"], ...said };
}

const S = 1_000;

describe("nodes that come and go", () => {
  it("lets a node that joins take shards at once", () => {
    const falls = new Falls();
    falls.look([live("a.1")], 0);
    falls.look([live("a.1"), live("b.1")], 10 * S);
    expect(["a.1", "b.1"].map((id) => falls.rests(id, 10 * S))).toEqual([false, false]);
  });

  it("lets a name that fell rest after its return, each time longer, up to five minutes", () => {
    const falls = new Falls();
    const rests: number[] = [];
    for (let life = 0, ms = 0; life < 7; life++, ms += 20 * S) {
      falls.look([live("a.1"), live(`b.${life}`)], ms);
      rests.push(falls.restMs("b"));
      falls.look([live("a.1")], ms + 10 * S);
    }
    expect(rests).toEqual([0, 5 * S, 20 * S, 80 * S, 300 * S, 300 * S, 300 * S]);
  });

  it("counts the rest from the return, and forgets a fall after ten minutes", () => {
    const falls = new Falls();
    falls.look([live("b.1")], 0);
    falls.look([], 10 * S);
    falls.look([live("b.2")], 60 * S);
    expect([64, 65].map((second) => falls.rests("b.2", second * S))).toEqual([true, false]);
    falls.look([live("b.2")], 611 * S);
    expect(falls.restMs("b")).toBe(0);
  });

  it("sees a fall when the name starts again, before the old lease has run out, and counts it once", () => {
    const falls = new Falls();
    falls.look([live("b.1", { startedAtMs: 1 })], 0);
    falls.look([live("b.1", { startedAtMs: 1 }), live("b.2", { startedAtMs: 2 })], 2 * S);
    expect(falls.rests("b.1", 2 * S)).toBe(true); // its lease only runs out: nothing more goes to it
    expect(falls.rests("b.2", 2 * S)).toBe(true);
    falls.look([live("b.2", { startedAtMs: 2 })], 6 * S);
    expect(falls.restMs("b")).toBe(5 * S);
  });

  it("does not count a node that drained: a rolling restart rests nobody", () => {
    const falls = new Falls();
    falls.look([live("b.1")], 0);
    falls.look([live("b.1", { draining: true })], 1 * S);
    falls.look([live("b.1", { draining: true, startedAtMs: 1 }), live("b.2", { startedAtMs: 2 })], 2 * S);
    falls.look([live("b.2", { startedAtMs: 2 })], 3 * S);
    expect(falls.rests("b.2", 3 * S)).toBe(false);
  });

  it("counts a node that lost its lease and came back under its own id: it was cut off from Redis", () => {
    const falls = new Falls();
    falls.look([live("a.1"), live("b.1")], 0);
    falls.look([live("a.1")], 7 * S);
    falls.look([live("a.1"), live("b.1")], 8 * S);
    expect([falls.rests("b.1", 12 * S), falls.rests("b.1", 13 * S)]).toEqual([true, false]);
  });
});
