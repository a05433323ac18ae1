/** `hubbub migrate`. */
import { destination, pino } from "pino";
import { describeConfig } from "../config.ts";
import { Trouble } from "../lib/trouble.ts";
import { whyNoPostgres } from "../start/reach.ts";
import { DatabaseNewer, migrate } from "../store/migrate.ts";

const STDOUT = 1;
const STDERR = 2;

/** Migrates the database of `DATABASE_URL`; says each migration as a log line, on stderr where stdout is for a program. */
export async function runMigrations({ json = false }: { json?: boolean }): Promise<void> {
  const url = process.env.DATABASE_URL;
  const form = describeConfig().find(({ env }) => env === "DATABASE_URL")?.bound;
  if (!url) throw new Trouble(`DATABASE_URL is not set: ${form}`);
  const why = await whyNoPostgres(url);
  if (why !== undefined)
    throw new Trouble(`Postgres cannot be used (${why}): start it, or correct DATABASE_URL.`);
  try {
    await migrate(url, pino({ level: "info" }, destination(json ? STDERR : STDOUT)));
  } catch (error) {
    if (error instanceof DatabaseNewer) throw new Trouble(error.message);
    throw error;
  }
  console.log(json ? JSON.stringify({ upToDate: true }) : "The database is up to date.");
}
