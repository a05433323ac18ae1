/** What the server tests of this folder share: a store on a database of its own, and a plain connection to look at it. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { pino } from "pino";
import { assert } from "../lib/assert.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import type { TestLog } from "./projector/test-log.ts";
import { TestSource } from "./projector/test-source.ts";
import { openStore, type Store, type StoreOptions } from "./store.ts";

const SETTLED_WITHIN_MS = 25_000;

pg.types.setTypeParser(20, Number); // of this test process only

export type TestStore = Store & {
  databaseUrl: string;
  metrics: ReturnType<typeof createMetrics>;
  /** Lines logged at `warn` and above, as objects. */
  said: Record<string, unknown>[];
  /** Rows of any SQL, past the pools. */
  sql<R extends pg.QueryResultRow = Record<string, unknown>>(text: string, values?: unknown[]): Promise<R[]>;
  /** Statements sent through a pool so far. */
  statements(pool: "read" | "write" | "replica"): Promise<number>;
};

export function openTestStore(
  databaseUrl: string,
  options: Pick<StoreOptions, "replicaUrl" | "nowMs"> = {},
): TestStore {
  const metrics = createMetrics({ defaults: false });
  const said: Record<string, unknown>[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void said.push(JSON.parse(line)) });
  const store = openStore({ databaseUrl, ...options, metrics, log });
  const looking = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  looking.on("error", () => {});
  return {
    ...store,
    databaseUrl,
    metrics,
    said,
    async sql<R extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      return (await looking.query<R>(text, values)).rows;
    },
    async statements(pool) {
      const { values } = await metrics.sqlStatements.get();
      return values.find((value) => value.labels.pool === pool)?.value ?? 0;
    },
    async close() {
      await Promise.all([store.close(), looking.end()]);
    },
  };
}

/** What the projector writes, and the order of its rows. */
const PROJECTED = {
  channels: "id",
  channel_members: "channel_id, user_id",
  messages: "channel_id, seq",
  message_edits: "channel_id, seq, version_seq",
  reactions: "channel_id, seq, user_id, emoji",
  mentions: "channel_id, user_id, seq",
  thread_follows: "channel_id, seq, user_id",
};

/** All rows that the projector keeps. */
export async function dump(store: TestStore): Promise<Record<keyof typeof PROJECTED, unknown[]>> {
  const rows: Record<string, unknown[]> = {};
  for (const [table, order] of Object.entries(PROJECTED))
    rows[table] = await store.sql(`select * from ${table} order by ${order}`);
  return rows as Record<keyof typeof PROJECTED, unknown[]>;
}

/** As if nothing had ever been projected. */
export async function clear(store: TestStore): Promise<void> {
  await store.sql(`truncate ${Object.keys(PROJECTED).join(", ")}, shards, dead_events`);
}

/** Projects the log, each shard in a reign of its own; resolves with the sources when all of it is in Postgres. */
export async function project(on: TestStore, log: TestLog): Promise<TestSource[]> {
  const sources = await reign(on);
  feed(on, sources, log.records);
  await settled(sources);
  return sources;
}

/** Claims both shards and gives their sources to the projector. */
export async function reign(on: TestStore): Promise<TestSource[]> {
  const claims = await Promise.all([0, 1].map((shard) => on.reigns.claim(shard, 0)));
  const sources = claims.map(({ epoch, flushed }, shard) => new TestSource(shard, epoch, flushed));
  for (const source of sources) on.projector.add(source);
  return sources;
}

/** What the log confirms of each shard, and a nudge. */
export function feed(on: TestStore, sources: TestSource[], logged: TestLog["records"], atOnce = false): void {
  for (const source of sources) {
    source.append(logged.filter(({ shard }) => shard === source.shard).map(({ record }) => record));
    on.projector.nudge(source, atOnce);
  }
}

/** Resolves when everything is in Postgres. */
export async function settled(sources: readonly TestSource[]): Promise<void> {
  const untilMs = Date.now() + SETTLED_WITHIN_MS;
  while (sources.some((source) => source.left > 0)) {
    assert(Date.now() < untilMs, "the projector comes to an end");
    await sleep(5);
  }
}
