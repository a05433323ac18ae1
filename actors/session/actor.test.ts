import { beforeEach, describe, expect, it } from "vitest";
import { CRASH_WINDOW_MS, CRASHES_MAX } from "../crashes.ts";
import { ada, bob, code, OneShard } from "../one-shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
});

describe("session actors", () => {
  const attach = (node: string, ...ids: string[]) =>
    shard.askUser(ada, {
      type: "attach",
      node,
      connections: ids.map((connectionId) => ({ connectionId: connectionId as never, sinceMs: 1 })),
    });
  const connections = () => shard.askUser(ada, { type: "connections" });

  it("hold a user's connections over all gateways; a gateway replaces what it said", async () => {
    await attach("a", "1", "2");
    await attach("b", "3");
    await attach("a", "2");
    expect(await connections()).toEqual({
      ok: true,
      connections: [
        { connectionId: "3", sinceMs: 1, node: "b" },
        { connectionId: "2", sinceMs: 1, node: "a" },
      ].sort((a, b) => (a.node < b.node ? -1 : 1)),
    });
    await attach("b");
    expect(await connections()).toMatchObject({ connections: [{ connectionId: "2" }] });
  });

  it("forget a gateway that no longer repeats itself, and go when nobody is left", async () => {
    await attach("a", "1");
    shard.world.pass(60_000);
    expect(shard.actors.census().sessions).toBe(1);
    shard.world.pass(60_000);
    expect(shard.actors.census().sessions).toBe(0);
    expect(await connections()).toEqual({ ok: true, connections: [] });
  });
});

describe("rule P5: a session that throws", () => {
  const broken = () => shard.askUser(ada, undefined as never);

  it("forgets what it knew, and answers unavailable alone", async () => {
    const answers = [
      shard.askUser(ada, { type: "connections" }),
      broken(),
      shard.askUser(ada, { type: "connections" }),
    ];
    expect((await Promise.all(answers)).map(code)).toEqual(["ok", "unavailable", "ok"]);
    expect(shard.world.alarms).toMatchObject([{ kind: "session", id: ada, isClosed: false }]);
  });

  it("stays closed once it throws too often, until it has been left in peace", async () => {
    for (let n = 0; n <= CRASHES_MAX; n++) await broken();
    expect(code(await shard.askUser(ada, { type: "connections" }))).toBe("unavailable");
    expect(code(await shard.askUser(bob, { type: "connections" }))).toBe("ok");
    shard.world.pass(CRASH_WINDOW_MS);
    expect(code(await shard.askUser(ada, { type: "connections" }))).toBe("ok");
  });
});
