/** People, their passwords' hashes, and the families of refresh tokens (rule E3). */
import { sql } from "kysely";
import type { Accounts } from "../../gateway/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { assert } from "../lib/assert.ts";
import type { Pool, Session, Statement } from "./pools.ts";
import { sqlBuilder } from "./tables.ts";
import { toUser, USER_COLUMNS, type UserColumns } from "./user-row.ts";

const CREATE: Statement = {
  name: "create_user",
  text: `
    insert into users (id, username, display_name, email, password_hash, created_at_ms)
    values ($1, $2, $3, $4, $5, $6) on conflict do nothing
    returning ${USER_COLUMNS.join(", ")}`,
};

const START_FAMILY: Statement = {
  name: "start_family",
  text: `
    with swept as (delete from refresh_tokens where user_id = $3 and expires_at_ms <= $5)
    insert into refresh_tokens (token_hash, family_id, user_id, expires_at_ms) values (decode($1, 'hex'), $2, $3, $4)`,
};

/** The row's lock lets one of two racing swaps through; the other finds the token used. */
const ROTATE: Statement = {
  name: "rotate",
  text: `
    with swapped as (
      update refresh_tokens set used = true
      where token_hash = decode($1, 'hex') and not used and expires_at_ms > $4
      returning family_id, user_id
    ), next as (
      insert into refresh_tokens (token_hash, family_id, user_id, expires_at_ms)
      select decode($2, 'hex'), family_id, user_id, $3 from swapped
    )
    select user_id from swapped`,
};

const FAMILY_OF: Statement = {
  name: "family_of",
  text: "select family_id, used from refresh_tokens where token_hash = decode($1, 'hex') and expires_at_ms > $2",
};

// Locked before they are deleted: a rotation under way then ends first, and its new token is deleted too.
const LOCK_FAMILY: Statement = {
  name: "lock_family",
  text: "select 1 from refresh_tokens where family_id = $1 order by token_hash for update",
};
const DELETE_FAMILY: Statement = {
  name: "delete_family",
  text: "delete from refresh_tokens where family_id = $1",
};
const LOCK_FAMILIES_OF: Statement = {
  name: "lock_families_of",
  text: "select 1 from refresh_tokens where user_id = $1 order by token_hash for update",
};
const DELETE_FAMILIES_OF: Statement = {
  name: "delete_families_of",
  text: "delete from refresh_tokens where user_id = $1",
};

/** `greatest` passes over null. */
const REVOKE: Statement = {
  name: "revoke",
  text: "update users set tokens_valid_after_ms = greatest(tokens_valid_after_ms, $2) where id = $1",
};

type Pools = { read: Pool; write: Pool };

/** Both pools of the primary: who has just registered logs in. `nowMs`: Unix milliseconds, for `createdAtMs` and the expiry of refresh tokens. */
export function createAccounts(pools: Pools, nowMs: () => number): Accounts {
  return { ...people(pools, nowMs), ...tokens(pools, nowMs) };
}

function people(
  { read, write }: Pools,
  nowMs: () => number,
): Pick<Accounts, "create" | "byLogin" | "users" | "byUsernames"> {
  return {
    async create(user) {
      const values = [
        user.id,
        user.username,
        user.displayName,
        user.email ?? null,
        user.passwordHash,
        nowMs(),
      ];
      const [made] = await write.rows<UserColumns>(CREATE, values);
      if (made) return toUser(made);
      const [first] = await read.select("user_by_id", userById(user.id));
      return first && first.username.toLowerCase() === user.username.toLowerCase() ? toUser(first) : "taken";
    },
    async byLogin(login) {
      const [row] = await read.select("by_login", byLogin(login));
      if (!row) return undefined;
      assert(row.password_hash !== null, "who logs in has a password");
      return { user: toUser(row), passwordHash: row.password_hash };
    },
    async users(ids) {
      const rows = await read.select(
        "users",
        selectUsers()
          .where("id", "=", anyOf(sql`${ids}::uuid[]`))
          .compile(),
      );
      return rows.map(toUser);
    },
    async byUsernames(usernames) {
      const names = sql`${usernames.map((name) => name.toLowerCase())}::text[]`;
      const rows = await read.select(
        "by_usernames",
        selectUsers().where(sql<string>`lower(username)`, "=", anyOf(names)).compile(),
      );
      return rows.map(toUser);
    },
  };
}

function tokens(
  { read, write }: Pools,
  nowMs: () => number,
): Omit<Accounts, "create" | "byLogin" | "users" | "byUsernames"> {
  return {
    async startFamily({ id, userId, tokenHash, expiresAtMs }) {
      await write.rows(START_FAMILY, [tokenHash, id, userId, expiresAtMs, nowMs()]);
    },
    rotate: (tokenHash, nextHash, expiresAtMs) =>
      rotate(write, { tokenHash, nextHash, expiresAtMs, nowMs: nowMs() }),
    async endFamily(tokenHash) {
      const [token] = await write.rows<{ family_id: string }>(FAMILY_OF, [tokenHash, 0]);
      if (token) await write.transaction((session) => endFamily(session, token.family_id));
    },
    async revokeAll(userId, atMs) {
      await write.transaction(async (session) => {
        await session.rows(REVOKE, [userId, atMs]);
        await session.rows(LOCK_FAMILIES_OF, [userId]);
        await session.rows(DELETE_FAMILIES_OF, [userId]);
      });
    },
    async revocations(sinceMs) {
      const rows = await read.select("revocations", revokedSince(sinceMs));
      return rows.map((row) => ({ userId: row.id as UserId, validAfterMs: row.tokens_valid_after_ms! }));
    },
  };
}

function selectUsers() {
  return sqlBuilder.selectFrom("users").select(USER_COLUMNS);
}

/** One statement however many: a list in parentheses would be another text for every length. */
function anyOf(list: ReturnType<typeof sql>) {
  return sql<string>`any (${list})`;
}

function userById(id: UserId) {
  return selectUsers().where("id", "=", id).compile();
}

function byLogin(login: string) {
  const same = (column: "username" | "email") => sql<boolean>`lower(${sql.ref(column)}) = lower(${login})`;
  return selectUsers()
    .select("password_hash")
    .where((is) => is.or([same("username"), same("email")]))
    .where("password_hash", "is not", null)
    .compile();
}

function revokedSince(sinceMs: number) {
  return sqlBuilder
    .selectFrom("users")
    .select(["id", "tokens_valid_after_ms"])
    .where("tokens_valid_after_ms", ">", sinceMs)
    .compile();
}

type Rotation = { tokenHash: string; nextHash: string; expiresAtMs: number; nowMs: number };

async function rotate(pool: Pool, rotation: Rotation): Promise<{ userId: UserId } | "unknown" | "reused"> {
  const { tokenHash, nextHash, expiresAtMs, nowMs } = rotation;
  const [swapped] = await pool.rows<{ user_id: UserId }>(ROTATE, [tokenHash, nextHash, expiresAtMs, nowMs]);
  if (swapped) return { userId: swapped.user_id };
  const [token] = await pool.rows<{ family_id: string; used: boolean }>(FAMILY_OF, [tokenHash, nowMs]);
  if (!token?.used) return "unknown";
  await pool.transaction((session) => endFamily(session, token.family_id));
  return "reused";
}

async function endFamily(session: Session, familyId: string): Promise<void> {
  await session.rows(LOCK_FAMILY, [familyId]);
  await session.rows(DELETE_FAMILY, [familyId]);
}
