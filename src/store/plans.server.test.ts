import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/servers.ts";
import { FACTS } from "./facts-statement.ts";
import { createHistory } from "./history.ts";
import { createMemberships } from "./memberships.ts";
import type { Pool, Statement } from "./pools.ts";
import { channelId, START_MS, userId } from "./projector/test-log.ts";
import { createUserFacts } from "./user-facts.ts";

let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({
    connectionString: await migratedDatabase(),
    options: "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off",
  });
  await client.connect();
  // So that Postgres knows how small they are, and may think that reading them whole is cheapest.
  await client.query("vacuum (analyze)");
});
afterAll(() => client.end());

/** The statements that `work` sends; nothing is found. */
async function sent(work: (pool: Pool) => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  const rows = async (statement: Statement) => {
    statements.push(statement);
    return [];
  };
  const pool: Pool = {
    rows,
    select: (name, { sql }) => rows({ name, text: sql }),
    transaction: (work) => work({ rows }),
    close: async () => {},
  };
  await work(pool);
  return statements;
}

type Plan = { "Node Type": string; "Index Name"?: string; "Index Cond"?: string; Plans?: Plan[] };

/** Scans that begin at one end of a table or an index, and may go on to the other. */
function walks(plan: Plan): string[] {
  const { "Node Type": node, "Index Name": index, "Index Cond": condition, Plans: under = [] } = plan;
  const isWalk = node === "Seq Scan" || (index !== undefined && condition === undefined);
  return [...(isWalk ? [`${node} ${index ?? ""}`] : []), ...under.flatMap(walks)];
}

async function walksOf({ text }: Statement): Promise<string[]> {
  const { rows } = await client.query(`explain (generic_plan, format json) ${text}`);
  return walks(rows[0]["QUERY PLAN"][0].Plan);
}

const memberships = (pool: Pool) => createMemberships(pool, () => START_MS);
const reader = userId(1);
const page = { limit: 50, upToSeq: 100, reader };

// Once, such a plan read the blocks and followed threads of all people for every fact.
test.each([
  ["facts", async () => Object.values(FACTS)],
  ["the channels of a person", () => sent((pool) => memberships(pool).ofUser(reader))],
  ["the channels of a space", () => sent((pool) => memberships(pool).listed(channelId(1), userId(1)))],
  ["members", () => sent((pool) => memberships(pool).members(channelId(1), { limit: 50 }))],
  [
    "members among people",
    () => sent((pool) => memberships(pool).members(channelId(1), { among: [reader], limit: 50 })),
  ],
  ["a person", () => sent((pool) => createUserFacts({ read: pool, write: pool }).person(reader))],
  ["a page", () => sent((pool) => createHistory(pool).page(channelId(1), page))],
  [
    "a page of a thread",
    () => sent((pool) => createHistory(pool).page(channelId(1), { ...page, threadSeq: 2 })),
  ],
  ["pins", () => sent((pool) => createHistory(pool).pins(channelId(1), reader))],
  ["changes", () => sent((pool) => createHistory(pool).changed(channelId(1), { seq: 1 }, 50, reader))],
  ["a thread's people", () => sent((pool) => createHistory(pool).thread(channelId(1), 2, reader, 50))],
] as const)(
  "a plan made while tables are small walks none of them when they have grown: %s",
  async (_what, statements) => {
    const made = await statements();
    expect(made).not.toEqual([]);
    for (const statement of made) expect(await walksOf(statement)).toEqual([]);
  },
);
