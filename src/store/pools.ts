/** The doors to Postgres. Every statement of a running node goes through a `Pool` of this file: counted, bounded in time, its errors translated. */
import type { CompiledQuery } from "kysely";
import pg from "pg";
import type { Logger } from "pino";
import type { Metrics } from "../telemetry/metrics.ts";
import { Servers } from "./servers.ts";
import { sqlState, translated } from "./trouble.ts";

/** Milliseconds to get a connection, waiting for a free one included: a caller's deadline is 4 s (rule B1). Chosen. */
const CONNECT_TIMEOUT_MS = 2_500;

/** A statement that Postgres has not ended by then is cancelled there. */
const READ_STATEMENT_TIMEOUT_MS = 2_500;
const WRITE_STATEMENT_TIMEOUT_MS = 15_000;

/** How much later than Postgres we give up ourselves: a frozen server cancels nothing. */
const SILENCE_GRACE_MS = 500;

/** Milliseconds after which an idle connection is closed. */
const IDLE_TIMEOUT_MS = 60_000;

/**
 * Each statement is planned once per connection: planning `facts` anew over 16 partitions costs 4 ms, running it 0.2 (measured).
 * And each finds its rows by an index: a plan made while the tables were empty must not read them whole when they have grown.
 */
const PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off";

const INT8_OID = 20;

/** seq, counts and times stay below 2^53, so `bigint` is a number here. */
const types = {
  getTypeParser(oid: number, format?: "text" | "binary") {
    return oid === INT8_OID ? Number : pg.types.getTypeParser(oid, format as "text");
  },
} as pg.CustomTypesConfig;

export type PoolOptions = {
  /** Label of its metrics: `write`, `read`, `replica`. */
  name: string;
  /** Pools that must use the same one of several servers share a `Servers`. */
  databaseUrl: string | Servers;
  /** Connections at most. */
  sizeMax: number;
  /** How long a statement may take: `read` short, `write` as long as a large batch on a busy server. */
  kind: "read" | "write";
  metrics: Pick<Metrics, "sqlStatements" | "postgresPool">;
  log: Logger;
};

/** A statement that is parsed and planned once per connection, under its name: one name, one text. */
export type Statement = { name: string; text: string };

/** Runs statements on one connection; `Pool.transaction` hands one out. */
export interface Session {
  /** The rows. Rejects with `StoreAway` when Postgres cannot be asked, with the driver's error when it refuses. */
  rows<R extends pg.QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<R[]>;
}

export interface Pool extends Session {
  /** Runs a query that kysely has written. */
  select<R>(name: string, query: CompiledQuery<R>): Promise<R[]>;
  /** `work` between `begin` and `commit`; rolled back when it throws. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Statements under way end, then the connections close. */
  close(): Promise<void>;
}

/** Never rejects: connections are made when they are needed, and made again when they were lost. */
export function openPool(options: PoolOptions): Pool {
  return new PgPool(options);
}

class PgPool implements Pool {
  private readonly pool: pg.Pool;
  private readonly servers: Servers;
  private readonly log: Logger;
  private saidUrl: string | undefined;
  private readonly counted: { inc(): void };

  constructor(options: PoolOptions) {
    const { name, databaseUrl, metrics, log } = options;
    this.servers = typeof databaseUrl === "string" ? new Servers(databaseUrl) : databaseUrl;
    this.log = log.child({ pool: name });
    this.pool = new pg.Pool(driverOptions(options, this.servers));
    this.counted = metrics.sqlStatements.labels(name);
    // The pool drops a connection that fails while idle; without a listener the process would end.
    this.pool.on("error", (error) =>
      this.log.debug({ sqlState: sqlState(error) }, "idle connection to Postgres lost"),
    );
    observe(this.pool, metrics);
  }

  rows<R extends pg.QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<R[]> {
    return this.withSession((session) => session.rows<R>(statement, values));
  }

