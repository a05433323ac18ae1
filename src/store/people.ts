/** What people say of themselves and of each other: profiles, settings, keys, blocks, and whom another issuer's token names. */
import { v7 as uuidv7 } from "uuid";
import type { People } from "../../gateway/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import {
  DEFAULT_SETTINGS,
  type PublicKey,
  SettingsChanges,
  StoredSettings,
  type UserSettings,
} from "../../protocol/people.ts";
import type { User } from "../../protocol/users.ts";
import { searchPeople } from "./people-search.ts";
import type { Pool, Statement } from "./pools.ts";
import { sqlState } from "./trouble.ts";
import { toUser, USER_COLUMNS, type UserColumns } from "./user-row.ts";

/** People whom one person may have blocked: session actors hold them, and the list is answered whole. Chosen. */
export const BLOCKS_MAX = 1_000;

const UNIQUE_VIOLATION = "23505";
const columns = USER_COLUMNS.map((column) => `u.${column}`).join(", ");

const UPDATE: Statement = {
  name: "update_profile",
  text: `
    update users u set
      display_name = coalesce($2, u.display_name),
      bio = case when $3 then $4 else u.bio end,
      avatar_url = case when $5 then $6 else u.avatar_url end
    where u.id = $1 returning ${columns}`,
};

const SETTINGS: Statement = {
  name: "settings",
  text: "select settings from user_settings where user_id = $1",
};
const SET_SETTINGS: Statement = {
  name: "set_settings",
  text: `
    insert into user_settings as s (user_id, settings) values ($1, $2)
    on conflict (user_id) do update set settings = s.settings || excluded.settings
    returning settings`,
};

const BLOCKED: Statement = {
  name: "blocked",
  text: `select ${columns} from blocks b join users u on u.id = b.other_id where b.user_id = $1 order by b.other_id`,
};
/** A row: the block stands, as it may have before. */
const BLOCK: Statement = {
  name: "block",
  text: `
    insert into blocks as kept (user_id, other_id, at_ms)
    select $1, u.id, $3 from users u
    where u.id = $2 and (
      exists (select from blocks where user_id = $1 and other_id = $2)
      or (select count(*) from blocks where user_id = $1) < $4
    )
    on conflict (user_id, other_id) do update set at_ms = kept.at_ms
    returning true as stands`,
};
const UNBLOCK: Statement = {
  name: "unblock",
  text: "delete from blocks where user_id = $1 and other_id = $2",
};
const BLOCKED_AMONG: Statement = {
  name: "blocked_among",
  text: `
    select other_id as id from blocks where user_id = $1 and other_id = any ($2::uuid[])
    union
    select user_id from blocks where other_id = $1 and user_id = any ($2::uuid[])`,
};

const SET_KEY: Statement = {
  name: "set_key",
  text: `
    insert into user_keys (user_id, key_id, algorithm, key) values ($1, $2, $3, $4)
    on conflict (user_id) do update set key_id = excluded.key_id, algorithm = excluded.algorithm, key = excluded.key`,
};
const KEY: Statement = {
  name: "key",
  text: `select key_id as "keyId", algorithm, key from user_keys where user_id = $1`,
};

const CHOOSE_PRESENCE: Statement = {
  name: "choose_presence",
  text: "update users set presence_status = $2, presence_text = $3 where id = $1",
};
const SET_NOTIFY: Statement = {
  name: "set_notify",
  text: `
    insert into channel_preferences (user_id, channel_id, notify) values ($1, $2, $3)
    on conflict (user_id, channel_id) do update set notify = excluded.notify`,
};

const OF_IDENTITY: Statement = {
  name: "of_identity",
  text: `select ${columns} from identities i join users u on u.id = i.user_id where i.issuer = $1 and i.subject = $2`,
};
/**
 * The identity first: of racers for it one goes on, the others find it taken and make nothing. A username that is
 * someone else's fails the whole statement.
 */
