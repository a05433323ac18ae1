/** The tables that are read through kysely, as `migrations/` made them. int8 arrives as a number (`pools.ts`). */
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from "kysely";
import type { Notify } from "../../protocol/people.ts";
import type { ChannelColumns, MemberColumns } from "./channel-row.ts";
import type { MessageRow } from "./message-row.ts";

export type UserRow = {
  id: string;
  username: string;
  display_name: string;
  email: string | null;
  avatar_url: string | null;
  bio: string | null;
  bot: boolean;
  password_hash: string | null;
  tokens_valid_after_ms: number | null;
  created_at_ms: number;
};

export type Tables = {
  users: UserRow;
  channels: ChannelColumns & {
    message_count: number;
    last_message_at_ms: number | null;
    last_at_ms: number;
    created_at_ms: number;
  };
  channel_members: MemberColumns & {
    channel_id: string;
    delivered_seq: number;
    read_seq: number;
    read_count: number;
  };
  messages: MessageRow & { updated_seq: number; updated_at_ms: number; pinned_seq: number | null };
  message_edits: {
    channel_id: string;
    seq: number;
    version_seq: number;
    by_user: string;
    at_ms: number;
    content: string;
  };
  reactions: { channel_id: string; seq: number; user_id: string; emoji: string; reacted_seq: number };
  mentions: { channel_id: string; user_id: string; seq: number };
  thread_follows: {
    channel_id: string;
    seq: number;
    user_id: string;
    following: boolean;
    at_ms: number;
    read_count: number;
  };
  channel_preferences: { user_id: string; channel_id: string; notify: Notify };
};

/** Writes SQL and knows its types; never connects. `Pool.select` runs what it compiled. */
export const sqlBuilder = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** Of `channel_members`. Written out: a plan made for any parameter cannot use the index of active members. */
export const IS_ACTIVE = sql<boolean>`status = 'active'`;