  select<R>(name: string, query: CompiledQuery<R>): Promise<R[]> {
    const rows = this.rows({ name, text: query.sql }, query.parameters);
    return rows as Promise<unknown[]> as Promise<R[]>;
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.withSession(async (session) => {
      await session.rows(BEGIN);
      try {
        const result = await work(session);
        await session.rows(COMMIT);
        return result;
      } catch (error) {
        // Any other error costs the connection, and that rolls back.
        if (sqlState(error) !== undefined) await session.rows(ROLLBACK);
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  private async withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let client: pg.PoolClient | undefined;
    let broken = false;
    try {
      client = await this.take();
      // While checked out, a lost connection speaks through the pending statement; the event itself needs a listener.
      client.on("error", ignore);
      return await work(this.sessionOn(client));
    } catch (error) {
      const known = translated(error);
      // Only Postgres itself vouches for the connection after an error.
      broken = sqlState(error) === undefined || known !== error;
      throw known;
    } finally {
      client?.off("error", ignore);
      client?.release(broken);
    }
  }

  /** A connection to the server in use; each server is tried once before the trouble is the caller's. */
  private async take(): Promise<pg.PoolClient> {
    for (let tries = 1; ; ) {
      const { url, count } = this.servers;
      try {
        const client = await this.pool.connect();
        if (serverOf(client) === this.servers.url) return this.told(client);
        client.release(true); // of a server that was left meanwhile
      } catch (error) {
        if (count === 1 || POOL_IS_BUSY.test((error as Error).message)) throw error;
        this.servers.pass(url);
        if (tries++ >= count) throw error;
        this.log.debug({ reason: (error as Error).message }, "Postgres: trying the next server");
      }
    }
  }

  /** Says once which of several servers is used from now on. */
  private told(client: pg.PoolClient): pg.PoolClient {
    const url = serverOf(client);
    if (this.servers.count > 1 && url !== this.saidUrl)
      this.log.info({ server: new URL(url).host }, "Postgres: this server is used");
    this.saidUrl = url;
    return client;
  }

  private sessionOn(client: pg.PoolClient): Session {
    return {
      rows: async <R extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[] = []) => {
        this.counted.inc();
        const result = await client.query<R>({ ...statement, values: [...values] });
        return result.rows;
      },
    };
  }
}

const BEGIN: Statement = { name: "begin", text: "begin" };
const COMMIT: Statement = { name: "commit", text: "commit" };
const ROLLBACK: Statement = { name: "rollback", text: "rollback" };

function ignore(): void {}

/** All connections are taken: says nothing about the server. */
const POOL_IS_BUSY = /^timeout exceeded when trying to connect/;

/** A connection to whichever server is in use when it is made. */
function clientOf(servers: Servers) {
  return class ServerClient extends pg.Client {
    readonly serverUrl: string;

    constructor(config?: pg.ClientConfig) {
      const { url } = servers;
      super({ ...config, connectionString: url });
      this.serverUrl = url;
    }
  };
}

function serverOf(client: pg.PoolClient): string {
  return (client as unknown as { serverUrl: string }).serverUrl;
}

function driverOptions({ name, sizeMax, kind }: PoolOptions, servers: Servers): pg.PoolConfig {
  const timeoutMs = kind === "read" ? READ_STATEMENT_TIMEOUT_MS : WRITE_STATEMENT_TIMEOUT_MS;
  return {
    Client: clientOf(servers),
    onConnect: (client) => servers.check(client),
    application_name: `hubbub ${name}`,
    max: sizeMax,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs + SILENCE_GRACE_MS,
    keepAlive: true,
    options: PLANS,
    types,
  };
}

/** Keeps `hubbub_postgres_pool{state}` of all pools of the node; each pool adds the change of its own. */
function observe(pool: pg.Pool, metrics: PoolOptions["metrics"]): void {
  const gauges = { busy: metrics.postgresPool.labels("busy"), idle: metrics.postgresPool.labels("idle") };
  let seen = { busy: 0, idle: 0 };
  const look = () => {
    const now = { busy: pool.totalCount - pool.idleCount, idle: pool.idleCount };
    gauges.busy.inc(now.busy - seen.busy);
    gauges.idle.inc(now.idle - seen.idle);
    seen = now;
  };
  for (const event of ["connect", "acquire", "release", "remove"] as const) pool.on(event, look);
}
