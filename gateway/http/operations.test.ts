import pino from "pino";
import { describe, expect, test } from "vitest";
import type { ChannelId } from "../../protocol/ids.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createOperations, type OperationsOptions } from "./operations.ts";

const TOKEN = "an admin token of the tests";
const CHANNEL = "01890000-0000-7000-8000-000000000009" as ChannelId;
const status = { nodes: [], leader: "node-0.abc", log: { unflushedEvents: 0, unflushedAgeMs: 0 } };

function operations(more: Partial<OperationsOptions> = {}) {
  const app = createOperations({
    adminToken: TOKEN,
    registry: createMetrics({ defaults: false }).registry,
    logger: pino({ level: "silent" }),
    readiness: async () => ({ redis: true, postgres: true, lease: true, draining: false }),
    status: async () => status,
    channel: async (id) =>
      id === CHANNEL
        ? { id, shard: 1, owner: "node-0.abc", epoch: 2, seq: 3, mailbox: 0, listeners: 4 }
        : undefined,
    drain: async (node) => node === "node-0",
    ...more,
  });
  return (method: "GET" | "POST", url: string, token?: string) =>
    app.inject({ method, url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
}

describe("health", () => {
  test("a process that answers is alive", async () => {
    expect((await operations()("GET", "/healthz")).statusCode).toBe(200);
  });

  test.each([
    [{}, 200, { ready: true, redis: "ok", postgres: "ok", lease: "held", draining: false }],
    [{ redis: false }, 503, { ready: false, redis: "away" }],
    [{ postgres: false }, 503, { ready: false, postgres: "away" }],
    [{ lease: false }, 503, { ready: false, lease: "lapsed" }],
    [{ draining: true }, 503, { ready: false, draining: true }],
  ])("ready with %j is %i", async (change, code, body) => {
    const ask = operations({
      readiness: async () => ({ redis: true, postgres: true, lease: true, draining: false, ...change }),
    });
    const response = await ask("GET", "/readyz");
    expect(response.statusCode).toBe(code);
    expect(response.json()).toMatchObject(body);
  });

  test("metrics come in Prometheus's own form", async () => {
    const { headers, body } = await operations()("GET", "/metrics");
    expect(headers["content-type"]).toContain("text/plain; version=0.0.4");
    expect(body).toContain("# TYPE hubbub_requests_total counter");
  });
});

describe("row O3: the admin API", () => {
  test.each(["/admin/status", `/admin/channels/${CHANNEL}`])("GET %s needs the token", async (url) => {
    for (const token of [undefined, "", "wrong", `${TOKEN}x`, TOKEN.slice(1)]) {
      const response = await operations()("GET", url, token);
      expect([response.statusCode, response.json().code]).toEqual([401, "unauthenticated"]);
    }
  });

  test("shows the cluster and a channel", async () => {
    expect((await operations()("GET", "/admin/status", TOKEN)).json()).toEqual(status);
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
  });

  test("drains a node by name, and says when there is none", async () => {
    const drained = await operations()("POST", "/admin/nodes/node-0/drain", TOKEN);
    expect([drained.statusCode, drained.json()]).toEqual([202, { node: "node-0", draining: true }]);
    expect((await operations()("POST", "/admin/nodes/node-9/drain", TOKEN)).statusCode).toBe(404);
    expect((await operations()("POST", "/admin/nodes/node-0/drain")).statusCode).toBe(401);
  });

  test("what fails is a problem without a stack", async () => {
    const { statusCode, body } = await operations({ status: () => Promise.reject(new Error("a secret")) })(
      "GET",
      "/admin/status",
      TOKEN,
    );
    expect(statusCode).toBe(503);
    expect(body).not.toContain("secret");
  });

  test("a token that can be guessed is refused at the start", () => {
    expect(() => operations({ adminToken: "short" })).toThrow(RangeError);
  });
});
