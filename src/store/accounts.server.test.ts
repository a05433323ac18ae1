import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/servers.ts";
import { START_MS, userId } from "./projector/test-log.ts";
import { openTestStore, type TestStore } from "./test-store.ts";

let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterAll(() => store.close());

const ada = {
  id: userId(1),
  username: "Ada",
  displayName: "Ada L.",
  email: "Ada@example.org",
  passwordHash: "h",
};

test("of racers for one username one wins, and its own repeat is no race", async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      store.accounts.create({ ...ada, id: userId(1 + i), email: undefined }),
    ),
  );
  expect(answers.filter((answer) => answer === "taken")).toHaveLength(11);
  const winner = answers.find((answer) => answer !== "taken")!;
  expect(
    await store.accounts.create({
      ...ada,
      id: (winner as { id: typeof ada.id }).id,
      username: "ADA",
      displayName: "x",
    }),
  ).toEqual(winner);
  expect(await store.accounts.create({ ...ada, id: userId(40), username: "ada" })).toBe("taken");
  expect(
    await store.accounts.create({ ...ada, id: (winner as { id: typeof ada.id }).id, username: "other" }),
  ).toBe("taken");
});

test("log-in is by username or e-mail, without case", async () => {
  const grace = { ...ada, id: userId(41), username: "Grace", email: "Grace@Example.org" };
  const user = await store.accounts.create(grace);
  for (const login of ["grace", "GRACE", "grace@example.ORG"]) {
    expect(await store.accounts.byLogin(login)).toEqual({ user, passwordHash: "h" });
  }
  expect(await store.accounts.byLogin("grace@example.com")).toBeUndefined();
  expect(
    await store.accounts.create({
      ...grace,
      id: userId(42),
      username: "grace2",
      email: "GRACE@example.org",
    }),
  ).toBe("taken");
  expect(await store.accounts.users([userId(41), userId(90)])).toEqual([user]);
  expect(await store.accounts.byUsernames(["gRACE", "nobody"])).toEqual([user]);
});

const hash = (n: number) => n.toString(16).padStart(64, "0");
const farMs = 8_000_000_000_000;

test("a refresh token works once; its reuse ends the family", async () => {
  const { accounts } = store;
  await accounts.startFamily({ id: "f1", userId: userId(41), tokenHash: hash(1), expiresAtMs: farMs });
  expect(await accounts.rotate(hash(1), hash(2), farMs)).toEqual({ userId: userId(41) });
  expect(await accounts.rotate(hash(2), hash(3), farMs)).toEqual({ userId: userId(41) });
  expect(await accounts.rotate(hash(1), hash(4), farMs)).toBe("reused");
  expect(await accounts.rotate(hash(3), hash(5), farMs)).toBe("unknown");
  expect(await accounts.rotate(hash(99), hash(5), farMs)).toBe("unknown");
});

test("of racers with one refresh token one wins, and then the family is over: the winner's next token too", async () => {
  const { accounts } = store;
  for (let round = 0; round < 5; round++) {
    const first = 100 * (round + 1);
    await accounts.startFamily({
      id: `race${round}`,
      userId: userId(41),
      tokenHash: hash(first),
      expiresAtMs: farMs,
    });
    const racers = Array.from({ length: 8 }, (_, i) =>
      accounts.rotate(hash(first), hash(first + 1 + i), farMs),
    );
    const answers = await Promise.all(racers);
    expect(answers.filter((answer) => typeof answer === "object")).toHaveLength(1);
    expect(answers).toContain("reused");
    expect(await store.sql("select 1 from refresh_tokens where family_id = $1", [`race${round}`])).toEqual(
      [],
    );
  }
});

test("a reuse that is noticed in the middle of a rotation ends what that rotation brings, too", async () => {
  const { accounts } = store;
  await accounts.startFamily({ id: "mid", userId: userId(41), tokenHash: hash(900), expiresAtMs: farMs });
  await accounts.rotate(hash(900), hash(901), farMs);
  const rotating = new pg.Client({ connectionString: store.databaseUrl });
  await rotating.connect();
  await rotating.query("begin");
  await rotating.query("update refresh_tokens set used = true where token_hash = decode($1, 'hex')", [
    hash(901),
  ]);
  await rotating.query(
    "insert into refresh_tokens (token_hash, family_id, user_id, expires_at_ms) values (decode($1, 'hex'), 'mid', $2, $3)",
    [hash(902), userId(41), farMs],
  );
  const reuse = accounts.rotate(hash(900), hash(903), farMs);
  const waiting =
    "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await expect.poll(() => store.sql(waiting)).toHaveLength(1);
  await rotating.query("commit");
  await rotating.end();
  expect(await reuse).toBe("reused");
  expect(await store.sql("select 1 from refresh_tokens where family_id = 'mid'")).toEqual([]);
});

test("an expired refresh token is unknown, and swept at the next log-in", async () => {
  const { accounts } = store;
  await accounts.startFamily({ id: "old", userId: userId(41), tokenHash: hash(7), expiresAtMs: 5 });
  expect(await accounts.rotate(hash(7), hash(8), farMs)).toBe("unknown");
  await accounts.startFamily({ id: "new", userId: userId(41), tokenHash: hash(9), expiresAtMs: farMs });
  expect(await store.sql("select 1 from refresh_tokens where family_id = 'old'")).toEqual([]);
});

test("logging out ends one family, revoking ends all and is heard by every gateway", async () => {
  const { accounts } = store;
  for (const n of [20, 21, 22]) {
    await accounts.startFamily({ id: `d${n}`, userId: userId(41), tokenHash: hash(n), expiresAtMs: farMs });
  }
  await accounts.endFamily(hash(20));
  expect(await accounts.rotate(hash(20), hash(30), farMs)).toBe("unknown");
  expect(await accounts.rotate(hash(21), hash(31), farMs)).toEqual({ userId: userId(41) });
  await accounts.revokeAll(userId(41), START_MS);
  await accounts.revokeAll(userId(41), START_MS - 5);
  for (const n of [31, 22]) expect(await accounts.rotate(hash(n), hash(n + 20), farMs)).toBe("unknown");
  expect(await accounts.revocations(START_MS - 1)).toEqual([{ userId: userId(41), validAfterMs: START_MS }]);
  expect(await accounts.revocations(START_MS)).toEqual([]);
});
