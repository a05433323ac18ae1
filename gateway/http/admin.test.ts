import { describe, expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { CHANNEL, MOVE, operations, STATUS, TOKEN } from "./operations-double.ts";

const AWAY = { redis: true, postgres: true, lease: true, draining: false };

describe("row O3: the admin API", () => {
  test.each([
    ["GET", "/admin/status"],
    ["GET", `/admin/channels/${CHANNEL}`],
    ["GET", "/admin/shards"],
    ["GET", "/admin/rebalance"],
    ["POST", "/admin/rebalance"],
    ["POST", "/admin/nodes/node-0/drain"],
    ["POST", "/admin/shards/1/move"],
    ["POST", "/admin/tokens"],
  ] as const)("%s %s needs the token", async (method, url) => {
    for (const token of [undefined, "", "wrong", `${TOKEN}x`, TOKEN.slice(1)]) {
      const ask = operations();
      const response = await ask(method, url, token);
      expect([response.statusCode, response.json().code]).toEqual([401, "unauthenticated"]);
      expect(ask.audit()).toEqual([]);
      expect(ask.lines.length, "a write that was tried is said").toBe(method === "GET" ? 0 : 1);
    }
  });

  test("shows the cluster, a channel, the shards, and what placement would do", async () => {
    expect((await operations()("GET", "/admin/status", TOKEN)).json()).toEqual(STATUS);
    expect((await operations()("GET", `/admin/channels/${CHANNEL}`, TOKEN)).json()).toMatchObject({
      id: CHANNEL,
      shard: 1,
      listeners: 4,
    });
    expect((await operations()("GET", "/admin/channels/x", TOKEN)).json()).toMatchObject({
      code: "malformed",
    });
    expect(
      (await operations()("GET", `/admin/channels/${CHANNEL.slice(0, -1)}8`, TOKEN)).json(),
    ).toMatchObject({ code: "not_found" });
    expect((await operations()("GET", "/admin/shards", TOKEN)).json()).toMatchObject({
      shards: [{ shard: 0, load: 3 }],
    });
    const ask = operations();
    expect((await ask("GET", "/admin/rebalance", TOKEN)).json()).toEqual({ moves: [MOVE] });
    expect(ask.audit(), "a plan is no act").toEqual([]);
  });

  test("a token that can be guessed is refused at the start", () => {
    expect(() => operations({ adminToken: "short" })).toThrow(RangeError);
  });
});

describe("row O3: an operator's acts", () => {
  test.each([
    ["/admin/nodes/node-0/drain", undefined, 202, { node: "node-0", draining: true }],
    ["/admin/shards/2/move", { node: "node-1" }, 202, { shard: 2, node: "node-1", moving: true }],
    ["/admin/shards/2/move", { node: "node-0" }, 200, { shard: 2, node: "node-0", moving: false }],
    ["/admin/rebalance", undefined, 202, { moves: [MOVE] }],
    ["/admin/rebalance", "", 202, { moves: [MOVE] }],
    ["/admin/tokens", { user: "ada" }, 200, { token: "a.b.c", username: "ada", expiresAtMs: 9_000 }],
  ])("POST %s %j is answered with %i", async (url, body, code, answer) => {
    const response = await operations()("POST", url, TOKEN, body);
    expect(response.statusCode).toBe(code);
    expect(response.json()).toMatchObject(answer);
  });

  test.each([
    ["error", 1],
    ["silent", 0],
  ])("are audited whatever the level of the log: %s", async (level, lines) => {
    const ask = operations({ level });
    await ask("POST", "/admin/rebalance", TOKEN);
    expect(ask.audit()).toHaveLength(lines);
  });

  test("each is audited in one line: who, from where, what, on what, outcome; a token is not", async () => {
    const ask = operations();
    await ask("POST", "/admin/shards/2/move", TOKEN, { node: "node-1" });
    await ask("POST", "/admin/rebalance", TOKEN);
    await ask("POST", "/admin/tokens", TOKEN, { user: "ada" });
    await ask("POST", "/admin/nodes/node-9/drain", TOKEN);
    const who = { by: "admin", address: "127.0.0.1" };
    expect(ask.audit()).toMatchObject([
      { ...who, act: "move", outcome: "done", shard: 2, node: "node-1", msg: "admin: move done" },
      { ...who, act: "rebalance", outcome: "done", moves: 1 },
      { ...who, act: "token", outcome: "done", user: "ada", expiresAtMs: 9_000 },
      { ...who, act: "drain", outcome: "refused", node: "node-9", code: "not_found" },
    ]);
    expect(JSON.stringify(ask.lines)).not.toContain("a.b.c");
  });

  test.each([
    [
      "/admin/nodes/node-9/drain",
      undefined,
      404,
      'No node "node-9" is in the cluster: there are node-0, node-1.',
    ],
    [
      "/admin/shards/2/move",
      { node: "nope" },
      404,
      'No node "nope" is in the cluster: there are node-0, node-1.',
    ],
    ["/admin/shards/300/move", { node: "node-1" }, 404, "There is no shard 300: they are 0 to 3."],
    ["/admin/shards/x/move", { node: "node-1" }, 400, "Give the number of a shard"],
    ["/admin/shards/2/move", {}, 400, '{"node":"node-1"}'],
    ["/admin/shards/2/move", { node: "x".repeat(129) }, 400, "Give the number of a shard"],
    ["/admin/tokens", {}, 400, '{"user":"ada"}'],
    ["/admin/tokens", "[]", 400, '{"user":"ada"}'],
    ["/admin/tokens", "{", 400, "The body is no JSON."],
    ["/admin/tokens", { user: "nobody" }, 404, 'There is no person "nobody"'],
    ["/admin/tokens", { user: "x".repeat(2_000) }, 413, "larger"],
  ])("POST %s %j is refused with %i in a sentence", async (url, body, code, sentence) => {
    const response = await operations()("POST", url, TOKEN, body);
    expect([response.statusCode, response.json().detail]).toEqual([code, expect.stringContaining(sentence)]);
  });

  test("a node that takes no shards is told apart from one that is not there", async () => {
    const placement = { ...(await doubles()), move: async () => "node_takes_none" as const };
    const response = await operations({ placement })("POST", "/admin/shards/2/move", TOKEN, {
      node: "node-1",
    });
    expect([response.statusCode, response.json().detail]).toEqual([
      409,
      expect.stringContaining("node-1 takes no shards now"),
    ]);
  });
});

async function doubles() {
  return { shards: async () => [], plan: async () => [], rebalance: async () => [] };
}

describe("row O3: what fails", () => {
  test("is a problem without a stack, and an act that failed is audited as such", async () => {
    const placement = {
      ...(await doubles()),
      rebalance: () => Promise.reject(new Error("a secret")),
      move: () => Promise.reject(new Error("a secret")),
    };
    const ask = operations({ status: () => Promise.reject(new Error("a secret")), placement });
    for (const response of [
      await ask("GET", "/admin/status", TOKEN),
      await ask("POST", "/admin/rebalance", TOKEN),
    ]) {
      expect(response.statusCode).toBe(503);
      expect(response.body).not.toContain("secret");
    }
    expect(ask.audit()).toMatchObject([{ act: "rebalance", outcome: "failed" }]);
  });

  test.each([
    [{ ...AWAY, redis: false }, new Error("x"), "Redis cannot be reached from this node"],
    [{ ...AWAY, redis: false, postgres: false }, new Error("x"), "Redis and Postgres cannot be reached"],
    [AWAY, new StoreAway("no leader answered"), "(no leader answered): try again"],
  ])("names what is away: %j", async (readiness, error, sentence) => {
    const ask = operations({ readiness: async () => readiness, status: () => Promise.reject(error) });
    const response = await ask("GET", "/admin/status", TOKEN);
    expect([response.statusCode, response.json().code]).toEqual([503, "unavailable"]);
    expect(response.json().detail).toContain(sentence);
  });
});
