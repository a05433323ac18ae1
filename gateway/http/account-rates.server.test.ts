import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPrefix, sharedRedisUrl, startRedis } from "../../test/support/servers.ts";
import { type AccountRates, createAccountRates, LOGINS_PER_MINUTE } from "./account-rates.ts";

let redis: Redis;
beforeAll(async () => {
  redis = new Redis(sharedRedisUrl());
  await redis.ping();
});
afterAll(() => redis.disconnect());

const rates = (prefix = freshPrefix(), client = redis): AccountRates =>
  createAccountRates({ redis: client, prefix, registrationsPerMinute: 2, enabled: true });

describe("row S3: rates of accounts", () => {
  test("registrations of an address are counted by all nodes together", async () => {
    const prefix = freshPrefix();
    const [one, other] = [rates(prefix), rates(prefix)];
    expect(await one.takeRegistration("10.0.0.1")).toEqual({ ok: true });
    expect(await other.takeRegistration("10.0.0.1")).toEqual({ ok: true });
    const third = await one.takeRegistration("10.0.0.1");
    expect(third).toMatchObject({
      ok: false,
      error: { code: "rate_limited", retryAfterMs: expect.any(Number) },
    });
    expect(await one.takeRegistration("10.0.0.2")).toEqual({ ok: true });
  });

  test("guesses at one account from one address end; the address may still log in to others, others to it", async () => {
    const { takeLogin } = rates();
    for (let i = 0; i < LOGINS_PER_MINUTE; i++) expect((await takeLogin("10.0.0.1", "ann")).ok).toBe(true);
    expect((await takeLogin("10.0.0.1", "ANN")).ok).toBe(false);
    expect((await takeLogin("10.0.0.1", "bob")).ok).toBe(true);
    expect((await takeLogin("10.0.0.2", "ann")).ok).toBe(true);
  });

  test("every key ends by itself, and none names an account", async () => {
    const prefix = freshPrefix();
    const { takeLogin, takeRegistration } = rates(prefix);
    await takeLogin("10.0.0.1", "ann@example.org");
    await takeRegistration("10.0.0.1");
    const keys = await redis.keys(`${prefix}*`);
    expect(keys.length).toBeGreaterThan(2);
    for (const key of keys) {
      expect(key.startsWith(`${prefix}:rate:`)).toBe(true);
      expect(key).not.toContain("ann");
      expect(await redis.pttl(key)).toBeGreaterThan(0);
    }
  });

  test("with Redis away each node counts for itself", async () => {
    const server = await startRedis();
    const client = new Redis(server.url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      retryStrategy: () => 50,
    });
    client.on("error", () => {});
    const { takeRegistration } = rates("hub", client);
    await expect.poll(() => client.status).toBe("ready");
    await takeRegistration("10.0.0.1");
    await server.stop();
    expect((await takeRegistration("10.0.0.1")).ok).toBe(true);
    expect((await takeRegistration("10.0.0.1")).ok).toBe(true);
    expect((await takeRegistration("10.0.0.1")).ok).toBe(false);
    client.disconnect();
  });
});
