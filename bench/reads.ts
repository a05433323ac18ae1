/**
 * `reads`: what a person waits for who opens their channels, a page, a crowd; and who writes over REST. Targets of issue 4.
 * Reads come one by one, writes at a fixed rate; two nodes take turns, so that half of the channels are another node's.
 */
import { randomBytes } from "node:crypto";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createTokens } from "../gateway/auth/tokens.ts";
import type { UserId } from "../protocol/ids.ts";
import { startCluster, type TestCluster } from "../test/support/cluster.ts";
import type { Figure, Outcome } from "./figures.ts";
import type { Percentiles } from "./load/latencies.ts";
import { type Asking, atRate, oneByOne, Rest } from "./load/rest.ts";
import { uuidv7 } from "./load/uuid.ts";
import { makeReadsSite, type ReadsChannel, type ReadsSite } from "./reads-site.ts";

export type ReadsOptions = {
  channels: number;
  members: number;
  joins: number;
  lists: number;
  rate: number;
  seconds: number;
};

const NODES = 2;
const PAGE = 50;
/** Before each measurement: code is compiled, connections are open, statements are planned on each of them. */
const WARM_UP = 100;
const WARM_UP_SECONDS = 5;
/** Messages into one channel: a lively crowd. */
const CROWD_RATE = { rate: 50, seconds: 10 };
/** Characters of a message, as in `smoke`. */
const TEXT = "All of this was said before, and it will be said again. ".repeat(3).slice(0, 120);
/** Longer than any run: seeded people cannot refresh. */
const TOKEN_TTL_MS = 3_600_000;
/** A session of Postgres that has gone idle tells what it has read after ten seconds at the latest. */
const COUNTED_MS = 11_000;

type Ask = (by: string, rest: Pick<Asking, "method" | "path" | "body">) => Promise<string>;

export async function reads(options: ReadsOptions): Promise<Outcome> {
  const secret = randomBytes(32).toString("hex");
  const env = { HUBBUB_TOKEN_SECRET: secret, HUBBUB_LOG_LEVEL: "warn" };
  const cluster = await startCluster({ nodes: 0, env });
  const rest = new Rest();
  try {
    const size = { ...options, joins: options.joins + WARM_UP };
    const site = await makeReadsSite(cluster.databaseUrl, size);
    await Promise.all(Array.from({ length: NODES }, () => cluster.addNode()));
    const ask = asking(rest, cluster, secret);
    const figures: Figure[] = [];
    const loads: string[] = [];
    const add = async (what: string, measured: Promise<Figure[]>) => {
      figures.push(...(await measured));
      loads.push(`${loadavg()[0]!.toFixed(1)} after ${what}`);
    };
    await add("joins", joins(ask, site, cluster.databaseUrl));
    await add("pages", pages(ask, site));
    await add("lists", lists(ask, site, options));
    await add("writes", writes(ask, site, options));
    await add("the crowd", crowd(ask, site, cluster.databaseUrl));
    figures.push(seeding(site));
    const notes = [`Load average of the last minute, all that runs here counted: ${loads.join(", ")}.`];
    return { bench: "reads", options, figures, notes };
  } finally {
    rest.close();
    await cluster.stop();
  }
}

/** Everybody has a token already; nodes are asked in turns. */
function asking(rest: Rest, { nodes }: TestCluster, secret: string): Ask {
  const about = { secret, issuer: "hubbub", audience: "hubbub", ttlMs: TOKEN_TTL_MS, nowMs: Date.now };
  const signer = createTokens(about);
  const tokens = new Map<string, string>();
  const tokenOf = (by: string) => {
    const token = tokens.get(by) ?? signer.issueToken(by as UserId).token;
    tokens.set(by, token);
    return token;
  };
  let turn = 0;
  return (by, what) => {
    turn += 1;
    return rest.ask({ nodeUrl: nodes[turn % nodes.length]!.url, token: tokenOf(by), ...what });
  };
}

/** Each channel once when no node has it in memory, and then once more. */
async function pages(ask: Ask, { reader, channels, others }: ReadsSite): Promise<Figure[]> {
  const page = async (by: string, { id }: ReadsChannel) => {
    const answer = await ask(by, { method: "GET", path: `/channels/${id}/messages?limit=${PAGE}` });
    const { messages } = JSON.parse(answer) as { messages: unknown[] };
    if (messages.length !== PAGE) throw new Error(`a page of ${messages.length} messages`);
  };
  await oneByOne(WARM_UP, (i) => page(others[i % others.length]!.members[0]!, others[i % others.length]!));
  const cold = await oneByOne(channels.length, (i) => page(reader, channels[i]!));
  // An odd step: each channel is asked for through both nodes.
  const hot = await oneByOne(channels.length, (i) => page(reader, channels[(i + 1) % channels.length]!));
  return [
    ...waiting(`a page of ${PAGE} messages, cold`, cold, { p95: 30 }),
    ...waiting(`a page of ${PAGE} messages, hot`, hot, { p95: 10 }),
  ];
}

