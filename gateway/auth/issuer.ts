/**
 * Tokens of another issuer (row P1): a community's own log-in. A token is believed when a key of the issuer, known by its
 * `kid`, signed it for us with that key's one algorithm, and its times hold; its person is made at first sight.
 */
import { createDecoder, createVerifier, TokenError } from "fast-jwt";
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import * as z from "zod";
import { StoreAway } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { text } from "../../protocol/text.ts";
import type { People } from "../ports.ts";
import { REVOCATIONS_KEPT_MS } from "../revocation.ts";
import type { IssuerKey, IssuerKeys } from "./issuer-keys.ts";
import { displayNameOf, usernamesOf } from "./issuer-names.ts";
import type { Verdict, Verified } from "./tokens.ts";

/** How far the issuer's clock may be from ours, milliseconds. Chosen: what NTP keeps, with a margin for who does without. */
export const SKEW_MS = 30_000;
/** A token is good for no longer than revocations are remembered, whatever it says of itself (rule E3). */
const LIFE_MAX_MS = REVOCATIONS_KEPT_MS;
/** Verified tokens remembered, as of our own; about 2 KB each. And who their subjects are. */
const CACHE_TOKENS = 10_000;
const CACHE_PEOPLE = 50_000;
/** As long as the handshake takes. */
const TOKEN_CHARACTERS_MAX = 8_192;

export type IssuerOptions = {
  /** The `iss` of its tokens, to the letter. */
  issuer: string;
  /** One of the token's `aud`. */
  audience: string;
  /** Claims that name a new person. */
  usernameClaim: string;
  displayNameClaim: string;
  keys: Pick<IssuerKeys, "get" | "find">;
  people: Pick<People, "fromIssuer">;
  /** The cluster's time (rule E5), Unix milliseconds. */
  nowMs(): number;
  log: Logger;
};

/** What we read of a token, each checked; times in seconds. */
const Claims = z.looseObject({
  /** OpenID Connect: 255 ASCII characters at most. */
  sub: text(1, 255),
  exp: z.number().nonnegative().max(8_640_000_000_000),
  iat: z.number().nonnegative().max(8_640_000_000_000),
  nbf: z.number().nonnegative().max(8_640_000_000_000).optional(),
});
type Claims = z.infer<typeof Claims>;

type Known = { key: IssuerKey; claims: Claims; userId: UserId };

/** Verifies tokens of one issuer. At once where the token was seen before; else it asks for keys and people. */
export function createIssuer(options: IssuerOptions) {
  const { issuer, keys, nowMs, log } = options;
  const known = new LRUCache<string, Known>({ max: CACHE_TOKENS });
  const signed = signatures(options);
  const personOf = people(options);

  async function judge(token: string): Promise<Verdict> {
    const head = headOf(token);
    // Not a token of this issuer's: nothing to say, and nothing to ask for.
    if (head?.iss !== issuer) return undefined;
    if (typeof head.kid !== "string" || head.kid === "") return refuse("no kid");
    const key = await keys.find(head.kid);
    if (key === undefined) return refuse("unknown kid");
    if (key === "away") return "away";
    const claims = signed(token, key);
    if (typeof claims === "string") return refuse(claims);
    const times = timesOf(claims, nowMs());
    if (typeof times === "string") return refuse(times);
    const userId = await personOf(claims);
    known.set(token, { key, claims, userId });
    return { userId, ...times };
  }

  function refuse(reason: string): undefined {
    log.debug({ reason }, "token of another issuer refused");
  }

  return {
    /** Was it verified before? */
    remembers: (token: string): boolean => known.has(token),

    /**
     * Undefined for anything but a token of this issuer, for us, in its time. `away`: its keys, or Postgres for a person who
     * is new here, cannot be had now. Never rejects for either.
     */
    verifyToken(token: string): Verdict | Promise<Verdict> {
      const seen = known.get(token);
      if (seen && keys.get(seen.key.id) === seen.key) {
        const times = timesOf(seen.claims, nowMs());
        return typeof times === "string" ? undefined : { userId: seen.userId, ...times };
      }
      if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
      return judge(token).catch((error: unknown) => {
        if (error instanceof StoreAway) return "away";
        throw error;
      });
    },
  };
}

const decode = createDecoder({ complete: true });

/** What a token says of itself before anything is believed; undefined: it is none. */
function headOf(token: string): { kid?: unknown; iss?: unknown } | undefined {
  return unlessTokenError(() => {
    const { header, payload } = decode(token);
    return { kid: header.kid, iss: payload.iss };
  }, undefined);
}

/** The claims of a token that this key signed for us, or why not. */
function signatures({ issuer, audience }: IssuerOptions): (token: string, key: IssuerKey) => Claims | string {
  const verifiers = new WeakMap<IssuerKey, (token: string) => unknown>();
  const verifierOf = (key: IssuerKey) => {
    const verify = createVerifier({
      key: key.pem,
      algorithms: [key.algorithm],
      allowedIss: issuer,
      allowedAud: audience,
      requiredClaims: ["iss", "aud", "sub", "exp", "iat"],
      // Times are compared with the cluster's, not with this machine's.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
    verifiers.set(key, verify);
    return verify;
  };
  return (token, key) => {
    const verify = verifiers.get(key) ?? verifierOf(key);
    return unlessTokenError<Claims | string>(
      () => {
        const claims = Claims.safeParse(verify(token));
        return claims.success ? claims.data : "claims of another form";
      },
      (error) => error.code,
    );
  };
}

/** Since and until when a token is good, or why it is not now. */
function timesOf({ iat, exp, nbf = 0 }: Claims, nowMs: number): Omit<Verified, "userId"> | string {
  const issuedAtMs = iat * 1_000;
  const expiresAtMs = Math.min(exp * 1_000 + SKEW_MS, issuedAtMs + LIFE_MAX_MS);
  if (expiresAtMs <= nowMs) return "expired";
  if (Math.max(issuedAtMs, nbf * 1_000) - SKEW_MS > nowMs) return "not yet valid";
  return { issuedAtMs, expiresAtMs };
}

/** Who a subject is here. Rejects with `StoreAway`. */
function people(options: IssuerOptions): (claims: Claims) => Promise<UserId> {
  const { issuer, usernameClaim, displayNameClaim } = options;
  const known = new LRUCache<string, Promise<UserId>>({ max: CACHE_PEOPLE });

  async function make(claims: Claims): Promise<UserId> {
    for (const username of usernamesOf(claims[usernameClaim])) {
      const displayName = displayNameOf(claims[displayNameClaim]) ?? username;
      const user = await options.people.fromIssuer({ issuer, subject: claims.sub, username, displayName });
      if (user !== "taken") return user.id;
    }
    throw new StoreAway("no free username was found");
  }

  return (claims) => {
    const asked = known.get(claims.sub);
    if (asked) return asked;
    const made = make(claims);
    known.set(claims.sub, made);
    // Who waits hears of it as well; the next one asks again.
    made.catch(() => known.delete(claims.sub));
    return made;
  };
}

function unlessTokenError<T>(work: () => T, otherwise: T | ((error: TokenError) => T)): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return typeof otherwise === "function" ? (otherwise as (error: TokenError) => T)(error) : otherwise;
  }
}
