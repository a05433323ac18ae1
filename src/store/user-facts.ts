/** What session actors fetch and keep of a person (rule E4). Everything asked in one turn of the event loop is one statement. */
import type { PersonRow, UserFacts } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Pool, Statement } from "./pools.ts";
import { turnBatch } from "./turn-batch.ts";

/** People of one statement at most: after a take-over a node attaches all its users at once. */
const PEOPLE_MAX = 1_000;

const PEOPLE: Statement = {
  name: "people",
  text: `
    select k.n::integer, u.presence_status as status, u.presence_text as text, u.last_seen_at_ms,
      array(select b.other_id from blocks b where b.user_id = u.id order by b.other_id)::text[] as blocked,
      array(select b.user_id from blocks b where b.other_id = u.id order by b.user_id)::text[] as blocked_by
    from unnest($1::uuid[]) with ordinality as k (id, n)
    cross join lateral (select * from users where id = k.id limit 1) u`,
};

/** In the order of ids, so that two nodes lock rows in one order. */
const SEEN: Statement = {
  name: "seen",
  text: `
    update users u set last_seen_at_ms = s.at_ms
    from (
      select id, max(at_ms) as at_ms from unnest($1::uuid[], $2::bigint[]) as k (id, at_ms) group by id order by id
    ) s
    where u.id = s.id and coalesce(u.last_seen_at_ms, 0) < s.at_ms`,
};

type Row = {
  n: number;
  status: PersonRow["status"];
  text: string | null;
  last_seen_at_ms: number | null;
  blocked: UserId[];
  blocked_by: UserId[];
};

/** Both pools of the primary. */
export function createUserFacts({ read, write }: { read: Pool; write: Pool }): UserFacts {
  const person = turnBatch<UserId, PersonRow | undefined>(PEOPLE_MAX, async (ids) => {
    const found = new Array<PersonRow | undefined>(ids.length).fill(undefined);
    for (const row of await read.rows<Row>(PEOPLE, [ids])) found[row.n - 1] = toPerson(row);
    return found;
  });
  const seen = turnBatch<{ userId: UserId; atMs: number }, void>(PEOPLE_MAX, async (sights) => {
    await write.rows(SEEN, [sights.map(({ userId }) => userId), sights.map(({ atMs }) => Math.round(atMs))]);
    return [];
  });
  return { person, seen: (userId, atMs) => seen({ userId, atMs }) };
}

function toPerson(row: Row): PersonRow {
  const person: PersonRow = { status: row.status, blocked: row.blocked, blockedBy: row.blocked_by };
  if (row.text !== null) person.text = row.text;
  if (row.last_seen_at_ms !== null) person.lastSeenAtMs = row.last_seen_at_ms;
  return person;
}