async function lists(
  ask: Ask,
  { reader, channels }: ReadsSite,
  { lists: count }: ReadsOptions,
): Promise<Figure[]> {
  const list = () => ask(reader, { method: "GET", path: "/channels" });
  const answer = JSON.parse(await list()) as { channels: { unread: number }[] };
  const unread = answer.channels.filter((entry) => entry.unread > 0);
  if (unread.length !== channels.length) throw new Error(`${unread.length} channels with something unread`);
  await oneByOne(WARM_UP, list);
  const listing = await oneByOne(count, list);
  return waiting(`the list of ${channels.length} channels`, listing, { p95: 20 });
}

/** Each by another person. What Postgres reads of the million meanwhile is counted, not believed; nobody else asks it yet. */
async function joins(ask: Ask, { crowded, joiners }: ReadsSite, databaseUrl: string): Promise<Figure[]> {
  const join = (by: string) => ask(by, { method: "POST", path: `/channels/${crowded}/join` });
  const before = await membersRead(databaseUrl);
  await oneByOne(WARM_UP, (i) => join(joiners[i]!));
  const joining = await oneByOne(joiners.length - WARM_UP, (i) => join(joiners[WARM_UP + i]!));
  await sleep(COUNTED_MS);
  const rows = ((await membersRead(databaseUrl)) - before) / joiners.length;
  return [
    ...waiting("joining the crowd", joining, { p95: 15 }),
    { name: "joining the crowd, rows of members read", value: rows, unit: "", target: { most: 10 } },
  ];
}

/** Rows of members that Postgres has looked at, in the table and in its indexes. */
async function membersRead(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select (t.seq_tup_read + sum(i.idx_tup_read))::float8 as read
       from pg_stat_user_tables t join pg_stat_user_indexes i using (relid)
       where t.relname = 'channel_members' group by t.seq_tup_read`,
    );
    return (rows as { read: number }[])[0]!.read;
  } finally {
    await client.end();
  }
}

/** Row D8: what a message costs where a million are offline, beside one to a handful; and what is read of the million. */
async function crowd(
  ask: Ask,
  { crowded, joiners, others }: ReadsSite,
  databaseUrl: string,
): Promise<Figure[]> {
  const [few] = others;
  const to = (channelId: string, people: readonly string[]) =>
    atRate(CROWD_RATE, (i) => write(ask, people[i % people.length]!, channelId));
  // As many who speak: the first word of each costs a look-up.
  const speakers = joiners.slice(0, few!.members.length);
  await Promise.all([to(crowded, speakers), to(few!.id, few!.members)]);
  await sleep(COUNTED_MS);
  const before = await membersRead(databaseUrl);
  const toFew = await to(few!.id, few!.members);
  const toCrowd = await to(crowded, speakers);
  await sleep(COUNTED_MS);
  const rows = ((await membersRead(databaseUrl)) - before) / (toFew.count + toCrowd.count);
  return [
    ...waiting("a message to the crowd", toCrowd, {}),
    ...waiting("a message to a few", toFew, {}),
    {
      name: "a message to the crowd, p50 of one to a few",
      value: toCrowd.p50 / toFew.p50,
      unit: "×",
      target: { most: 1.25 },
    },
    { name: "a message, rows of members read", value: rows, unit: "", target: { most: 10 } },
  ];
}

function write(ask: Ask, by: string, channelId: string): Promise<string> {
  const body = { clientId: uuidv7(Date.now()), content: TEXT };
  return ask(by, { method: "POST", path: `/channels/${channelId}/messages`, body });
}

async function writes(ask: Ask, { others }: ReadsSite, { rate, seconds }: ReadsOptions): Promise<Figure[]> {
  const next = (i: number) => {
    const { id, members } = others[i % others.length]!;
    return write(ask, members[Math.floor(i / others.length) % members.length]!, id);
  };
  await atRate({ rate, seconds: WARM_UP_SECONDS }, next);
  const writing = await atRate({ rate, seconds }, next);
  return waiting(`a message over REST at ${rate}/s`, writing, { p99: 25 });
}

function seeding({ membersSeconds }: ReadsSite): Figure {
  return { name: "the crowd, written to Postgres", value: membersSeconds, unit: "s", target: { most: 60 } };
}

function waiting(
  what: string,
  { count, ...at }: Percentiles,
  most: { p95?: number; p99?: number },
): Figure[] {
  const figure = (name: "p50" | "p95" | "p99", target?: number): Figure => ({
    name: `${what}, ${name}`,
    value: at[name],
    unit: "ms",
    ...(target !== undefined && { target: { most: target } }),
  });
  return [figure("p50"), figure("p95", most.p95), figure("p99", most.p99)];
}
