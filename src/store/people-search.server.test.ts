import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/servers.ts";
import { SEARCH } from "./people-search.ts";
import { userId } from "./projector/test-log.ts";
import { openTestStore, type TestStore } from "./test-store.ts";

let store: TestStore;
const VIEWER = userId(1);
const NAMES = [
  ["viewer", "Viewer"],
  ["ada", "Ada Lovelace"],
  ["adaline", "Adaline Smith"],
  ["grace.hopper", "Grace"],
  ["countess", "Augusta Ada King"],
  ["zoe_k", "Zoë Kravitz"],
  ["ivan", "Иван Петров"],
  ["yamada", "山田 太郎"],
  ["lovell", "Jim Lovell"],
  ["alexander", "Sasha"],
  ["quoted", "O'Hara \\ :* & | ! <->"],
  ["bold", "𝐁𝐨𝐥𝐝 ﷺ"],
] as const;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
  for (const [n, [username, displayName]] of NAMES.entries())
    await store.accounts.create({ id: userId(n + 1), username, displayName, passwordHash: "h" });
});
afterAll(() => store.close());

async function found(query: string, limit = 20, viewer = VIEWER): Promise<string[]> {
  return (await store.people.search(query, viewer, limit)).map(({ username }) => username);
}

describe("row P2: the search of people finds", () => {
  test.each([
    ["a beginning of a username", "grac", ["grace.hopper"]],
    ["a later part of a username", "hopper", ["grace.hopper"]],
    ["this very username first, then beginnings, then words", "ada", ["ada", "adaline", "countess"]],
    ["a beginning of a later word", "love", ["lovell", "ada"]],
    ["several words, in any order and each begun", "love ada", ["ada"]],
    ["without case", "ADA LOVE", ["ada"]],
    ["without accents", "zoe", ["zoe_k"]],
    ["with accents where there are none", "ádä lov", ["ada"]],
    ["other scripts, without case", "иван", ["ivan"]],
    ["a script without spaces", "山", ["yamada"]],
    ["letters of other breadth", "bold", ["bold"]],
    ["a letter too few", "krvitz", ["zoe_k"]],
    ["a letter too many", "kraavitz", ["zoe_k"]],
    ["another letter", "kratitz", ["zoe_k"]],
    ["two letters exchanged", "kravtiz", ["zoe_k"]],
    ["no beginning, but what is alike up to its sixth letter", "lovelce", ["lovell", "ada"]],
    ["a slip in a name that is not yet whole", "alexna", ["alexander"]],
    ["a slip in one word of two", "grase hopper", ["grace.hopper"]],
    ["what is punctuation to it", "o'hara", ["quoted"]],
    ["nothing where nothing is alike", "nobodylikethat", []],
    ["nothing by signs alone", "'\\:*&|!", []],
  ])("%s", async (_what, query, usernames) => {
    expect(await found(query)).toEqual(usernames);
  });

  test("no more than are asked for, the best", async () => {
    expect(await found("ada", 2)).toEqual(["ada", "adaline"]);
  });

  test("row P7: nobody who blocked the asker, and still those whom the asker blocked", async () => {
    await store.people.setBlock(userId(2), VIEWER, true);
    await store.people.setBlock(VIEWER, userId(3), true);
    expect(await found("ada")).toEqual(["adaline", "countess"]);
    expect(await found("lovelce")).toEqual(["lovell"]);
    expect(await found("ada", 20, userId(4))).toEqual(["ada", "adaline", "countess"]);
    await store.people.setBlock(userId(2), VIEWER, false);
  });

  test("a changed name under the new one", async () => {
    await store.people.update(userId(12), { displayName: "Renamed Person" });
    expect(await found("person")).toEqual(["bold"]);
    expect(await found("𝐁𝐨𝐥𝐝")).toEqual(["bold"]);
  });
});

describe("row P2: among many people", () => {
  /** As the pools of a node are set: see `pools.ts`. */
  const PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off";
  /** Pages of 8 KiB that one search reads: the candidates' own, and the index's for the commonest word. */
  const PAGES_MAX = 2_000;

  // Names as they are: few first and last names that many share, so that every word is a common one.
  beforeAll(async () => {
    await store.sql(`
      insert into users (id, username, display_name, created_at_ms)
      select md5(n::text)::uuid, first || '.' || n, initcap(first || ' ' || last), n
      from (
        select n, ('{mary,maria,james,john,jennifer,michael,linda,david}'::text[])[1 + n % 8] as first,
          ('{smith,johnson,williams,brown,jones,garcia,miller,davis,lopez}'::text[])[1 + n % 9] as last
        from generate_series(1, 10000) as n
      ) as people`);
    await store.sql("analyze users");
  });

  test.each(["m", "mary", "mary smith", "mray smtih", "jonson", "david.7"])(
    "%s is found by indexes, in bounded work",
    async (query) => {
      expect(await found(query)).toHaveLength(20);
      const client = new pg.Client({ connectionString: store.databaseUrl, options: PLANS });
      await client.connect();
      const explain = `explain (analyze, buffers, format json) ${SEARCH.text}`;
      const { rows } = await client.query(explain, [query, VIEWER, 20]).finally(() => client.end());
      const [{ Plan: plan }] = rows[0]["QUERY PLAN"];
      expect(JSON.stringify(plan)).not.toContain("Seq Scan");
      expect(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]).toBeLessThan(PAGES_MAX);
    },
  );
});
