/** The database of `reads`: written with SQL before a node starts, as the projector would have left it. */
import pg from "pg";
import { dmId } from "../src/lib/dm-id.ts";
import { uuid } from "./search-site.ts";
import { SeedText } from "./seed-text.ts";

export type ReadsSize = { channels: number; members: number; joins: number };

/** `kind` decides how many are in it: two, or `CROWD`. */
export type ReadsChannel = { id: string; kind: "private" | "dm"; members: string[] };

export type ReadsSite = {
  /** Is in all of `channels`. */
  reader: string;
  channels: ReadsChannel[];
  /** Of others: to warm the nodes up, and to write to. */
  others: ReadsChannel[];
  /** A topic with so many members that nothing may walk them. */
  crowded: string;
  /** Are in the topic's space and not yet in it. */
  joiners: string[];
  /** Time that the million took. */
  membersSeconds: number;
};

/** Members of a private channel. */
const CROWD = 20;
/** Every so many-th channel is a dm. */
const DM_EVERY = 5;
const OTHERS = 100;
/** In each channel; half of them unread. Enough for a page and what is left out of it. */
const MESSAGES = 200;
/** Every so many-th message has a reaction of the reader and one of its author. */
const REACTION_EVERY = 10;
/** Every so many-th channel mentions the reader in its last messages. */
const MENTION_EVERY = 5;
const MENTIONS = 3;
/** Different texts, over which messages take turns. */
const TEXTS = 1_000;
/** Members per statement, so that progress is seen. */
const MEMBERS_AT_ONCE = 100_000;
const SEED = 20_261_121;
const AUTHORS = 200;
/** Accounts of people who do nothing here: so that people are a table and not a list. */
const STRANGERS = 20_000;
/** Where the numbers of people begin: strangers before those who are looked for, then authors, who joins, and the crowd. */
const [FIRST_STRANGER, FIRST_AUTHOR, FIRST_JOINER, FIRST_MEMBER] = [1_000, 100_000, 200_000, 1_000_000];
const HOUR_MS = 3_600_000;

const person = (n: number) => uuid(1, n);
/** `uuid` in SQL, of an expression that is a number. */
const uuidSql = (kind: number, n: string) =>
  `('${uuid(kind, 0).slice(0, 24)}' || lpad(to_hex(${n}), 12, '0'))::uuid`;
const personSql = (n: string) => uuidSql(1, n);
const READER = person(1);
const SPACE = uuid(3, 1);
const CROWDED = uuid(2, 0);
/** The event that made it, a message each, and a reaction now and then. */
const FIRST_SEQ = 2;
const LAST_SEQ = FIRST_SEQ - 1 + MESSAGES + MESSAGES / REACTION_EVERY;

/** Fills an empty database of our tables. */
export async function makeReadsSite(databaseUrl: string, size: ReadsSize): Promise<ReadsSite> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const channels = Array.from({ length: size.channels }, (_, n) => channelOf(n, true));
    const others = Array.from({ length: OTHERS }, (_, n) => channelOf(size.channels + n, false));
    const joiners = Array.from({ length: size.joins }, (_, n) => person(FIRST_JOINER + n));
    const all = [...channels, ...others];
    const authors = Array.from({ length: AUTHORS }, (_, n) => person(FIRST_AUTHOR + n));
    const strangers = Array.from({ length: STRANGERS }, (_, n) => person(FIRST_STRANGER + n));
    await fillPeople(client, [READER, ...authors, ...joiners, ...strangers]);
    await fillChannels(client, all);
    await fillMessages(client, [CROWDED, ...all.map(({ id }) => id)]);
    const membersSeconds = await fillCrowd(client, size.members, joiners);
    say("vacuum");
    // A test's Postgres does not look after itself.
    await client.query("vacuum (analyze)");
    process.stderr.write("\n");
    return { reader: READER, channels, others, crowded: CROWDED, joiners, membersSeconds };
  } finally {
    await client.end();
  }
}

function channelOf(n: number, withReader: boolean): ReadsChannel {
  const author = (m: number) => person(FIRST_AUTHOR + ((n + m) % AUTHORS));
  // A dm is known by its two people: as many as there are authors.
  if (withReader && n % DM_EVERY === 0 && n / DM_EVERY < AUTHORS) {
    const other = person(FIRST_AUTHOR + n / DM_EVERY);
    return { id: dmId(READER, other), kind: "dm", members: [READER, other] };
  }
  const crowd = Array.from({ length: CROWD }, (_, m) => author(m));
  return { id: uuid(2, n + 1), kind: "private", members: withReader ? [READER, ...crowd.slice(1)] : crowd };
}

/** Who does something here; of the crowd there are only memberships, for nothing here looks at its people. */
async function fillPeople(client: pg.Client, ids: string[]): Promise<void> {
  say(`${ids.length.toLocaleString("en")} people`);
  await client.query(
    `insert into users (id, username, display_name, created_at_ms)
     select id, 'person_' || n, 'Person ' || n, 1 from unnest($1::uuid[]) with ordinality as w (id, n)`,
    [ids],
  );
}

const CHANNEL_COLUMNS = `id, kind, space_id, name, settings, archived, seq, epoch, reigns, member_count, message_count,
  last_message_at_ms, last_at_ms, created_at_ms`;
const MEMBER_COLUMNS =
  "channel_id, user_id, role, status, joined_at_ms, updated_seq, delivered_seq, read_seq, read_count";

