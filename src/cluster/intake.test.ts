import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ShardActors } from "../../actors/ports.ts";
import { Intake, type Item, WAITING_MAX } from "./intake.ts";
import { PlacementTable } from "./placement-table.ts";
import type { Shards } from "./shards.ts";

const ACTORS = {} as ShardActors;

/** An intake whose shard 0 is in the given state; `story` is what became of each request. */
function intake() {
  const table = new PlacementTable(2);
  table.take({ version: "1", 0: "1 me -" });
  const state = { actors: undefined as ShardActors | undefined, coming: true, reads: 0 };
  const shards = { actors: () => state.actors, isComing: () => state.coming } as unknown as Shards;
  const made = new Intake({ table, shards, readTable: () => void state.reads++ });
  table.onChange(() => made.lookAll());
  const story: string[] = [];
  const item = (name: string): Item => ({
    run: () => void story.push(name),
    refuse: (why) => void story.push(`${name} ${why}`),
  });
  return { table, state, made, story, item };
}

describe("what reaches a node for a shard", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
  afterEach(() => vi.useRealTimers());

  it("goes straight in while the shard serves", () => {
    const { made, state, story, item } = intake();
    state.actors = ACTORS;
    made.take(0, 1, item("a"));
    expect(story).toEqual(["a"]);
  });

  it("is `moved` where the shard is not, and is not coming", () => {
    const { made, state, story, item } = intake();
    state.coming = false;
    made.take(0, 1, item("a"));
    expect(story).toEqual(["a moved"]);
  });

  it("waits while the shard is claimed, and goes in in order, before what comes later", () => {
    const { made, state, story, item } = intake();
    made.take(0, 1, item("a"));
    made.take(0, 1, {
      ...item("b"),
      run: () => {
        story.push("b");
        made.take(0, 1, item("d"));
      },
    });
    made.take(0, 1, item("c"));
    expect(story).toEqual([]);
    state.actors = ACTORS;
    made.look(0);
    expect(story).toEqual(["a", "b", "c", "d"]);
  });

  it("rule B1: waits for the table when the sender knows a newer one, and reads it", () => {
    const { made, table, state, story, item } = intake();
    state.actors = ACTORS;
    made.take(0, 2, item("new"));
    made.take(0, 1, item("behind it"));
    expect(state.reads).toBeGreaterThan(0);
    expect(story).toEqual([]);
    table.take({ version: "2", 0: "2 me -" });
    expect(story).toEqual(["new", "behind it"]);
  });

  it("refuses what has waited for 4 s, and what comes when 1,000 wait", () => {
    const { made, story, item } = intake();
    for (let i = 0; i < WAITING_MAX; i++) made.take(0, 1, item(`${i}`));
    made.take(0, 1, item("one more"));
    expect(story).toEqual(["one more overloaded"]);
    vi.advanceTimersByTime(4_500);
    expect(story.length).toBe(WAITING_MAX + 1);
    expect(story[1]).toBe("0 unavailable");
    expect(vi.getTimerCount()).toBe(0);
  });
});
