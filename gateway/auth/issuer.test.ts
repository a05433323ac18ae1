import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { REVOCATIONS_KEPT_MS } from "../revocation.ts";
import { createRestWorld, id } from "../routes/rest-doubles.ts";
import { createIssuer, SKEW_MS } from "./issuer.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { jwkOf, newKey, sealed, signed, startIssuer, type TestIssuer } from "./test-issuer.ts";

const RSA = newKey("rsa", "RS256");
const EC = newKey("ec", "ES256");
const ED = newKey("ed", "EdDSA");
const NOW_S = 1_750_000_000;

let provider: TestIssuer;
beforeEach(async () => {
  provider = await startIssuer(RSA, EC, ED);
});
afterEach(() => provider.close());

const claims = (more: object = {}) => ({
  iss: provider.url,
  aud: "hubbub",
  sub: "42",
  iat: NOW_S,
  exp: NOW_S + 600,
  preferred_username: "dora",
  name: "Dora D.",
  ...more,
});

/** An issuer as a node has it, over a table of people in memory. */
async function trusting(more: { unknownKeyMs?: number; taken?: string[] } = {}) {
  const said: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void said.push(JSON.parse(line)) });
  const keys = new IssuerKeys({ url: provider.keysUrl, log, unknownKeyMs: more.unknownKeyMs ?? 0 });
  const people = new Map<string, { id: UserId; username: string; displayName: string }>();
  const asked: string[] = [];
  const world = { nowMs: NOW_S * 1_000, storeIsAway: false };
  const issuer = createIssuer({
    issuer: provider.url,
    audience: "hubbub",
    usernameClaim: "preferred_username",
    displayNameClaim: "name",
    keys,
    people: {
      async fromIssuer({ subject, username, displayName }) {
        if (world.storeIsAway) throw new StoreAway("away");
        asked.push(username);
        if (more.taken?.includes(username)) return "taken";
        const person = people.get(subject) ?? { id: id<UserId>(people.size + 1), username, displayName };
        people.set(subject, person);
        return { ...person, bot: false, createdAtMs: 1 };
      },
    },
    nowMs: () => world.nowMs,
    log,
  });
  await keys.start();
  said.length = 0;
  return {
    world,
    issuer,
    keys,
    people,
    asked,
    said,
    verify: async (token: string) => issuer.verifyToken(token),
  };
}

describe("row P1: a token of another issuer", () => {
  test.each([RSA, EC, ED])("names its person, by $algorithm", async (key) => {
    const { verify, people } = await trusting();
    expect(await verify(signed(key, claims()))).toEqual({
      userId: id(1),
      issuedAtMs: NOW_S * 1_000,
      expiresAtMs: (NOW_S + 600) * 1_000 + SKEW_MS,
    });
    expect([...people.values()]).toEqual([{ id: id(1), username: "dora", displayName: "Dora D." }]);
  });

  test("may be for several audiences, ours among them", async () => {
    const { verify } = await trusting();
    expect(await verify(signed(RSA, claims({ aud: ["other", "hubbub"] })))).toBeDefined();
  });

  test("seen before is answered at once, and its person is looked up once for all their tokens", async () => {
    const { issuer, asked, verify } = await trusting();
    const token = signed(RSA, claims());
    await verify(token);
    expect(issuer.verifyToken(token)).toMatchObject({ userId: id(1) });
    await Promise.all([verify(signed(RSA, claims({ jti: "1" }))), verify(signed(EC, claims({ jti: "2" })))]);
    expect(asked).toEqual(["dora"]);
    expect(provider.readings).toBe(1);
  });

  test("holds within its times, with the skew that clocks have, also when it was seen before", async () => {
    const { world, verify } = await trusting();
    const token = signed(RSA, claims({ nbf: NOW_S }));
    const at = (seconds: number) => {
      world.nowMs = (NOW_S + seconds) * 1_000;
      return verify(token);
    };
    expect(await at(-31)).toBeUndefined();
    expect(await at(-29)).toBeDefined();
    expect(await at(629)).toBeDefined();
    expect(await at(630)).toBeUndefined();
  });

  test("rule E3: is good for no longer than revocations are remembered", async () => {
    const { verify } = await trusting();
    expect(await verify(signed(RSA, claims({ exp: NOW_S + 10 * 86_400 })))).toMatchObject({
      expiresAtMs: NOW_S * 1_000 + REVOCATIONS_KEPT_MS,
    });
  });
});

