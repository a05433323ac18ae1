import { describe, expect, test } from "vitest";
import { createPasswords, HashingOverloaded } from "./passwords.ts";

describe("passwords", () => {
  test("match their own hash only, whose parameters and salt stand beside it", async () => {
    const passwords = createPasswords();
    const stored = await passwords.hash("correct horse");
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(await passwords.hash("correct horse")).not.toBe(stored);
    expect(await passwords.matches("correct horse", stored)).toBe(true);
    expect(await passwords.matches("correct horsf", stored)).toBe(false);
  });

  test("are checked with the parameters of the stored hash, so that ours may change", async () => {
    const passwords = createPasswords();
    const { argon2Sync } = await import("node:crypto");
    const tag = argon2Sync("argon2id", {
      message: "pass",
      nonce: Buffer.from("somesaltsomesalt"),
      memory: 1024,
      passes: 1,
      parallelism: 1,
      tagLength: 32,
    });
    const plain = (bytes: Buffer) => bytes.toString("base64").replaceAll("=", "");
    const stored = `$argon2id$v=19$m=1024,t=1,p=1$${plain(Buffer.from("somesaltsomesalt"))}$${plain(tag)}`;
    expect(await passwords.matches("pass", stored)).toBe(true);
  });

  test("are the same in every Unicode form", async () => {
    const passwords = createPasswords();
    expect(await passwords.matches("caf\u00e9 au lait", await passwords.hash("cafe\u0301 au lait"))).toBe(
      true,
    );
  });

  test("of an unknown login never match, after the same work", async () => {
    const passwords = createPasswords();
    const stored = await passwords.hash("correct horse");
    const known = await cpuOf(() => passwords.matches("wrong horse", stored));
    const unknown = await cpuOf(() => passwords.matches("wrong horse", undefined));
    expect(await passwords.matches("", undefined)).toBe(false);
    // The same derivation: an early answer would cost a thousandth.
    expect(unknown).toBeGreaterThan(known / 5);
  });

  test("wait for their turn, and are refused when too many wait", async () => {
    const passwords = createPasswords({ atOnce: 1, waitingMax: 1 });
    const running = passwords.hash("first of all");
    const waiting = passwords.hash("second of all");
    await expect(passwords.hash("third of all")).rejects.toBeInstanceOf(HashingOverloaded);
    await Promise.all([running, waiting]);
    await expect(passwords.hash("and again")).resolves.toContain("$argon2id$");
  });

  test("of another form in the store are a broken promise", async () => {
    await expect(createPasswords().matches("x", "plain text")).rejects.toThrow("Argon2id");
  });
});

async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
