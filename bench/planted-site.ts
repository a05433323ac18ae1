/** People and channels of a run, written with SQL before a node starts: registering 5,000 would take minutes of Argon2id. */
import pg from "pg";
import { createTokens } from "../gateway/auth/tokens.ts";
import type { UserId } from "../protocol/ids.ts";
import { uuid } from "./search-site.ts";

export type PlantedSize = {
  people: number;
  channels: number;
  membersPerChannel: number;
  /** Which person is the `m`-th member of the `c`-th channel; default: `c × membersPerChannel + m`, round. */
  memberOf?: (c: number, m: number) => number;
};
export type PlantedPerson = { id: string; token: string; channelIds: string[] };
export type PlantedSite = { people: PlantedPerson[]; channels: { id: string; memberIds: string[] }[] };

/** Longer than any run. */
const TOKEN_TTL_MS = 3_600_000;
/** Each channel has been made, and nothing more. */
const MADE_SEQ = 1;

/**
 * Private channels, whose first member owns each. `secret` is the nodes' own, so
 * that the tokens are good there.
 */
export async function plantSite(
  databaseUrl: string,
  secret: string,
  size: PlantedSize,
): Promise<PlantedSite> {
  const { issueToken } = createTokens({
    secret,
    issuer: "hubbub",
    audience: "hubbub",
    ttlMs: TOKEN_TTL_MS,
    nowMs: Date.now,
  });
  const people = Array.from({ length: size.people }, (_, n): PlantedPerson => {
    const id = uuid(1, n + 1);
    return { id, token: issueToken(id as UserId).token, channelIds: [] };
  });
  const { memberOf = (c, m) => (c * size.membersPerChannel + m) % size.people } = size;
  const channels = Array.from({ length: size.channels }, (_, c) => {
    const members = Array.from({ length: size.membersPerChannel }, (_, m) => people[memberOf(c, m)]!);
    const id = uuid(2, c + 1);
    for (const { channelIds } of members) channelIds.push(id);
    return { id, memberIds: members.map((member) => member.id) };
  });
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await fill(client, people, channels);
  } finally {
    await client.end();
  }
  return { people, channels };
}

async function fill(
  client: pg.Client,
  people: PlantedPerson[],
  channels: PlantedSite["channels"],
): Promise<void> {
  await client.query(
    `insert into users (id, username, display_name, created_at_ms)
     select id, 'person_' || n, 'Person ' || n, 1 from unnest($1::uuid[]) with ordinality as w (id, n)`,
    [people.map(({ id }) => id)],
  );
  await client.query(
    `insert into channels (id, kind, space_id, name, settings, archived, seq, epoch, reigns, member_count, message_count,
       last_message_at_ms, last_at_ms, created_at_ms)
     select id, 'private', null, 'Channel ' || n, '{}', false, ${MADE_SEQ}, 1, '[[1, 1]]', members, 0, null, 1, 1
     from unnest($1::uuid[], $2::integer[]) with ordinality as w (id, members, n)`,
    [channels.map(({ id }) => id), channels.map(({ memberIds }) => memberIds.length)],
  );
  const rows = channels.flatMap(({ id, memberIds }) => memberIds.map((userId, n) => ({ id, userId, n })));
  await client.query(
    `insert into channel_members (channel_id, user_id, role, status, joined_at_ms, updated_seq, delivered_seq, read_seq, read_count)
     select id, user_id, role, 'active', 1, ${MADE_SEQ}, 0, 0, 0 from unnest($1::uuid[], $2::uuid[], $3::text[]) as w (id, user_id, role)`,
    [
      rows.map(({ id }) => id),
      rows.map(({ userId }) => userId),
      rows.map(({ n }) => (n === 0 ? "owner" : "member")),
    ],
  );
  await client.query("vacuum (analyze)");
}