describe("row P1: is refused", () => {
  const stranger = newKey("rsa", "RS256");
  const header = { alg: "RS256", typ: "JWT", kid: "rsa" };
  const pem = RSA.publicKey.export({ type: "spki", format: "pem" }) as string;
  const cut = (token: string) => token.slice(0, token.lastIndexOf(".") + 1);

  test.each<[string, () => string]>([
    ["another key under a known kid", () => signed(stranger, claims())],
    ["an unknown kid", () => signed(stranger, claims(), { kid: "other" })],
    ["no kid", () => signed(RSA, claims(), { kid: undefined })],
    ["an empty kid", () => signed(RSA, claims(), { kid: "" })],
    ["a kid that is a path", () => signed(RSA, claims(), { kid: "../../dev/null" })],
    ["a kid that is a number", () => signed(RSA, claims(), { kid: 1 })],
    ["another kid's key", () => signed({ ...EC, kid: "ed" }, claims())],
    ["an algorithm that is not the key's", () => signed(RSA, claims(), { alg: "PS256" })],
    ["a longer digest", () => signed(RSA, claims(), { alg: "RS512" })],
    ["none", () => sealed(claims(), { ...header, alg: "none" })],
    ["None, with a signature", () => signed(RSA, claims(), { alg: "None" })],
    ["no algorithm", () => signed(RSA, claims(), { alg: undefined })],
    ["no signature", () => cut(signed(RSA, claims()))],
    ["HS256 keyed with the public key", () => sealed(claims(), { ...header, alg: "HS256" }, pem)],
    [
      "HS256 keyed with the published key",
      () => sealed(claims(), { ...header, alg: "HS256" }, JSON.stringify(jwkOf(RSA))),
    ],
    ["a key of its own in jwk", () => signed(stranger, claims(), { jwk: jwkOf(stranger) })],
    [
      "a key of its own in jwk, without kid",
      () => signed(stranger, claims(), { jwk: jwkOf(stranger), kid: undefined }),
    ],
    ["a key elsewhere in jku", () => signed(stranger, claims(), { jku: provider.keysUrl, kid: "mine" })],
    ["a key elsewhere in x5u", () => signed(stranger, claims(), { x5u: provider.keysUrl })],
    ["what must be understood and is not", () => signed(RSA, claims(), { crit: ["exp"], exp: 1 })],
    ["another issuer", () => signed(RSA, claims({ iss: "https://id.example" }))],
    ["the issuer with a slash more", () => signed(RSA, claims({ iss: `${provider.url}/` }))],
    ["no issuer", () => signed(RSA, claims({ iss: undefined }))],
    ["another audience", () => signed(RSA, claims({ aud: "other" }))],
    ["no audience", () => signed(RSA, claims({ aud: undefined }))],
    ["an audience of none", () => signed(RSA, claims({ aud: [] }))],
    ["expired", () => signed(RSA, claims({ exp: NOW_S - 31 }))],
    ["no expiry", () => signed(RSA, claims({ exp: undefined }))],
    ["an expiry of text", () => signed(RSA, claims({ exp: `${NOW_S + 600}` }))],
    ["an expiry without end", () => signed(RSA, claims({ exp: 1e300 }))],
    ["from tomorrow on", () => signed(RSA, claims({ nbf: NOW_S + 86_400 }))],
    ["issued tomorrow", () => signed(RSA, claims({ iat: NOW_S + 86_400, exp: NOW_S + 90_000 }))],
    ["no time of issue, which revocations need", () => signed(RSA, claims({ iat: undefined }))],
    ["no subject", () => signed(RSA, claims({ sub: undefined }))],
    ["an empty subject", () => signed(RSA, claims({ sub: "" }))],
    ["a subject of 256 characters", () => signed(RSA, claims({ sub: "x".repeat(256) }))],
    ["a subject with NUL", () => signed(RSA, claims({ sub: "a\0b" }))],
    ["a token of 9,000 characters", () => signed(RSA, claims({ filler: "x".repeat(6_500) }))],
    ["no token", () => "hello"],
    ["three empty parts", () => ".."],
  ])("%s: makes nobody, says one line at most, and never what stood in it", async (_what, token) => {
    const { verify, people, said } = await trusting();
    expect(await verify(token())).toBeUndefined();
    expect(people.size).toBe(0);
    expect(said.filter(({ msg }) => !String(msg).startsWith("keys of")).length).toBeLessThanOrEqual(1);
    expect(JSON.stringify(said)).not.toMatch(/dora|eyJ/);
  });
});

