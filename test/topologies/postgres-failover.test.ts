/** Rows A5 and A7: Postgres with a standby: read-only, slow, and dead with the standby promoted, under load. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Chatter } from "../cluster/chatter.ts";
import { counted } from "../cluster/stores.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { type TestStandby, withAdmin } from "../support/postgres.ts";

/** Machines are shared, and a backlog takes its time. */
const PATIENCE_MS = 60_000;
/** Longer than any statement may take. */
const SLOW_MS = 16_000;
const READ_ONLY_MS = 6_000;

let cluster: TestCluster;
let standby: TestStandby;
beforeAll(async () => {
  // As an operator who wants to lose nothing: a commit is one when the standby has it.
  cluster = await startCluster({ nodes: 0, postgres: { synchronous_commit: "on" } });
  standby = await cluster.postgres.startStandby();
  await onPrimary("alter system set synchronous_standby_names = '*'", "select pg_reload_conf()");
  const url = new URL(cluster.databaseUrl);
  const hosts = `127.0.0.1:${standby.port},127.0.0.1:${cluster.postgres.port}`;
  const env = {
    DATABASE_URL: `postgres://${url.username}@${hosts}${url.pathname}?target_session_attrs=read-write`,
    DATABASE_READ_URL: `postgres://${url.username}@127.0.0.1:${standby.port}${url.pathname}`,
  };
  await Promise.all([cluster.addNode({ env }), cluster.addNode({ env })]);
});
afterAll(async () => {
  await stopAudited(cluster && { ...cluster, databaseUrl: databaseUrl() });
  await standby?.remove();
});

let isPromoted = false;
/** Of the server that leads. */
function databaseUrl(): string {
  const url = new URL(cluster.databaseUrl);
  if (isPromoted) url.port = String(standby.port);
  return url.href;
}

function onPrimary(...statements: string[]): Promise<void> {
  return withAdmin(cluster.postgres.adminUrl, async (admin) => {
    for (const statement of statements) await admin.query(statement);
  });
}

/** Talks, lets `fault` happen, and answers the acks of after its end that say `persisted`. */
async function goesOn(what: string, fault: () => Promise<void>): Promise<void> {
  const { nodes, redis, logTails } = cluster;
  const talkative = {
    nodes,
    redis,
    logTails,
    get databaseUrl() {
      return databaseUrl();
    },
  };
  const chatter = await Chatter.start(talkative, {
    channels: 8,
    members: 3,
    everyMs: 400,
    durability: "persisted",
  });
  chatter.talk();
  await chatter.untilAcked(80, PATIENCE_MS);
  const { acks } = chatter.recorder.tally;
  await fault();
  const overAtMs = performance.now();
  const persisted = () =>
    acks.filter(({ durability, atMs }) => durability === "persisted" && atMs > overAtMs);
  await expect
    .poll(() => persisted().length, { timeout: PATIENCE_MS })
    .toBeGreaterThanOrEqual(chatter.channelIds.length);
  const againMs = Math.round(persisted()[0]!.atMs - overAtMs);
  const { seen } = await chatter.judge();
  const dead = await Promise.all(nodes.map((node) => counted(node, "hubbub_dead_events_total")));
  expect(dead.every((count) => count === 0)).toBe(true);
  console.log(`Postgres ${what}: persisted again ${againMs} ms after`, seen);
}

it("row A7: a primary that became read-only is away: nothing is lost, and nothing is taken for dead data", async () => {
  await goesOn("read-only", async () => {
    await onPrimary("alter system set default_transaction_read_only = on", "select pg_reload_conf()");
    await sleep(READ_ONLY_MS);
    await onPrimary(
      "set default_transaction_read_only = off",
      "alter system reset default_transaction_read_only",
      "select pg_reload_conf()",
    );
  });
});

it("row A7: statements that time out are asked again: nothing is lost", async () => {
  await goesOn("slow", async () => {
    const client = new pg.Client({ connectionString: cluster.databaseUrl });
    await client.connect();
    await client.query("begin");
    await client.query("lock table messages in access exclusive mode");
    await sleep(SLOW_MS);
    await client.query("commit");
    await client.end();
  });
});

it("row A5: a standby is promoted after the primary's death: every node finds it, nothing acked is lost", async () => {
  await goesOn("failed over", async () => {
    await cluster.postgres.kill();
    await standby.promote();
    isPromoted = true;
    await withAdmin(standby.adminUrl, async (admin) => {
      await admin.query("alter system set synchronous_standby_names = ''");
      await admin.query("select pg_reload_conf()");
    });
  });
});
