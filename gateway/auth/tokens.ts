/** Access tokens: HS256 JSON Web Tokens that name one user for a few minutes. Revocation is judged apart (rule E3). */
import { createSigner, createVerifier, TokenError } from "fast-jwt";
import { UserId } from "../../protocol/ids.ts";

/** A key as long as the digest, as RFC 7518 section 3.2 asks. */
export const SECRET_BYTES_MIN = 32;
/** Minutes, not hours: a stolen token that nobody revokes ends soon. Chosen. */
export const ACCESS_TTL_MS = 15 * 60_000;
/** Verified tokens remembered: every user of a node that reconnects with the token it had. About 1 KB each. */
const CACHE_TOKENS = 10_000;

export type TokenOptions = {
  /** Shared by all nodes of the cluster; at least `SECRET_BYTES_MIN` bytes of randomness. */
  secret: string | Buffer;
  /** `iss` and `aud` that are written, and the only ones that are accepted. */
  issuer: string;
  audience: string;
  /** How long a token lives, milliseconds. Default `ACCESS_TTL_MS`. */
  ttlMs?: number;
  /** The cluster's time (rule E5), so that nodes agree on expiry and revocation. Unix milliseconds. */
  nowMs(): number;
};

/** Who a valid token names, and since and until when, Unix milliseconds. */
export type Verified = { userId: UserId; issuedAtMs: number; expiresAtMs: number };

/** `away`: it cannot be told now. Undefined: the token is not valid. */
export type Verdict = Verified | "away" | undefined;
/** What a client hears of `away`. */
export const TOKENS_AWAY = "Tokens cannot be checked right now; try again.";
/** At once where everything is at hand, for it is asked for every request. Never rejects. */
export type VerifyToken = (token: string) => Verdict | Promise<Verdict>;

export type Tokens = ReturnType<typeof createTokens>;

/** Signs and verifies. Throws when the secret is too short to keep its promise. */
export function createTokens(options: TokenOptions) {
  const { secret, issuer, audience, nowMs, ttlMs = ACCESS_TTL_MS } = options;
  const key = Buffer.from(secret as string);
  if (key.length < SECRET_BYTES_MIN)
    throw new RangeError(`the token secret must have at least ${SECRET_BYTES_MIN} bytes`);
  const sign = createSigner({ key, algorithm: "HS256", iss: issuer, aud: audience, noTimestamp: true });
  // Expiry is compared with the cluster's time below, not with this machine's.
  const verify = createVerifier({
    key,
    algorithms: ["HS256"],
    allowedIss: issuer,
    allowedAud: audience,
    ignoreExpiration: true,
    requiredClaims: ["sub", "iss", "aud", "iatMs", "expMs"],
    cache: CACHE_TOKENS,
  });

  return {
    /**
     * A new token for `userId`, that lives no longer than `ttlMaxMs`. Times are in milliseconds (`iatMs`), since revocation
     * compares them; `exp` is there for others.
     */
    issueToken(userId: UserId, ttlMaxMs = ttlMs): { token: string; expiresAtMs: number } {
      const iatMs = Math.floor(nowMs());
      const expMs = iatMs + Math.min(ttlMs, ttlMaxMs);
      return { token: sign({ sub: userId, iatMs, expMs, exp: Math.ceil(expMs / 1000) }), expiresAtMs: expMs };
    },

    /** Undefined for anything but an unexpired token that this cluster signed. Synchronous; repeated tokens come from a cache. */
    verifyToken(token: string): Verified | undefined {
      const claims = claimsOf(() => verify(token));
      const userId = UserId.safeParse(claims?.sub);
      if (
        !claims ||
        !userId.success ||
        !Number.isSafeInteger(claims.iatMs) ||
        !Number.isSafeInteger(claims.expMs)
      )
        return undefined;
      if (claims.expMs <= nowMs()) return undefined;
      return { userId: userId.data, issuedAtMs: claims.iatMs, expiresAtMs: claims.expMs };
    },
  };
}

type Claims = { sub: string; iatMs: number; expMs: number };

function claimsOf(verified: () => Claims): Claims | undefined {
  try {
    return verified();
  } catch (error) {
    // Whatever is wrong with a token, the answer is the same; anything else is a fault of ours.
    if (error instanceof TokenError) return undefined;
    throw error;
  }
}