describe("row P1: the issuer's keys", () => {
  test("that are new are found by their first token, those that are gone verify nothing more", async () => {
    const { verify, keys } = await trusting();
    const [old, next] = [signed(RSA, claims()), newKey("next", "ES256")];
    expect(await verify(old)).toBeDefined();
    provider.keys = [next];
    expect(await verify(signed(next, claims()))).toBeDefined();
    // Seen before, and refused all the same: its key is gone.
    expect(await verify(old)).toBeUndefined();
    expect(keys.get("rsa")).toBeUndefined();
  });

  test("under the same kid are the new ones", async () => {
    const { verify } = await trusting();
    const old = signed(RSA, claims());
    expect(await verify(old)).toBeDefined();
    const next = newKey("rsa", "RS256");
    provider.keys = [next];
    await verify(signed(next, claims(), { kid: "unknown" }));
    expect(await verify(signed(next, claims()))).toBeDefined();
    expect(await verify(old)).toBeUndefined();
  });

  test("are not asked for by strangers: a crowd of unknown kids is one reading", async () => {
    const { verify } = await trusting({ unknownKeyMs: 60_000 });
    const stranger = newKey("x", "ES256");
    const crowd = Array.from({ length: 50 }, (_, n) => signed(stranger, claims(), { kid: `k${n}` }));
    expect(new Set(await Promise.all(crowd.map((token) => verify(token))))).toEqual(new Set([undefined]));
    expect(await verify(signed(stranger, claims(), { kid: "later" }))).toBeUndefined();
    await verify(signed(stranger, claims({ iss: "https://id.example" }), { kid: "of another" }));
    expect(provider.readings).toBe(2);
  });

  test.each<[string, NonNullable<TestIssuer["answer"]>]>([
    ["an error", { status: 500, body: "{}" }],
    ["no JSON", { status: 200, body: "<html>" }],
    ["no key set", { status: 200, body: '{"keys":"none"}' }],
    ["too much", { status: 200, body: JSON.stringify({ keys: ["x".repeat(300_000)] }) }],
    ["somewhere else", { status: 302, body: "", location: "/keys" }],
  ])(
    "stay those that are known when the issuer answers with %s; what they cannot tell is away",
    async (_what, answer) => {
      const { verify, said } = await trusting();
      provider.answer = answer;
      const other = signed(newKey("other", "RS256"), claims());
      expect(await verify(other)).toBe("away");
      expect(await verify(other)).toBe("away");
      expect(await verify(signed(RSA, claims()))).toBeDefined();
      expect(said.map(({ level, msg }) => [level, msg])).toEqual([
        [40, "keys of the issuer of tokens cannot be read"],
      ]);
      provider.answer = undefined;
      expect(await verify(other)).toBeUndefined();
    },
  );

  test("that were never read make every token of the issuer away, not wrong", async () => {
    provider.answer = { status: 503, body: "" };
    const { verify } = await trusting();
    expect(await verify(signed(RSA, claims()))).toBe("away");
    provider.answer = undefined;
    expect(await verify(signed(RSA, claims()))).toBeDefined();
  });

  test("that cannot be used are passed over, the others count", async () => {
    const weak = { kid: "weak", kty: "RSA", n: "AQAB", e: "AQAB" };
    const use = { ...jwkOf(newKey("enc", "RS256")), use: "enc" };
    const other = { ...jwkOf(newKey("ps", "RS256")), alg: "PS256" };
    const broken = { kid: "broken", kty: "EC", crv: "P-256", x: "AA", y: "AA" };
    const secret = { kid: "oct", kty: "oct", k: "c2VjcmV0" };
    const nameless = { ...jwkOf(EC), kid: undefined };
    const body = JSON.stringify({ keys: [7, null, weak, use, other, broken, secret, nameless, jwkOf(ED)] });
    provider.answer = { status: 200, body };
    const { keys } = await trusting();
    const ids = ["weak", "enc", "ps", "broken", "oct", "", "ec", "ed"];
    expect(ids.filter((kid) => keys.get(kid))).toEqual(["ed"]);
  });
});

