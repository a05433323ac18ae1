/**
 * `search`: how long a page of hits takes a person in 500 channels, by kind of query, from the first statement to the last
 * excerpt; and what the index adds to a message. Owners are not asked: they answer from memory.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import type { SearchQuery } from "../gateway/ports.ts";
import { openPool, type Pool, type Statement } from "../src/store/pools.ts";
import { createSearch } from "../src/store/search.ts";
import { createMetrics } from "../src/telemetry/metrics.ts";
import type { Figure, Outcome } from "./figures.ts";
import { Latencies } from "./load/latencies.ts";
import {
  authorUuid,
  channelUuid,
  insert,
  isMine,
  languageOf,
  openSite,
  SITE,
  type SiteSize,
  Writer,
} from "./search-site.ts";
import { random, SeedText } from "./seed-text.ts";

export type SearchOptions = SiteSize & { queries: number; dir?: string; plan?: string };

const P95_MS = 100;
const HITS = 20;
/** Messages whose cost is measured with and without the index, in batches as the projector's. */
const COST_ROWS = 10_000;
const COST_BATCH = 500;
/** The options of the store's pools: see `src/store/pools.ts`. */
const PLANS = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off";

type Asked = { statement: Statement; values: readonly unknown[]; ms: number };
type Slowest = { kind: string; ms: number; query: SearchQuery; asked: Asked[] };

export async function search(options: SearchOptions): Promise<Outcome> {
  const { messages, channels, mine, queries, plan } = options;
  const size = { messages, channels, mine };
  const site = await openSite(options.dir ?? join(tmpdir(), "hubbub-bench-search"), size);
  try {
    const { figures, slowest } = await measure(site.url, size, queries);
    const cost = await costOfIndex(site.url, size);
    const explained = await explain(site.url, slowest);
    if (plan !== undefined) writeFileSync(plan, planPage(size, slowest, explained));
    const load: Figure = { name: "loading, without the index", value: site.loadSeconds, unit: "s" };
    return {
      bench: "search",
      options,
      figures: [...figures, ...cost, load],
      notes: plan === undefined ? [explained] : [],
    };
  } finally {
    await site.stop();
  }
}

/** Makes the nth query of a kind, each with other words. */
type Kind = (n: number) => Omit<SearchQuery, "reader" | "limit">;

function kinds(size: SiteSize): Record<string, Kind> {
  const next = random(7);
  const text = new SeedText("english", 1);
  const german = new SeedText("german", 1);
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low));
  const word = (low: number, high: number) => text.words[between(low, high)]!;
  const own = Array.from({ length: size.channels }, (_, n) => n).filter(
    (n) => isMine(n, size) && languageOf(n, size) === "english",
  );
  const channelId = () => channelUuid(own[between(0, own.length)]!) as SearchQuery["channelId"];
  const authorId = () => authorUuid(between(0, SITE.authors)) as SearchQuery["authorId"];
  const pair = () => {
    const rank = between(50, 2_000);
    return `${text.words[rank]} ${text.companion(rank)}`;
  };
  const daysAgo = (days: number) => SITE.endMs - days * 86_400_000;
  return {
    "a rare word": () => ({ words: word(20_000, 60_000) }),
    "a word now and then": () => ({ words: word(1_000, 10_000) }),
    "a word in between": () => ({ words: word(100, 1_000) }),
    "a common word": () => ({ words: word(0, 50) }),
    "a common word, of another language": () => ({ words: german.words[between(0, 50)]! }),
    "two words": () => ({ words: `${word(10, 300)} ${word(10, 300)}` }),
    "a word or another": () => ({ words: `${word(100, 1_000)} or ${word(1_000, 5_000)}` }),
    "a phrase": () => ({ words: `"${pair()}"` }),
    "a word without another": () => ({ words: `${word(10, 300)} -${word(0, 50)}` }),
    "a word by an author": () => ({ words: word(0, 300), authorId: authorId() }),
    "all of an author": () => ({ authorId: authorId() }),
    "a word in a channel": () => ({ words: word(50, 1_000), channelId: channelId() }),
    "a common word in a channel": () => ({ words: word(0, 50), channelId: channelId() }),
    "a word with a link": () => ({ words: word(10, 1_000), has: ["link"] }),
    "a word before last year": () => ({ words: word(10, 5_000), beforeMs: daysAgo(between(365, 700)) }),
    "links, no words": (n) => ({ has: ["link"], beforeMs: daysAgo(n) }),
    "a word that nobody has said": (n) => ({ words: `qqqunsaid${n}` }),
    "a common word of others' channels": (n) => ({ words: SITE.ofOthers, beforeMs: daysAgo(n) }),
  };
}

