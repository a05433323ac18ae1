/** What the routes need of the rest of the gateway and of the world. */
import type { Router } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { SignIns } from "../auth/accounts.ts";
import type { AccountRates } from "../http/account-rates.ts";
import type { Accounts, History, Memberships } from "../ports.ts";

/** One message of a person counted against their rate; the numbers, where known, become `RateLimit` headers. */
export type Taken =
  | { ok: true; limit?: number; remaining?: number; resetMs?: number }
  | { ok: false; retryAfterMs: number; limit?: number };

export type RestOptions = {
  router: Router;
  accounts: Accounts;
  history: History;
  memberships: Memberships;
  signIns: SignIns;
  accountRates: AccountRates;
  /** Shared with the sockets: a person has one rate, however they send. */
  takeMessage(userId: UserId): Promise<Taken>;
  /** The cluster's time (rule E5), Unix milliseconds. */
  nowMs(): number;
};
