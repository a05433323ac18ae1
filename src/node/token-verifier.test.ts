import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createTokens } from "../../gateway/auth/tokens.ts";
import { loadConfig } from "../config.ts";
import { Trouble } from "../lib/trouble.ts";
import { tokenVerifier } from "./token-verifier.ts";

const GIVEN = {
  REDIS_URL: "redis://localhost:6379",
  DATABASE_URL: "postgres://hubbub@localhost/hubbub",
  HUBBUB_TOKEN_SECRET: "t".repeat(32),
  HUBBUB_ADMIN_TOKEN: "a".repeat(32),
};

function verifierWith(env: Record<string, string>) {
  const config = loadConfig({ ...GIVEN, ...env });
  const nowMs = () => 0;
  const tokens = createTokens({ secret: config.tokenSecret, issuer: "hubbub", audience: "hubbub", nowMs });
  const people = { fromIssuer: async () => "taken" as const };
  return tokenVerifier(config, tokens, { people, nowMs, log: pino({ level: "silent" }) });
}

describe("row P1: whose tokens a node believes", () => {
  test.each<Record<string, string>>([
    {},
    { HUBBUB_ISSUER: "https://id.example" },
    { HUBBUB_ISSUER: "https://id.example/tenant/", HUBBUB_OWN_ACCOUNTS: "off" },
    { HUBBUB_ISSUER: "http://127.0.0.1:8080" },
    { HUBBUB_ISSUER: "http://id.internal", HUBBUB_ISSUER_KEYS_URL: "https://id.internal/keys" },
  ])("is settled by %j", (env) => {
    expect(() => verifierWith(env)).not.toThrow();
  });

  test.each<[Record<string, string>, string]>([
    [{ HUBBUB_OWN_ACCOUNTS: "off" }, "nobody could log in"],
    [{ HUBBUB_ISSUER: "http://id.internal" }, "HUBBUB_ISSUER_KEYS_URL"],
  ])("is not by %j: the node says what to set", (env, message) => {
    expect(() => verifierWith(env)).toThrow(Trouble);
    expect(() => verifierWith(env)).toThrow(message);
  });
});
