/** Registering, logging in, and keeping a log-in alive: values in, a session or a refusal out. */
import { createHash, randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import type { Login, Register } from "../../protocol/rest.ts";
import type { User } from "../../protocol/users.ts";
import type { Accounts } from "../ports.ts";
import { HashingOverloaded, type Passwords } from "./passwords.ts";
import { isReserved } from "./reserved-names.ts";
import type { Tokens } from "./tokens.ts";

/** How long an unused log-in lives: each refresh starts it again. Chosen: a month of not looking. */
export const REFRESH_TTL_MS = 30 * 24 * 60 * 60_000;
const REFRESH_BYTES = 32;

export type SignIn = { user: User; token: string; refreshToken: string; expiresAtMs: number };
/** Where a revocation goes when Postgres knows it: to every gateway (rule E3). */
export interface Revoker {
  revoke(userId: UserId, atMs: number): Promise<void>;
}
export type SignInOptions = {
  accounts: Accounts;
  tokens: Tokens;
  passwords: Passwords;
  revocations: Revoker;
  nowMs(): number;
  refreshTtlMs?: number;
};

export type SignIns = ReturnType<typeof createSignIns>;

/** Methods answer with refusals; they reject with `StoreAway` only. */
export function createSignIns(options: SignInOptions) {
  const { accounts, tokens, passwords, revocations, nowMs, refreshTtlMs = REFRESH_TTL_MS } = options;

  async function begin(user: User): Promise<Answer<SignIn>> {
    const refreshToken = newRefreshToken();
    await accounts.startFamily({
      id: uuidv7(),
      userId: user.id,
      tokenHash: hashOf(refreshToken),
      expiresAtMs: nowMs() + refreshTtlMs,
    });
    return { ok: true, user, ...tokens.issueToken(user.id), refreshToken };
  }

  return {
    /**
     * Makes the account and logs in. A repeat with the same id, username and password logs in to the first; with another
     * password it is a `conflict`, as a taken username or e-mail is: an id and a username are no secrets.
     */
    register: (request: Register): Promise<Answer<SignIn>> =>
      unlessOverloaded(async () => {
        const {
          username,
          password,
          email,
          id = uuidv7() as UserId,
          displayName = request.username,
        } = request;
        if (isReserved(username)) return refused("conflict", { message: "That username is reserved." });
        const passwordHash = await passwords.hash(password);
        const user = await accounts.create({ id, username, displayName, email, passwordHash });
        if (user === "taken")
          return refused("conflict", { message: "That username or e-mail address is taken." });
        const stored = await accounts.byLogin(username);
        if (stored?.user.id !== user.id) return refused("conflict");
        if (stored.passwordHash !== passwordHash && !(await passwords.matches(password, stored.passwordHash)))
          return refused("conflict");
        return begin(user);
      }),

    /** A wrong password and an unknown login get the same answer after the same time. */
    logIn: (request: Login): Promise<Answer<SignIn>> =>
      unlessOverloaded(async () => {
        const found = await accounts.byLogin(request.login);
        const right = await passwords.matches(request.password, found?.passwordHash);
        if (!found || !right)
          return refused("unauthenticated", { message: "The login or the password is wrong." });
        return begin(found.user);
      }),

    /** Swaps a refresh token for the next. One that was swapped before revokes its whole family: someone else has it. */
    async refresh(refreshToken: string): Promise<Answer<SignIn>> {
      const next = newRefreshToken();
      const rotated = await accounts.rotate(hashOf(refreshToken), hashOf(next), nowMs() + refreshTtlMs);
      const [user] = typeof rotated === "string" ? [] : await accounts.users([rotated.userId]);
      if (!user)
        return refused("unauthenticated", { message: "That refresh token is not valid; log in again." });
      return { ok: true, user, ...tokens.issueToken(user.id), refreshToken: next };
    },

    /** Ends one log-in. Unknown tokens are ended already. */
    async logOut(refreshToken: string): Promise<Answer> {
      await accounts.endFamily(hashOf(refreshToken));
      return { ok: true };
    },

    /** Voids every token of the user issued up to now, on all devices (rule E3). */
    async revokeAll(userId: UserId): Promise<Answer> {
      const atMs = nowMs();
      await accounts.revokeAll(userId, atMs);
      await revocations.revoke(userId, atMs);
      return { ok: true };
    },
  };
}

async function unlessOverloaded(attempt: () => Promise<Answer<SignIn>>): Promise<Answer<SignIn>> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof HashingOverloaded) return refused("overloaded");
    throw error;
  }
}

function newRefreshToken(): string {
  return randomBytes(REFRESH_BYTES).toString("base64url");
}

/** 256 random bits need no salt and no slow hash. */
function hashOf(refreshToken: string): string {
  return createHash("sha256").update(refreshToken).digest("hex");
}