async function measure(
  url: string,
  size: SiteSize,
  queries: number,
): Promise<{ figures: Figure[]; slowest: Slowest }> {
  const { pool, taken } = recording(url);
  const engine = createSearch({ read: pool, write: pool });
  const [row] = await pool.rows<{ pid: number }>({ name: "pid", text: "select pg_backend_pid() as pid" });
  const backend = row!.pid;
  let slowest: Slowest = { kind: "", ms: 0, query: { reader: "" as never, limit: HITS }, asked: [] };
  const figures: Figure[] = [];
  try {
    for (const [kind, make] of Object.entries(kinds(size))) {
      const times = new Latencies();
      const cpu = new Latencies();
      let hits = 0;
      let short = 0;
      for (let n = 0; n < queries; n++) {
        const query: SearchQuery = { ...make(n), reader: SITE.reader as SearchQuery["reader"], limit: HITS };
        taken();
        const spentMs = cpuMs(backend);
        const startedMs = performance.now();
        const { found, older } = await engine.find(query);
        await engine.hits(found, query.reader, query.words);
        const ms = performance.now() - startedMs;
        times.add(ms);
        cpu.add(cpuMs(backend) - spentMs);
        hits += found.length;
        if (older !== undefined && found.length < HITS) short += 1;
        if (ms > slowest.ms) slowest = { kind, ms, query, asked: taken() };
      }
      figures.push(...figuresOf(kind, { times, cpu }, hits / queries, short));
      process.stderr.write(`${kind}: p95 ${times.percentiles().p95.toFixed(1)} ms\n`);
    }
  } finally {
    await pool.close();
  }
  return { figures, slowest };
}

/** What we and the one process of Postgres have used so far: other work on the machine makes waits longer, but not this. */
function cpuMs(backend: number): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000 + backendMs(backend);
}

function backendMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
}

type Measured = { times: Latencies; cpu: Latencies };

function figuresOf(kind: string, { times, cpu }: Measured, hits: number, short: number): Figure[] {
  const { p50, p95, p99 } = times.percentiles();
  return [
    { name: `${kind}, p50`, value: p50, unit: "ms" },
    { name: `${kind}, p95`, value: p95, unit: "ms", target: { most: P95_MS } },
    { name: `${kind}, p99`, value: p99, unit: "ms" },
    { name: `${kind}, CPU p95`, value: cpu.percentiles().p95, unit: "ms" },
    { name: `${kind}, hits a page`, value: hits, unit: "" },
    ...(short > 0 ? [{ name: `${kind}, short pages with more behind`, value: short, unit: "" }] : []),
  ];
}

/** A pool as a node has it, which tells what it was asked since it was last looked at. */
function recording(url: string): { pool: Pool; taken(): Asked[] } {
  const metrics = createMetrics({ defaults: false });
  const log = pino({ level: "warn" });
  const pool = openPool({ name: "read", kind: "read", databaseUrl: url, sizeMax: 1, metrics, log });
  let asked: Asked[] = [];
  const rows: Pool["rows"] = async (statement, values = []) => {
    const startedMs = performance.now();
    const result = await pool.rows(statement, values);
    asked.push({ statement, values, ms: performance.now() - startedMs });
    return result as never;
  };
  const taken = () => {
    const all = asked;
    asked = [];
    return all;
  };
  return {
    pool: {
      rows,
      select: pool.select.bind(pool),
      transaction: pool.transaction.bind(pool),
      close: () => pool.close(),
    },
    taken,
  };
}

/** What a message costs Postgres with and without the index; nothing of it stays. */
async function costOfIndex(url: string, size: SiteSize): Promise<Figure[]> {
  const client = new pg.Client({ connectionString: url, options: PLANS });
  await client.connect();
  try {
    const backend = (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!.pid;
    const cost = async (trigger: "enable" | "disable") => {
      await client.query("begin");
      await client.query(`alter table messages ${trigger} trigger search_added`);
      const us = await costOfRows(client, backend, size);
      await client.query("rollback");
      return us;
    };
    await cost("enable"); // warms
    const [searched, plain] = [await cost("enable"), await cost("disable")];
    return [
      { name: "a message, without search, CPU of Postgres", value: plain, unit: "µs" },
      { name: "search adds to it, CPU of Postgres", value: searched - plain, unit: "µs" },
    ];
  } finally {
    await client.query("vacuum message_search, messages");
    await client.end();
  }
}

async function costOfRows(client: pg.Client, backend: number, size: SiteSize): Promise<number> {
  const writer = new Writer(size);
  let ms = 0;
  for (let done = 0; done < COST_ROWS; done += COST_BATCH) {
    const rows = Array.from({ length: COST_BATCH }, () => writer.next(size.messages));
    // Behind all that is there.
    const later = rows.map((row) => ({ ...row, seq: row.seq + 100_000_000 }));
    const spentMs = backendMs(backend);
    await insert(client, later);
    ms += backendMs(backend) - spentMs;
  }
  return (ms * 1_000) / COST_ROWS;
}

/** The statements of the slowest search once more, explained. */
async function explain(url: string, { asked }: Slowest): Promise<string> {
  const client = new pg.Client({ connectionString: url, options: PLANS });
  await client.connect();
  try {
    const parts: string[] = [];
    for (const { statement, values, ms } of asked) {
      const { rows } = await client.query(`explain (analyze, buffers) ${statement.text}`, [...values]);
      const lines = rows.map((row) => row["QUERY PLAN"] as string);
      parts.push(`${statement.name}: ${ms.toFixed(1)} ms\n\n${lines.join("\n")}`);
    }
    return parts.join("\n\n");
  } finally {
    await client.end();
  }
}

function planPage(
  { messages, channels, mine }: SiteSize,
  { kind, ms, query }: Slowest,
  explained: string,
): string {
  const count = (n: number) => n.toLocaleString("en");
  return `# The slowest search

Written by \`npm run bench -- search --plan\`: ${count(messages)} messages in ${count(channels)} channels, a reader in ${count(mine)} of them. The slowest of all queries was of the kind "${kind}" and took ${ms.toFixed(1)} ms: \`${JSON.stringify(query)}\`. Its statements once more, under \`explain (analyze, buffers)\`:

\`\`\`
${explained}
\`\`\`
`;
}
