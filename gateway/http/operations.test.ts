import { describe, expect, test } from "vitest";
import { operations } from "./operations-double.ts";

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
