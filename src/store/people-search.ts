/** The search of people: beginnings of names, and names with a slip of the finger (row P2). The rule is in the migration's functions. */
import type { UserId } from "../../protocol/ids.ts";
import type { User } from "../../protocol/users.ts";
import type { Pool, Statement } from "./pools.ts";
import { toUser, USER_COLUMNS, type UserColumns } from "./user-row.ts";

/**
 * People that each of the six ways may find, as they come: half of all may have a word that begins with "m". So work is
 * bounded whatever is asked; who bears the very name is found before. Among 100,000 people a search takes 3 ms, p95 6 to
 * 12 (measured on Postgres 18 and 15, beside other work).
 */
const FOUND_MAX = 50;

/** People of whom `condition` holds, without those who blocked the asker: a look-up each, since someone may be blocked by thousands. */
function way(rank: number, condition: string): string {
  return `(
    select u.id, ${rank} as rank from users u
    where ${condition} and coalesce((select false from blocks b where b.user_id = u.id and b.other_id = $2), true)
    limit ${FOUND_MAX}
  )`;
}

const IS = (name: string) => `${name} = (select fold_name($1))`;
const BEGINS = (name: string) =>
  `${name} ~>=~ (select fold_name($1)) and ${name} ~<~ (select fold_name($1) || chr(1114111))`;
const HAS = (words: string) => `name_keys(u.username, u.display_name) @@ (select ${words}($1))`;
const USERNAME = "lower(u.username)";
const NAME = "fold_name(u.display_name)";

/** Best first; among equals those whose name is about as long as the query. `lateral`: a look-up each, whatever a planner hopes for. */
export const SEARCH: Statement = {
  name: "search_people",
  text: `
    with found as (
      ${[IS(USERNAME), IS(NAME), BEGINS(USERNAME), BEGINS(NAME), HAS("name_begins"), HAS("name_resembles")]
        .map((condition, rank) => way(rank, condition))
        .join(" union all ")}
    )
    select ${USER_COLUMNS.map((column) => `u.${column}`).join(", ")}
    from (select id, min(rank) as rank from found group by id) f
    cross join lateral (select * from users where id = f.id limit 1) u
    order by f.rank, abs(length(u.display_name) - length($1)), lower(u.username)
    limit $3`,
};

/** At most `limit` people, best first; nobody who blocked `viewer`. */
export async function searchPeople(
  pool: Pool,
  query: string,
  viewer: UserId,
  limit: number,
): Promise<User[]> {
  const rows = await pool.rows<UserColumns>(SEARCH, [query, viewer, limit]);
  return rows.map(toUser);
}