const CREATE_OF_IDENTITY: Statement = {
  name: "create_of_identity",
  text: `
    with identity as (
      insert into identities (issuer, subject, user_id) values ($1, $2, $3) on conflict do nothing returning user_id
    )
    insert into users as u (id, username, display_name, created_at_ms)
    select user_id, $4, $5, $6 from identity returning ${columns}`,
};

type Pools = { read: Pool; write: Pool };

/** Both pools of the primary: what a person has just changed, they see. `nowMs`: Unix milliseconds, for what is created. */
export function createPeople(pools: Pools, nowMs: () => number): People {
  return {
    ...profiles(pools),
    ...settings(pools),
    ...blocks(pools, nowMs),
    fromIssuer: (claims) => fromIssuer(pools, claims, nowMs),
  };
}

function profiles({
  read,
  write,
}: Pools): Pick<People, "update" | "search" | "setKey" | "key" | "choosePresence"> {
  return {
    async update(userId, { displayName = null, bio, avatarUrl }) {
      const values = [userId, displayName, bio !== undefined, bio, avatarUrl !== undefined, avatarUrl];
      const [row] = await write.rows<UserColumns>(UPDATE, values);
      return row && toUser(row);
    },
    search: (query, viewer, limit) => searchPeople(read, query, viewer, limit),
    async setKey(userId, { keyId, algorithm, key }) {
      await write.rows(SET_KEY, [userId, keyId, algorithm, key]);
    },
    async key(userId) {
      const [row] = await read.rows<PublicKey>(KEY, [userId]);
      return row;
    },
    async choosePresence(userId, { status, text = null }) {
      await write.rows(CHOOSE_PRESENCE, [userId, status, text]);
    },
  };
}

function settings({ read, write }: Pools): Pick<People, "settings" | "setSettings" | "setNotify"> {
  return {
    async settings(userId) {
      const [row] = await read.rows<{ settings: unknown }>(SETTINGS, [userId]);
      return withDefaults(row?.settings ?? {});
    },
    async setSettings(userId, changes) {
      const [row] = await write.rows<{ settings: unknown }>(SET_SETTINGS, [
        userId,
        SettingsChanges.parse(changes),
      ]);
      return withDefaults(row?.settings);
    },
    async setNotify(userId, channelId, notify) {
      await write.rows(SET_NOTIFY, [userId, channelId, notify]);
    },
  };
}

function withDefaults(stored: unknown): UserSettings {
  return { ...DEFAULT_SETTINGS, ...StoredSettings.parse(stored) };
}

function blocks(
  { read, write }: Pools,
  nowMs: () => number,
): Pick<People, "blocked" | "setBlock" | "blockedAmong"> {
  return {
    async blocked(userId) {
      const rows = await read.rows<UserColumns>(BLOCKED, [userId]);
      return rows.map(toUser);
    },
    async setBlock(userId, other, blocked) {
      if (!blocked) {
        await write.rows(UNBLOCK, [userId, other]);
        return true;
      }
      const stands = await write.rows(BLOCK, [userId, other, nowMs(), BLOCKS_MAX]);
      return stands.length > 0;
    },
    async blockedAmong(userId, others) {
      const rows = await read.rows<{ id: UserId }>(BLOCKED_AMONG, [userId, others]);
      return new Set(rows.map(({ id }) => id));
    },
  };
}

async function fromIssuer(
  { read, write }: Pools,
  { issuer, subject, username, displayName }: Parameters<People["fromIssuer"]>[0],
  nowMs: () => number,
): Promise<User | "taken"> {
  const [known] = await read.rows<UserColumns>(OF_IDENTITY, [issuer, subject]);
  if (known) return toUser(known);
  try {
    const values = [issuer, subject, uuidv7(), username, displayName, nowMs()];
    const [made] = await write.rows<UserColumns>(CREATE_OF_IDENTITY, values);
    if (made) return toUser(made);
  } catch (error) {
    if (sqlState(error) === UNIQUE_VIOLATION) return "taken";
    throw error;
  }
  // A racer made the person between the two.
  const [first] = await read.rows<UserColumns>(OF_IDENTITY, [issuer, subject]);
  return toUser(first!);
}
