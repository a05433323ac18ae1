/** The database of `search`: made once, and kept for the next run. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import {
  findPostgres,
  postgresUrl,
  startPostgresServer,
  stopPostgresServer,
} from "../src/start/embedded-postgres.ts";
import { freePort } from "../src/start/free-port.ts";
import { migrate } from "../src/store/migrate.ts";
import { random, SEED_LANGUAGES, type SeedLanguage, SeedText } from "./seed-text.ts";

export type SiteSize = { messages: number; channels: number; mine: number };

/** What is known of the data without looking: who reads, where, and what was planted. */
export const SITE = {
  /** A person in some of the channels of every space. */
  reader: uuid(1, 1),
  /** Messages are spread over these days, up to a day in 2026. */
  days: 730,
  endMs: 1_790_000_000_000,
  authors: 5_000,
  /** Stands in every twentieth message of the first language, in channels that are not the reader's, and in no other. */
  ofOthers: "zzyxelium",
} as const;
/** Each language has a space of its own, with this share of the channels and messages. */
const SHARES: Record<SeedLanguage, number> = { english: 0.6, german: 0.25, spanish: 0.15 };

const BATCH = 5_000;
const SEED = 20_261_121;
/** A change of the text or the tables needs a new database. */
const MADE_BY = 1;

/** As a Postgres of this size is set in earnest; what is thrown away needs no disk. */
const SETTINGS = {
  shared_buffers: "2GB",
  maintenance_work_mem: "1GB",
  effective_cache_size: "8GB",
  max_wal_size: "8GB",
  random_page_cost: "1.1",
  max_parallel_maintenance_workers: "0",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
};

