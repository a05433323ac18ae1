/** The tables that are read through kysely, as `migrations/` made them. int8 arrives as a number (`pools.ts`). */
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
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
  channels: ChannelColumns & { message_count: number; last_message_at_ms: number | null; last_at_ms: number };
  channel_members: MemberColumns & { channel_id: string; read_seq: number; read_count: number };
  messages: MessageRow & { updated_seq: number; updated_at_ms: number };
  mentions: { channel_id: string; user_id: string; seq: number };
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
