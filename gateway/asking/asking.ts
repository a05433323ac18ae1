/**
 * One function for each thing that people do, which both doors call: a Socket.IO event and a REST route differ in how a
 * request comes and how the answer goes, and in nothing else.
 */
import type { Router, Trace } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { Accounts } from "../ports.ts";

/** Who asks. */
export type By = { readonly userId: UserId; readonly trace: Trace };

/** What it takes to ask for them. */
export type Asking = {
  router: Router;
  accounts: Pick<Accounts, "byUsernames">;
  /** Does this account exist? Rejects with `StoreAway`. */
  userExists(userId: UserId): Promise<boolean>;
};

/** The answer of what has nothing to say but that it is done. */
export function done(answer: Answer): Answer {
  return answer.ok ? { ok: true } : answer;
}