describe("row P1: the person of a token", () => {
  test.each<[string, object, string | RegExp, string | RegExp]>([
    ["is named by the claims", {}, "dora", "Dora D."],
    ["by an e-mail address's first part", { preferred_username: "dora.d@example.org" }, "dora.d", "Dora D."],
    ["without what a username may not have", { preferred_username: "-Zoë  K!" }, "Zoe_K", "Dora D."],
    ["by nothing", { preferred_username: undefined, name: 7 }, /^user_[0-9a-f]{4}$/, /^user_/],
    ["by what is no name", { preferred_username: "山田", name: "  " }, /^user_/, /^user_/],
    [
      "by a reserved name, with something behind it",
      { preferred_username: "Admin" },
      /^Admin_[0-9a-f]{4}$/,
      "Dora D.",
    ],
    [
      "by 80 characters",
      { preferred_username: "d".repeat(80), name: "é".repeat(80) },
      "d".repeat(32),
      "é".repeat(64),
    ],
  ])("%s", async (_what, more, username, displayName) => {
    const { verify, people } = await trusting();
    await verify(signed(RSA, claims(more)));
    const [person] = people.values();
    expect(person!.username).toMatch(username);
    expect(person!.displayName).toMatch(displayName);
  });

  test("gets another username where one is taken", async () => {
    const { verify, people, asked } = await trusting({ taken: ["dora"] });
    expect(await verify(signed(RSA, claims()))).toBeDefined();
    expect([...people.values()][0]!.username).toMatch(/^dora_[0-9a-f]{4}$/);
    expect(asked).toHaveLength(2);
  });

  test("waits for Postgres: away until it answers", async () => {
    const { world, verify } = await trusting();
    const token = signed(RSA, claims());
    world.storeIsAway = true;
    expect(await verify(token)).toBe("away");
    world.storeIsAway = false;
    expect(await verify(token)).toBeDefined();
  });
});

describe("row P1: over REST", () => {
  const ask = async (token: string, verdict?: { trust: Awaited<ReturnType<typeof trusting>> }) => {
    const trust = verdict?.trust ?? (await trusting());
    const world = await createRestWorld({}, { tokens: trust.issuer } as never);
    const user = { id: id<UserId>(1), username: "dora", displayName: "Dora", passwordHash: "h" };
    await world.accounts.create(user);
    const headers = { authorization: `Bearer ${token}` };
    const response = await world.app.inject({ url: "/api/v1/users/me", headers });
    return { status: response.statusCode, ...response.json() };
  };

  test("a good token is let in, a bad one is unauthenticated", async () => {
    expect(await ask(signed(RSA, claims()))).toMatchObject({ status: 200, user: { id: id(1) } });
    expect(await ask(signed(newKey("rsa", "RS256"), claims()))).toMatchObject({
      status: 401,
      code: "unauthenticated",
    });
  });

  test("one that cannot be told now is unavailable, and worth another try", async () => {
    provider.answer = { status: 503, body: "" };
    expect(await ask(signed(RSA, claims()))).toMatchObject({
      status: 503,
      code: "unavailable",
      retry: "later",
    });
  });
});
