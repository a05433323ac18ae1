import { readdir } from "node:fs/promises";
import pg from "pg";
import { pino } from "pino";
import { expect, test } from "vitest";
import { freshDatabase, migratedDatabase } from "../../test/support/servers.ts";
import { FIRST_LEVEL, LEVEL } from "../lib/level.ts";
import { DatabaseNewer, migrate } from "./migrate.ts";
import { openTestStore, type TestStore } from "./test-store.ts";

const silent = pino({ level: "silent" });

test("started by several nodes at once, they run once", async () => {
  const url = await freshDatabase();
  await Promise.all([migrate(url, silent), migrate(url, silent), migrate(url, silent)]);
  await migrate(url, silent);
  const own = openTestStore(url);
  const files = await readdir(new URL("./migrations", import.meta.url));
  for (const table of ["migrations_run", "migrations"]) {
    const ran = await own.sql<{ name: string }>(`select name from ${table} order by id`);
    expect(ran.map(({ name }) => `${name}.sql`)).toEqual(files.sort());
  }
  await own.close();
});

/** What 0.1.0 left behind: one table of migrations, one migration, one record. */
async function ofTheFirstVersion(): Promise<TestStore> {
  const own = openTestStore(await migratedDatabase());
  await own.sql("delete from migrations where name > '0002'");
  await own.sql("drop table migrations_run");
  await own.clusterRecord.agree({ shards: 256, protocol: FIRST_LEVEL });
  return own;
}

const shown = (store: TestStore) =>
  store
    .sql<{ name: string }>("select name from migrations order by id")
    .then((rows) => rows.map(({ name }) => name));

test("rule E7: what has run is not shown to 0.1.0 while its cluster lets it in, and is when it does no more", async () => {
  const own = await ofTheFirstVersion();
  // Its later tables are there already; as if their migrations had run beside it.
  await own.sql("create table migrations_run (like migrations including all)");
  const files = await readdir(new URL("./migrations", import.meta.url));
  for (const file of files.sort())
    await own.sql("insert into migrations_run (name, run_on) values ($1, now())", [file.replace(".sql", "")]);
  await migrate(own.databaseUrl, silent);
  expect(await shown(own)).toEqual(["0001_foundation"]);
  await own.clusterRecord.raise({ protocol: 2, level: 1 });
  expect((await shown(own)).map((name) => `${name}.sql`)).toEqual(files);
  await own.clusterRecord.raise({ protocol: 1, level: 2 });
  expect(await own.clusterRecord.agree({ shards: 1, protocol: 1 })).toMatchObject({
    shards: 256,
    protocol: 2,
    level: 2,
  });
  await own.close();
});

test("rule E7: goes on from the table of the version before", async () => {
  const own = await ofTheFirstVersion();
  await own.sql("insert into migrations (name, run_on) select name, now() from unnest($1::text[]) as name", [
    (await readdir(new URL("./migrations", import.meta.url)))
      .map((file) => file.replace(".sql", ""))
      .sort()
      .slice(1),
  ]);
  const before = await shown(own);
  await migrate(own.databaseUrl, silent);
  const ran = await own.sql<{ name: string }>("select name from migrations_run order by id");
  expect(ran.map(({ name }) => name)).toEqual(before);
  // The next one finds a number of its own.
  await own.sql("insert into migrations_run (name, run_on) values ('0099_next', now())");
  await own.close();
});

test("rule E7: steps of a newer version are no harm while the cluster lets this one in", async () => {
  const own = openTestStore(await migratedDatabase());
  await own.sql("insert into migrations_run (name, run_on) values ('0099_the_future', now())");
  await expect(migrate(own.databaseUrl, silent)).rejects.toThrow("0099_the_future");
  await own.clusterRecord.agree({ shards: 256, protocol: LEVEL });
  await migrate(own.databaseUrl, silent);
  await own.clusterRecord.raise({ protocol: LEVEL + 1, level: LEVEL });
  await expect(migrate(own.databaseUrl, silent)).rejects.toThrow("0099_the_future");
  await own.close();
});

test("a database of a newer version is refused in one line, untouched", async () => {
  const url = await migratedDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("insert into migrations_run (name, run_on) values ('0099_the_future', now())");
  await client.query("drop table outbox");
  await client.query("delete from migrations_run where name = '0001_foundation'");
  const refusal = await migrate(url, silent).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(DatabaseNewer);
  expect((refusal as Error).message).toMatch(/^[^\n]*0099_the_future[^\n]*$/);
  expect((await client.query("select to_regclass('outbox') as outbox")).rows).toEqual([{ outbox: null }]);
  await client.end();
});

test("a second of two nodes is not held up for ever by one that failed", async () => {
  const url = await freshDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("create table users (id uuid)");
  await expect(migrate(url, silent)).rejects.toThrow(/users/);
  await client.query("drop table users");
  await migrate(url, silent);
  await client.end();
});