export function uuid(kind: number, n: number): string {
  return `0190${hex(kind, 4)}-0000-7000-8000-${hex(n, 12)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

export const channelUuid = (n: number) => uuid(2, n);
export const authorUuid = (n: number) => uuid(1, 1_000 + n);
const spaceUuid = (n: number) => uuid(3, n);

/** The reader is in every so many-th channel, so in busy and quiet ones. */
export function isMine(n: number, { channels, mine }: SiteSize): boolean {
  return n % Math.floor(channels / mine) === 0;
}

export type Site = { url: string; loadSeconds: number; stop(): Promise<void> };

/** Starts the database under `dir`, and fills it when it is not there, or of another size. */
export async function openSite(dir: string, size: SiteSize): Promise<Site> {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const stamp = join(dir, "made.json");
  const wanted = JSON.stringify({ ...size, by: MADE_BY });
  const isThere = existsSync(stamp) && readFileSync(stamp, "utf8").startsWith(wanted.slice(0, -1));
  if (!isThere) rmSync(join(dir, "data"), { recursive: true, force: true });
  const tools = findPostgres(dir, (line) => console.error(line));
  const place = { dir: join(dir, "data"), port: await freePort(), settings: SETTINGS };
  await startPostgresServer(tools, place);
  const url = postgresUrl(place, "postgres");
  const stop = () => stopPostgresServer(tools, place.dir);
  try {
    if (!isThere) {
      rmSync(stamp, { force: true });
      const startedMs = performance.now();
      await fill(url, size);
      const loadSeconds = (performance.now() - startedMs) / 1_000;
      writeFileSync(stamp, JSON.stringify({ ...JSON.parse(wanted), loadSeconds }));
    }
    return { url, loadSeconds: JSON.parse(readFileSync(stamp, "utf8")).loadSeconds, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fill(url: string, size: SiteSize): Promise<void> {
  await migrate(url, pino({ level: "warn" }));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // Indexes are made afterwards, and those that no search uses not at all.
    const { rows } = await client.query(
      "select indexdef from pg_indexes where indexname = 'message_search_words'",
    );
    await client.query("drop index message_search_words, messages_client_id, messages_updated");
    await client.query("drop index messages_outside_threads, messages_replies, messages_pins");
    await fillChannels(client, size);
    await fillMessages(client, size);
    say("indexing");
    await client.query(rows[0].indexdef);
    say("vacuum");
    await client.query("vacuum (analyze)");
  } finally {
    await client.end();
  }
  process.stderr.write("\n");
}

/** Which language the channel's space speaks. */
export function languageOf(n: number, { channels }: SiteSize): SeedLanguage {
  let below = 0;
  for (const language of SEED_LANGUAGES) {
    below += SHARES[language] * channels;
    if (n < below) return language;
  }
  return SEED_LANGUAGES[0]!;
}

async function fillChannels(client: pg.Client, size: SiteSize): Promise<void> {
  const startMs = SITE.endMs - SITE.days * 86_400_000;
  const columns =
    "id, kind, space_id, language, settings, archived, seq, epoch, reigns, member_count, last_at_ms, created_at_ms";
  const rest = "'{}', false, 1, 1, '[[1, 1]]', 1, $1, $1";
  for (const [i, language] of SEED_LANGUAGES.entries())
    await client.query(`insert into channels (${columns}) values ($2, 'space', null, $3, ${rest})`, [
      startMs,
      spaceUuid(i),
      language,
    ]);
  const numbers = Array.from({ length: size.channels }, (_, n) => n);
  const spaces = numbers.map((n) => spaceUuid(SEED_LANGUAGES.indexOf(languageOf(n, size))));
  await client.query(
    `insert into channels (${columns}) select id, 'topic', space_id, null, ${rest} from unnest($2::uuid[], $3::uuid[]) as w (id, space_id)`,
    [startMs, numbers.map(channelUuid), spaces],
  );
  const mine = [
    ...numbers.filter((n) => isMine(n, size)).map(channelUuid),
    ...SEED_LANGUAGES.map((_, i) => spaceUuid(i)),
  ];
  const members =
    "insert into channel_members (channel_id, user_id, role, status, joined_at_ms, updated_seq)";
  await client.query(`${members} select id, $2, 'member', 'active', 1, 1 from unnest($1::uuid[]) as id`, [
    mine,
    SITE.reader,
  ]);
  // A crowd, so that memberships are a table and not a list.
  await client.query(
    `${members} select c.id, u, 'member', 'active', 1, 1 from channels c, unnest($1::uuid[]) as u where c.kind = 'topic' and hashtext(c.id::text || u::text) % 6 = 0`,
    [Array.from({ length: 1_000 }, (_, n) => authorUuid(n))],
  );
}

/** In the order in which they were said, as a server would have stored them. */
async function fillMessages(client: pg.Client, size: SiteSize): Promise<void> {
  const writer = new Writer(size);
  for (let done = 0; done < size.messages; done += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, size.messages - done) }, (_, i) =>
      writer.next(done + i),
    );
    await insert(client, rows);
    if (done % 100_000 === 0)
      say(`${done.toLocaleString("en")} of ${size.messages.toLocaleString("en")} messages`);
  }
  await client.query(
    `update channels c set seq = m.seq, message_count = m.seq, last_message_at_ms = m.at_ms, last_at_ms = m.at_ms
     from (select channel_id, max(seq) as seq, max(at_ms) as at_ms from messages group by channel_id) m where m.channel_id = c.id`,
  );
}

export type SeedRow = { channel: string; seq: number; author: string; content: string; atMs: number };

/** Busy channels and authors have most of what is said. */
export class Writer {
  readonly #size: SiteSize;
  readonly #next = random(SEED);
  readonly #texts = SEED_LANGUAGES.map((language, i) => new SeedText(language, SEED + i));
  readonly #seqs: number[];

  constructor(size: SiteSize) {
    this.#size = size;
    this.#seqs = new Array<number>(size.channels).fill(0);
  }

  next(i: number): SeedRow {
    const { channels, messages } = this.#size;
    // Scattered, so that no language has all the busy channels.
    const channel = (Math.floor(this.#next() ** 2 * channels) * 1_009) % channels;
    const language = languageOf(channel, this.#size);
    const text = this.#texts[SEED_LANGUAGES.indexOf(language)]!.message();
    const isPlanted = language === SEED_LANGUAGES[0] && !isMine(channel, this.#size) && this.#next() < 0.05;
    const seq = this.#seqs[channel]! + 1;
    this.#seqs[channel] = seq;
    return {
      channel: channelUuid(channel),
      seq,
      author: authorUuid(Math.floor(this.#next() ** 3 * SITE.authors)),
      content: isPlanted ? `${text} ${SITE.ofOthers}` : text,
      atMs: Math.floor(SITE.endMs - SITE.days * 86_400_000 * (1 - i / messages)),
    };
  }
}

/** As the projector writes messages, so far as a search sees them; the triggers do the rest. */
export async function insert(client: pg.Client, rows: readonly SeedRow[]): Promise<void> {
  await client.query({
    name: "insert",
    text: `insert into messages (channel_id, seq, epoch, updated_seq, updated_at_ms, ordinal, author_id, client_id, type, content, html, at_ms)
      select channel, seq, 1, seq, at_ms, seq, author, gen_random_uuid(), 'text', content, '<p>' || content || '</p>', at_ms
      from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[]) as w (channel, seq, author, content, at_ms)`,
    values: [
      rows.map(({ channel }) => channel),
      rows.map(({ seq }) => seq),
      rows.map(({ author }) => author),
      rows.map(({ content }) => content),
      rows.map(({ atMs }) => atMs),
    ],
  });
}

function say(what: string): void {
  process.stderr.write(`\r\u001b[K${what}`);
}