async function fillChannels(client: pg.Client, channels: readonly ReadsChannel[]): Promise<void> {
  await client.query(
    `insert into channels (${CHANNEL_COLUMNS})
     select id, kind, null, case when kind = 'private' then 'Channel ' || n end, '{}', false, $4, 1, '[[1, 1]]', members, $5, $6, $6, 1
     from unnest($1::uuid[], $2::text[], $3::integer[]) with ordinality as w (id, kind, members, n)`,
    [
      channels.map(({ id }) => id),
      channels.map(({ kind }) => kind),
      channels.map(({ members }) => members.length),
      LAST_SEQ,
      MESSAGES,
      Date.now() - HOUR_MS,
    ],
  );
  const rows = channels.flatMap(({ id, kind, members }) =>
    members.map((userId, n) => ({ id, userId, role: n === 0 && kind !== "dm" ? "owner" : "member" })),
  );
  await client.query(
    `insert into channel_members (${MEMBER_COLUMNS})
     select id, user_id, role, 'active', 1, 1, $4, $4, $5 from unnest($1::uuid[], $2::uuid[], $3::text[]) as w (id, user_id, role)`,
    [
      rows.map(({ id }) => id),
      rows.map(({ userId }) => userId),
      rows.map(({ role }) => role),
      FIRST_SEQ - 1 + MESSAGES / 2,
      MESSAGES / 2,
    ],
  );
}

/** In the order in which they would have been said, so that a page of a channel lies all over its table. */
async function fillMessages(client: pg.Client, ids: readonly string[]): Promise<void> {
  say(`${(ids.length * MESSAGES).toLocaleString("en")} messages`);
  const text = new SeedText("english", SEED);
  const texts = Array.from({ length: TEXTS }, () => text.message());
  const channels = "unnest($1::uuid[]) with ordinality as w (id, n)";
  const authorOf = personSql(`${FIRST_AUTHOR} + (n + i) % ${AUTHORS}`);
  const lastSeq = FIRST_SEQ - 1 + MESSAGES;
  const isMention = `n % ${MENTION_EVERY} = 0 and i > ${MESSAGES - MENTIONS}`;
  const reactions = `jsonb_build_array(jsonb_build_object('emoji', '👍', 'count', 2, 'recent', jsonb_build_array('${READER}', ${authorOf}),
    'since', ${lastSeq} + i / ${REACTION_EVERY}))`;
  await client.query(
    `insert into messages (channel_id, seq, epoch, updated_seq, updated_at_ms, ordinal, author_id, client_id, type, content, html,
       at_ms, mentions, reactions)
     select id, ${FIRST_SEQ - 1} + i, 1, ${FIRST_SEQ - 1} + i, at_ms, i, ${authorOf}, ${uuidSql(4, `n * ${MESSAGES} + i`)}, 'text', content,
       '<p>' || content || '</p>', at_ms,
       case when ${isMention} then jsonb_build_array(jsonb_build_object('kind', 'user', 'userId', '${READER}')) end,
       case when i % ${REACTION_EVERY} = 0 then ${reactions} end
     from generate_series(1, ${MESSAGES}) as i cross join ${channels}
     cross join lateral (select ($2::text[])[1 + (n * 7 + i) % ${TEXTS}] as content, $3::bigint + i as at_ms) as said
     order by i, n`,
    [ids, texts, Date.now() - HOUR_MS - MESSAGES],
  );
  await client.query(
    `insert into reactions (channel_id, seq, user_id, emoji, reacted_seq)
     select id, ${FIRST_SEQ - 1} + i, user_id, '👍', ${lastSeq} + i / ${REACTION_EVERY}
     from generate_series(${REACTION_EVERY}, ${MESSAGES}, ${REACTION_EVERY}) as i cross join ${channels}
     cross join lateral unnest(array['${READER}'::uuid, ${authorOf}]) as user_id`,
    [ids],
  );
  await client.query(
    `insert into mentions (channel_id, user_id, seq)
     select id, '${READER}', ${FIRST_SEQ - 1} + i from generate_series(1, ${MESSAGES}) as i cross join ${channels} where ${isMention}`,
    [ids],
  );
}

/** A space and a topic of it, with the same `count` members; who joins later is in the space alone. Answers seconds. */
async function fillCrowd(client: pg.Client, count: number, joiners: readonly string[]): Promise<number> {
  const fromMs = performance.now();
  await client.query(
    `insert into channels (${CHANNEL_COLUMNS}) values
       ($1, 'space', null, 'Everyone', '{}', false, $3::integer, 1, '[[1, 1]]', $3, 0, null, $6::bigint, 1),
       ($2, 'topic', $1, 'Town square', '{}', false, $4::integer + $5::integer, 1, '[[1, 1]]', $4, ${MESSAGES}, $6, $6, 1)`,
    [SPACE, CROWDED, count + joiners.length, count, LAST_SEQ, Date.now() - HOUR_MS],
  );
  const insert = `insert into channel_members (${MEMBER_COLUMNS})`;
  for (let done = 0; done < count; done += MEMBERS_AT_ONCE) {
    await client.query(
      `${insert} select c, ${personSql("n")}, case when n = ${FIRST_MEMBER} then 'owner' else 'member' end, 'active', 1, 1, 0, 0, 0
       from generate_series($1::integer, $2::integer) as n cross join unnest($3::uuid[]) as c`,
      [
        FIRST_MEMBER + done,
        FIRST_MEMBER + Math.min(count, done + MEMBERS_AT_ONCE) - 1,
        [SPACE, CROWDED].sort(),
      ],
    );
    say(
      `${Math.min(count, done + MEMBERS_AT_ONCE).toLocaleString("en")} of ${count.toLocaleString("en")} members`,
    );
  }
  await client.query(
    `${insert} select $1, id, 'member', 'active', 1, 1, 0, 0, 0 from unnest($2::uuid[]) as id`,
    [SPACE, joiners],
  );
  return (performance.now() - fromMs) / 1_000;
}

/** Progress, over the line before. */
function say(what: string): void {
  process.stderr.write(`\r\u001b[K${what} …`);
}
