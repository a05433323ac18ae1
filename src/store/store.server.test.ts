import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { migratedDatabase, startPostgres } from "../../test/support/servers.ts";
import { migrate } from "./migrate.ts";
import { channelId, userId } from "./projector/test-log.ts";
import { openTestStore, type TestStore } from "./test-store.ts";

const silent = pino({ level: "silent" });

let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterAll(() => store.close());

test("the first node's word stands for all, and all sign with one secret", async () => {
  const answers = await Promise.all(
    [256, 128, 64].map((shards) => store.clusterRecord.agree({ shards, protocol: 1 })),
  );
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await store.clusterRecord.agree({ shards: 1, protocol: 9 })).toEqual(answers[0]);
  const secrets = await Promise.all([store.secret(), store.secret(), store.secret()]);
  expect(new Set(secrets).size).toBe(1);
  expect(Buffer.from(secrets[0]!, "base64url")).toHaveLength(32);
});

test("Postgres away is StoreAway with its cause, at once, and over when it is back", {
  timeout: 60_000,
}, async () => {
  const server = await startPostgres();
  try {
    const url = await server.createDatabase();
    await migrate(url, silent);
    const own = openTestStore(url);
    expect(await own.ping()).toBe(true);
    await own.facts.channel(channelId(0));
    await server.stop();
    const refusals = await Promise.allSettled([
      own.facts.channel(channelId(0)),
      own.reigns.claim(0, 0),
      own.memberships.ofUser(userId(0)),
      own.history.page(channelId(0), { limit: 1, upToSeq: 1, reader: userId(0) }),
      own.accounts.byLogin("ada"),
      own.secret(),
    ]);
    for (const refusal of refusals) {
      expect(refusal.status === "rejected" && refusal.reason).toBeInstanceOf(StoreAway);
      expect((refusal as PromiseRejectedResult).reason.cause).toBeInstanceOf(Error);
    }
    expect(await own.ping()).toBe(false);
    await server.start();
    expect(await own.ping()).toBe(true);
    expect((await own.reigns.claim(0, 0)).epoch).toBe(1);
    await own.close();
  } finally {
    await server.remove();
  }
});

test("a primary that takes no writes is away as well", async () => {
  const url = await migratedDatabase();
  const own = openTestStore(url);
  await own.sql(`alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`);
  await expect(own.reigns.claim(0, 0)).rejects.toBeInstanceOf(StoreAway);
  expect(await own.ping()).toBe(false);
  await own.close();
});

test("what Postgres refuses for good is no StoreAway", async () => {
  const refusal = store.facts.channel("not a uuid" as never);
  await expect(refusal).rejects.toMatchObject({ code: "22P02" });
  await expect(refusal).rejects.not.toBeInstanceOf(StoreAway);
});

test("a Postgres that says nothing is away in 3 s, and its connection is not used again", async () => {
  const own = openTestStore(await migratedDatabase());
  await own.facts.channel(channelId(0));
  const pids = await own.sql<{ pid: number }>(
    "select pid from pg_stat_activity where datname = current_database() and application_name = 'hubbub read'",
  );
  expect(pids).toHaveLength(1);
  const freeze = (signal: "SIGSTOP" | "SIGCONT") => pids.forEach(({ pid }) => void process.kill(pid, signal));
  freeze("SIGSTOP");
  try {
    const startMs = performance.now();
    await expect(own.facts.channel(channelId(0))).rejects.toBeInstanceOf(StoreAway);
    expect(performance.now() - startMs).toBeLessThan(4_000);
    expect(await own.facts.channel(channelId(0))).toBeUndefined();
  } finally {
    freeze("SIGCONT");
  }
  await own.close();
});
