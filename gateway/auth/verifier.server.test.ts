import { once } from "node:events";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import { openTestStore, type TestStore } from "../../src/store/test-store.ts";
import { createStage, openClient, type Stage } from "../../test/support/gateway-stage.ts";
import { freshPrefix, migratedDatabase, sharedRedisUrl } from "../../test/support/servers.ts";
import { recordingLogger } from "../doubles.ts";
import { createRestWorld } from "../routes/rest-doubles.ts";
import { newKey, signed, startIssuer, type TestIssuer } from "./test-issuer.ts";
import { createTokens } from "./tokens.ts";
import { createVerifierOf, type Verifier } from "./verifier.ts";

const KEY = newKey("one", "ES256");
let provider: TestIssuer;
let store: TestStore;
let stage: Stage;
let verifier: Verifier;
const tokens = createTokens({
  secret: "a secret of the tests, 32 bytes ok",
  issuer: "hubbub",
  audience: "hubbub",
  nowMs: Date.now,
});

beforeEach(async () => {
  provider = await startIssuer(KEY);
  store = openTestStore(await migratedDatabase());
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  verifier = verifierOver(store.people);
  await verifier.start();
});
afterEach(async () => {
  verifier.close();
  await stage.close();
  await store.close();
  await provider.close();
});

function verifierOver(people: TestStore["people"]): Verifier {
  return createVerifierOf({
    tokens,
    other: {
      issuer: provider.url,
      audience: "hubbub",
      keysUrl: provider.keysUrl,
      usernameClaim: "preferred_username",
      displayNameClaim: "name",
    },
    people,
    nowMs: Date.now,
    log: pino({ level: "silent" }),
  });
}

function tokenFor(subject: string, livesMs = 600_000, key = KEY): string {
  const iat = Math.floor(Date.now() / 1_000);
  const exp = Math.floor((Date.now() + livesMs) / 1_000);
  const claims = { iss: provider.url, aud: "hubbub", sub: subject, iat, exp, preferred_username: subject };
  return signed(key, claims);
}

/** The refusal of a handshake with this token. */
async function refusedWith(url: string, token: string) {
  const { socket } = openClient(url, "" as UserId, { auth: { token } });
  const [error] = (await once(socket as never, "connect_error")) as [{ data: { code: string } }];
  socket.disconnect();
  return error.data;
}

test("row P1: one token of another issuer opens the socket and REST, as one person, beside our own tokens", async () => {
  const gateway = await stage.addGateway({ verifyToken: verifier.verifyToken });
  const token = tokenFor("dora");
  const client = await stage.client(gateway, "" as UserId, { auth: { token } });
  const { userId } = client.said.find(({ event }) => event === "session:ready")!.payload as {
    userId: UserId;
  };
  const { app } = await createRestWorld({}, { accounts: store.accounts, tokens: verifier } as never);
  const me = await app.inject({ url: "/api/v1/users/me", headers: { authorization: `Bearer ${token}` } });
  expect(me.json()).toMatchObject({ user: { id: userId, username: "dora", displayName: "dora" } });
  const own = { authorization: `Bearer ${tokens.issueToken(userId).token}` };
  expect((await app.inject({ url: "/api/v1/users/me", headers: own })).json()).toEqual(me.json());
  await app.close();
});

test("row P1: a crowd of one person's tokens, in one moment and on two nodes, makes one person", async () => {
  const gateways = [
    await stage.addGateway({ verifyToken: verifier.verifyToken }),
    await stage.addGateway({ verifyToken: verifier.verifyToken }),
  ];
  const clients = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      stage.client(gateways[n % 2]!, "" as UserId, { auth: { token: tokenFor("eve") } }),
    ),
  );
  const ids = clients.map(({ said }) => said.find(({ event }) => event === "session:ready")!.payload.userId);
  expect(new Set(ids).size).toBe(1);
  expect(await store.sql("select username from users")).toEqual([{ username: "eve" }]);
});

test("rule E3: revoking all ends a connection that another issuer's token opened, and the token with it", async () => {
  const gateway = await stage.addGateway({ verifyToken: verifier.verifyToken });
  const token = tokenFor("fay");
  const client = await stage.client(gateway, "" as UserId, { auth: { token } });
  const { userId } = client.said.find(({ event }) => event === "session:ready")!.payload as {
    userId: UserId;
  };
  await gateway.revoke(userId, Date.now());
  await expect
    .poll(() => client.said.at(-1))
    .toMatchObject({ event: "session:closing", payload: { reason: "revoked" } });
  expect(await refusedWith(gateway.url, token)).toMatchObject({ code: "unauthenticated" });
});

test("row P1: a handshake with a bad token is unauthenticated; one that cannot be told now is unavailable, and no error", async () => {
  const { logger, said: errors } = recordingLogger();
  const gateway = await stage.addGateway({ verifyToken: verifier.verifyToken, logger });
  expect(await refusedWith(gateway.url, tokenFor("gil", -60_000))).toMatchObject({ code: "unauthenticated" });
  expect(await refusedWith(gateway.url, tokenFor("gil", 60_000, newKey("one", "ES256")))).toMatchObject({
    code: "unauthenticated",
  });
  provider.answer = { status: 500, body: "" };
  const unknown = tokenFor("gil", 60_000, newKey("two", "ES256"));
  expect(await refusedWith(gateway.url, unknown)).toMatchObject({ code: "unavailable", retry: "later" });
  provider.answer = undefined;
  const lost = openTestStore("postgres://nobody@127.0.0.1:1/none");
  const withoutStore = await stage.addGateway({ verifyToken: verifierOver(lost.people).verifyToken, logger });
  expect(await refusedWith(withoutStore.url, tokenFor("new here"))).toMatchObject({ code: "unavailable" });
  expect(errors).toEqual([]);
  await lost.close();
});
