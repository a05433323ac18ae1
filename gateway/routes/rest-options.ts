/** What the routes need of the rest of the gateway and of the world. */
import type { Router } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Asking } from "../asking/asking.ts";
import type { SignIns } from "../auth/accounts.ts";
import type { AccountRates } from "../http/account-rates.ts";
import type { Accounts, ConnectedMembers, History, Memberships, People, Search } from "../ports.ts";

/** One message of a person counted against their rate; the numbers, where known, become `RateLimit` headers. */
export type Taken =
  | { ok: true; limit?: number; remaining?: number; resetMs?: number }
  | { ok: false; retryAfterMs: number; limit?: number };

export type RestOptions = {
  router: Router;
  accounts: Accounts;
  history: History;
  memberships: Memberships;
  people: People;
  search: Search;
  /** Who of a channel is connected, to whatever node; an answer may be a second old. */
  connected: ConnectedMembers;
  /** False: only another issuer's people come in; nobody registers or logs in here. */
  ownAccounts: boolean;
  signIns: SignIns;
  accountRates: AccountRates;
  /** Shared with the sockets: a person has one rate, however they send. */
  takeMessage(userId: UserId): Promise<Taken>;
  /** The cluster's time (rule E5), Unix milliseconds. */
  nowMs(): number;
};

/** Asking as a socket's handlers do: REST and events are one thing. */
export function askingOf({ router, accounts }: RestOptions): Asking {
  const userExists = async (userId: UserId) => (await accounts.users([userId])).length > 0;
  return { router, accounts, userExists };
}
