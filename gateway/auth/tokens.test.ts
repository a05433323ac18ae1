import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import { ACCESS_TTL_MS, createTokens } from "./tokens.ts";

const SECRET = "a secret of the tests, 32 bytes ok";
const ANN = "01890000-0000-7000-8000-000000000001" as UserId;
const START_MS = 1_750_000_000_123;

function at(nowMs: { value: number }, more: Partial<Parameters<typeof createTokens>[0]> = {}) {
  return createTokens({
    secret: SECRET,
    issuer: "hubbub",
    audience: "hubbub",
    nowMs: () => nowMs.value,
    ...more,
  });
}

/** A token with any header and claims, signed as HS256 would be. */
function forged(header: object, claims: object, secret: string | Buffer = SECRET): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const head = `${encode(header)}.${encode(claims)}`;
  return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
}

const claims = { sub: ANN, iss: "hubbub", aud: "hubbub", iatMs: START_MS, expMs: START_MS + 60_000 };

describe("access tokens", () => {
  test("name their user and their times to the millisecond", () => {
    const tokens = at({ value: START_MS });
    const { token, expiresAtMs } = tokens.issueToken(ANN);
    expect(expiresAtMs).toBe(START_MS + ACCESS_TTL_MS);
    expect(tokens.verifyToken(token)).toEqual({ userId: ANN, issuedAtMs: START_MS, expiresAtMs });
    expect(tokens.verifyToken(forged({ alg: "HS256", typ: "JWT" }, claims))?.userId).toBe(ANN);
  });

  test("live shorter where that is asked for, and never longer", () => {
    const tokens = at({ value: START_MS });
    expect(tokens.issueToken(ANN, 1_000).expiresAtMs).toBe(START_MS + 1_000);
    expect(tokens.issueToken(ANN, 2 * ACCESS_TTL_MS).expiresAtMs).toBe(START_MS + ACCESS_TTL_MS);
  });

  test("end by the cluster's clock, also when they are in the cache", () => {
    const now = { value: START_MS };
    const tokens = at(now);
    const { token, expiresAtMs } = tokens.issueToken(ANN);
    expect(tokens.verifyToken(token)).toBeDefined();
    now.value = expiresAtMs;
    expect(tokens.verifyToken(token)).toBeUndefined();
  });

  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const rs = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
  const none = `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}`;
  const [head, body] = forged({ alg: "HS256" }, claims).split(".");
  const publicPem = publicKey.export({ type: "spki", format: "pem" }) as string;
  const jwk = publicKey.export({ format: "jwk" });

  test.each([
    ["nothing", ""],
    ["no token", "hello"],
    ["three empty parts", ".."],
    ["alg none without signature", `${none}.`],
    ["alg NONE", `${encode({ alg: "NONE" })}.${encode(claims)}.`],
    ["alg none with a signature", forged({ alg: "none" }, claims)],
    ["HS256 without its signature", `${head}.${body}.`],
    ["two parts", `${head}.${body}`],
    [
      "RS256 with a key of its own",
      `${rs}.${sign("sha256", Buffer.from(rs), privateKey).toString("base64url")}`,
    ],
    ["HS256 keyed with a public key", forged({ alg: "HS256" }, claims, publicPem)],
    ["HS512 under our secret", forged({ alg: "HS512" }, claims)],
    ["a key of its own in jwk", forged({ alg: "HS256", jwk }, claims, "x".repeat(32))],
    [
      "a key elsewhere in jku",
      forged({ alg: "HS256", jku: "http://127.0.0.1/keys" }, claims, "x".repeat(32)),
    ],
    ["a kid that is a path", forged({ alg: "HS256", kid: "../../dev/null" }, claims, "")],
    ["another issuer", forged({ alg: "HS256" }, { ...claims, iss: "other" })],
    ["another audience", forged({ alg: "HS256" }, { ...claims, aud: "other" })],
    ["no audience", forged({ alg: "HS256" }, { ...claims, aud: undefined })],
    ["no expiry", forged({ alg: "HS256" }, { ...claims, expMs: undefined })],
    ["an expiry of text", forged({ alg: "HS256" }, { ...claims, expMs: "9e99" })],
    ["an expiry without end", forged({ alg: "HS256" }, { ...claims, expMs: 1e300 })],
    ["expired", forged({ alg: "HS256" }, { ...claims, expMs: START_MS - 1 })],
    ["a subject that is no user", forged({ alg: "HS256" }, { ...claims, sub: "root" })],
    ["no subject", forged({ alg: "HS256" }, { ...claims, sub: undefined })],
    ["another secret", forged({ alg: "HS256" }, claims, "another secret of 32 bytes or so.")],
  ])("are refused: %s", (_what, token) => {
    expect(at({ value: START_MS }).verifyToken(token)).toBeUndefined();
  });

  test("need a secret as long as their digest", () => {
    expect(() => at({ value: 0 }, { secret: "short" })).toThrow(RangeError);
  });
});
