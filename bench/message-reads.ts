/** Which statements have read messages out of Postgres, as Postgres itself counts them. */
import pg from "pg";

/** For `startCluster({ postgres })`. */
export const COUNTED_POSTGRES = { shared_preload_libraries: "pg_stat_statements" };

/** Before `messageReads`, on a database of a Postgres with these settings. */
export async function countStatements(databaseUrl: string): Promise<void> {
  await query(databaseUrl, "create extension if not exists pg_stat_statements");
  await query(databaseUrl, "select pg_stat_statements_reset()");
}

/** Calls since `countStatements`. `texts`: how each of these statements begins. */
export type MessageReads = {
  /** That read what messages say, for whoever asks. */
  pages: number;
  /** By which an owner judges a send: it may be one that was made before (rule S1). */
  lookUps: number;
  texts: string[];
};

export async function messageReads(databaseUrl: string): Promise<MessageReads> {
  const rows = await query<{ calls: number; query: string }>(
    databaseUrl,
    `select calls::int, query from pg_stat_statements s join pg_database d on d.oid = s.dbid and d.datname = current_database()
     where query ~* '(from|join) "?messages"?' and query ~* 'content' and query !~* '^\\s*(with .*)?insert' and query !~* 'pg_stat_statements'`,
  );
  const isLookUp = ({ query: text }: { query: string }) => / as kind, /.test(text);
  const calls = (of: typeof rows) => of.reduce((sum, row) => sum + row.calls, 0);
  return {
    pages: calls(rows.filter((row) => !isLookUp(row))),
    lookUps: calls(rows.filter(isLookUp)),
    texts: rows.map((row) => `${row.calls} × ${row.query.replaceAll(/\s+/g, " ").slice(0, 160)}`),
  };
}

async function query<T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}
