/** A row of `users` and the `User` that everyone may see. */
import type { UserId } from "../../protocol/ids.ts";
import type { User } from "../../protocol/users.ts";
import type { UserRow } from "./tables.ts";

/** For `select`. */
export const USER_COLUMNS = [
  "id",
  "username",
  "display_name",
  "avatar_url",
  "bio",
  "bot",
  "created_at_ms",
] as const satisfies readonly (keyof UserRow)[];

export type UserColumns = Pick<UserRow, (typeof USER_COLUMNS)[number]>;

export function toUser(row: UserColumns): User {
  const user: User = {
    id: row.id as UserId,
    username: row.username,
    displayName: row.display_name,
    bot: row.bot,
    createdAtMs: row.created_at_ms,
  };
  if (row.avatar_url !== null) user.avatarUrl = row.avatar_url;
  if (row.bio !== null) user.bio = row.bio;
  return user;
}
