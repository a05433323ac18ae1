import { describe, expect, it } from "vitest";
import { parseRedisUrl } from "./config/redis-target.ts";
import { describeConfig, loadConfig, unknownSettings } from "./config.ts";

const GIVEN = {
  REDIS_URL: "redis://localhost:6379",
  DATABASE_URL: "postgres://hubbub@localhost/hubbub",
  HUBBUB_TOKEN_SECRET: "t".repeat(32),
  HUBBUB_ADMIN_TOKEN: "a".repeat(32),
};

describe("a node's settings", () => {
  it("have the documented defaults", () => {
    const config = loadConfig(GIVEN);
    expect(config).toMatchObject({
      port: 3000,
      metricsPort: 9464,
      prefix: "hub",
      rateLimits: true,
      drainMs: 25_000,
    });
    expect(config).toMatchObject({
      transports: ["websocket", "polling"],
      roles: ["gateway", "actors", "worker"],
    });
    expect(config).toMatchObject({
      messagesPerMinute: 100,
      eventsPerSecond: 50,
      connectsPerMinute: 600,
      registrationsPerMinute: 60,
    });
    expect(config.databaseReadUrl).toBeUndefined();
  });

  it("come from the environment, and an empty variable is not set", () => {
    const config = loadConfig({
      ...GIVEN,
      PORT: "8080",
      HUBBUB_TRANSPORTS: "websocket",
      HUBBUB_RATE_LIMITS: "off",
      METRICS_PORT: "",
    });
    expect(config).toMatchObject({
      port: 8080,
      transports: ["websocket"],
      rateLimits: false,
      metricsPort: 9464,
    });
  });

  it("name everything that is missing at once", () => {
    expect(() => loadConfig({})).toThrow(
      /REDIS_URL is not set.*DATABASE_URL is not set.*HUBBUB_TOKEN_SECRET is not set.*HUBBUB_ADMIN_TOKEN/,
    );
  });

  it.each([
    [{ PORT: "65536" }, 'PORT cannot be "65536": expected a whole number (port), 0–65535'],
    [{ PORT: "3e3" }, "PORT cannot be"],
    [{ HUBBUB_TRANSPORTS: "websocket,carrier" }, "HUBBUB_TRANSPORTS cannot be"],
    [{ HUBBUB_TRANSPORTS: "polling,polling" }, "HUBBUB_TRANSPORTS cannot be"],
    [{ HUBBUB_ORIGINS: "https://a.example/path" }, "HUBBUB_ORIGINS cannot be"],
    [{ HUBBUB_PREFIX: "{hub}" }, "HUBBUB_PREFIX cannot be"],
    [{ HUBBUB_LOG_LEVEL: "loud" }, "expected trace | debug | info"],
    [{ DATABASE_URL: "mysql://h/d" }, "DATABASE_URL cannot be as it is set"],
    [{ HUBBUB_ISSUER: "id.example" }, "HUBBUB_ISSUER cannot be"],
    [{ HUBBUB_ISSUER_KEYS_URL: "http://id.example/keys" }, "HUBBUB_ISSUER_KEYS_URL cannot be"],
    [{ HUBBUB_ISSUER_NAME_CLAIM: "a claim" }, "HUBBUB_ISSUER_NAME_CLAIM cannot be"],
  ])("refuses %j in words", (given, message) => {
    expect(() => loadConfig({ ...GIVEN, ...given })).toThrow(message);
  });

  it("never show a secret, neither when wrong nor when listed", () => {
    const env = { ...GIVEN, HUBBUB_TOKEN_SECRET: "short-secret", DATABASE_URL: "mysql://me:hunter2@h/d" };
    const told = () => JSON.stringify(describeConfig(env));
    expect(told()).not.toMatch(/short-secret|hunter2/);
    expect(() => loadConfig(env)).toThrow(/^(?!.*(short-secret|hunter2))/);
  });

  it("are told with unit, bound, reason and source, each under a variable of its own", () => {
    const settings = describeConfig({});
    for (const { unit, bound, reason, source } of settings)
      for (const each of [unit, bound, reason, source]) expect(each).not.toBe("");
    expect(new Set(settings.map(({ env }) => env)).size).toBe(settings.length);
    expect(settings.find(({ env }) => env === "REDIS_URL")).toMatchObject({
      from: "missing",
      value: undefined,
    });
    expect(settings.find(({ env }) => env === "DATABASE_READ_URL")).toMatchObject({ from: "default" });
  });

  it("have defaults within their own bounds", () => {
    const defaults = describeConfig({}).filter(({ fallback }) => fallback !== undefined);
    const env = Object.fromEntries(defaults.map(({ env: name, fallback }) => [name, fallback]));
    expect(() => loadConfig({ ...GIVEN, ...env })).not.toThrow();
  });

  it("tell a mistyped name from ours, from the command line's and from Kubernetes'", () => {
    const env = {
      HUBBUB_RATE_LIMIT: "off",
      HUBBUB_PREFIX: "x",
      HUBBUB_ADMIN_URL: "x",
      HUBBUB_SERVICE_HOST: "x",
      HUBBUB_PORT_3000_TCP: "x",
      PATH: "x",
    };
    expect(unknownSettings(env)).toEqual(["HUBBUB_RATE_LIMIT"]);
  });
});

describe("REDIS_URL", () => {
  it.each([
    ["redis://localhost", { kind: "standalone", url: "redis://localhost" }],
    [
      "rediss://me:p%40ss@redis.example:6380/2",
      { kind: "standalone", url: "rediss://me:p%40ss@redis.example:6380/2" },
    ],
    ["redis://[::1]:7000", { kind: "standalone", url: "redis://[::1]:7000" }],
    ["redis://:pw@a:7000,b?cluster", { kind: "cluster", urls: ["redis://:pw@a:7000", "redis://:pw@b"] }],
    [
      "redis+sentinel://a:5000,b/mymaster",
      {
        kind: "sentinel",
        sentinels: [
          { host: "a", port: 5000 },
          { host: "b", port: 26_379 },
        ],
        name: "mymaster",
        login: {},
        sentinelLogin: {},
        isTls: false,
      },
    ],
    [
      "rediss+sentinel://me:p%40ss@[::1]/main.eu/2?sentinel_username=watch&sentinel_password=w%26",
      {
        kind: "sentinel",
        sentinels: [{ host: "::1", port: 26_379 }],
        name: "main.eu",
        login: { username: "me", password: "p@ss", db: 2 },
        sentinelLogin: { username: "watch", password: "w&" },
        isTls: true,
      },
    ],
  ])("reads %s", (text, target) => {
    expect(parseRedisUrl(text)).toEqual(target);
  });

  it.each([
    ["http://a"],
    ["redis://a,b"],
    ["redis://a/1?cluster"],
    ["redis://a:99999"],
    ["redis://a,b?sentinel=m"],
    ["redis+sentinel://a,b"],
    ["redis+sentinel://a,b/"],
    ["redis+sentinel://a,,b/mymaster"],
    ["redis+sentinel://a/mymaster/x"],
    ["redis+sentinel://a/mymaster?password=x"],
    ["sentinel://a/mymaster"],
    ["redis://"],
    ["localhost:6379"],
  ])("refuses %s", (text) => {
    expect(parseRedisUrl(text)).toBeUndefined();
  });
});
