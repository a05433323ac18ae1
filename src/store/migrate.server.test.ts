import { readdir } from "node:fs/promises";
import pg from "pg";
import { pino } from "pino";
import { expect, test } from "vitest";
import { freshDatabase, migratedDatabase } from "../../test/support/servers.ts";
import { DatabaseNewer, migrate } from "./migrate.ts";
import { openTestStore } from "./test-store.ts";

const silent = pino({ level: "silent" });

test("started by several nodes at once, they run once", async () => {
  const url = await freshDatabase();
  await Promise.all([migrate(url, silent), migrate(url, silent), migrate(url, silent)]);
  await migrate(url, silent);
  const own = openTestStore(url);
  const ran = await own.sql<{ name: string }>("select name from migrations order by id");
  const files = await readdir(new URL("./migrations", import.meta.url));
  expect(ran.map(({ name }) => `${name}.sql`)).toEqual(files.sort());
  await own.close();
});

test("a database of a newer version is refused in one line, untouched", async () => {
  const url = await migratedDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("insert into migrations (name, run_on) values ('0099_the_future', now())");
  await client.query("drop table outbox");
  await client.query("delete from migrations where name = '0001_foundation'");
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
