/**
 * Brings a database to the version of this code: SQL files of `migrations/`, in the order of their names, in one
 * transaction. Nodes that start together wait for the first of them at an advisory lock.
 */
import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { PG_MIGRATE_LOCK_ID, runner } from "node-pg-migrate";
import pg from "pg";
import type { Logger } from "pino";

const MIGRATIONS_DIR = fileURLToPath(new URL("./migrations", import.meta.url));
const MIGRATIONS_TABLE = "migrations";

/** Milliseconds to wait for a connection: a database that was just started answers within this. */
const CONNECT_TIMEOUT_MS = 10_000;

/** The database was migrated by a newer version of Hubbub; this one must not touch it. */
export class DatabaseNewer extends Error {
  override name = "DatabaseNewer";
}

/**
 * Migrates; nothing to do is quick. Rejects with `DatabaseNewer`, whose message is one clear line, before anything is
 * changed; with the driver's error when the database cannot be reached or a migration fails (then all is rolled back).
 */
export async function migrate(databaseUrl: string, log: Logger): Promise<void> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "hubbub migrate",
  });
  // Without a listener a connection cut between two statements would end the process; the next statement rejects anyway.
  client.on("error", () => {});
  await client.connect();
  try {
    // Held from before the version is looked at, so that nobody migrates between look and run. The lock that the runner
    // takes is the same one, on the same session: it nests.
    await client.query("select pg_advisory_lock($1)", [PG_MIGRATE_LOCK_ID]);
    await refuseNewer(client);
    const done = await runner({
      dbClient: client,
      dir: MIGRATIONS_DIR,
      direction: "up",
      migrationsTable: MIGRATIONS_TABLE,
      advisoryLockMode: "wait",
      singleTransaction: true,
      logger: quiet(log),
    });
    for (const migration of done) log.info({ migration: migration.name }, "database migrated");
  } finally {
    await client.end();
  }
}

async function refuseNewer(client: pg.Client): Promise<void> {
  const table = await client.query<{ there: boolean }>("select to_regclass($1) is not null as there", [
    MIGRATIONS_TABLE,
  ]);
  if (!table.rows[0]?.there) return;
  const files = await readdir(MIGRATIONS_DIR);
  const known = files.filter((file) => file.endsWith(".sql")).map((file) => basename(file, ".sql"));
  const ran = await client.query<{ name: string }>(`select name from ${MIGRATIONS_TABLE} order by id`);
  const unknown = ran.rows.find((row) => !known.includes(row.name));
  if (!unknown) return;
  throw new DatabaseNewer(
    `The database was migrated by a newer version of Hubbub (it knows "${unknown.name}", this version does not): start that version, or use another database.`,
  );
}

/** The runner talks about every statement; an operator wants what failed. What was done is said by `migrate`. */
function quiet(log: Logger) {
  return {
    debug: (line: string) => log.debug(line),
    info: (line: string) => log.debug(line),
    warn: (line: string) => log.warn(line),
    error: (line: string) => log.error(line),
  };
}
