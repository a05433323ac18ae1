/** Access tokens of people for operators: for support and tests. */
import type { Tokens } from "../../gateway/auth/tokens.ts";
import type { LentToken } from "../../gateway/http/admin-writes.ts";
import type { Accounts } from "../../gateway/ports.ts";
import { UserId } from "../../protocol/ids.ts";

/** Long enough for a look, too short to be worth keeping. Chosen. */
const LENT_FOR_MS = 5 * 60_000;

/** Finds a person by id or username (without case) and signs for them. Undefined: there is no such person. Rejects with `StoreAway`. */
export function tokenLender(accounts: Pick<Accounts, "users" | "byUsernames">, tokens: Tokens) {
  return async (named: string): Promise<LentToken | undefined> => {
    const id = UserId.safeParse(named);
    const [user] = id.success ? await accounts.users([id.data]) : await accounts.byUsernames([named]);
    return user && { user, ...tokens.issueToken(user.id, LENT_FOR_MS) };
  };
}
