/** Which accounts were seen to exist: a dm of many messages asks Postgres once. */
import { LRUCache } from "lru-cache";
import type { UserId } from "../protocol/ids.ts";
import type { Accounts } from "./ports.ts";

const KNOWN_USERS_MAX = 10_000;
/** One that is deleted is believed in for so long. */
const KNOWN_USERS_TTL_MS = 60_000;

/** The returned function rejects with `StoreAway`. */
export function knownUsers(accounts: Pick<Accounts, "users">): (userId: UserId) => Promise<boolean> {
  const known = new LRUCache<UserId, true>({ max: KNOWN_USERS_MAX, ttl: KNOWN_USERS_TTL_MS });
  return async (userId) => {
    if (known.has(userId)) return true;
    const [user] = await accounts.users([userId]);
    if (user) known.set(userId, true);
    return user !== undefined;
  };
}
