/** Names for people of another issuer: what its claims say, as a username here may be. */
import { randomBytes } from "node:crypto";
import { DisplayName, Username } from "../../protocol/users.ts";
import { isReserved } from "./reserved-names.ts";

const USERNAME_MAX = 32;
const DISPLAY_NAME_MAX = 64;
/** Bytes of randomness behind a name that is taken, try by try. 40 bits at the end: nobody fills them. */
const SUFFIX_BYTES = [2, 3, 5, 5];

/** Names to try, the nicest first: the claim itself, then with something behind it. Without a usable claim: `user_…`. */
export function* usernamesOf(claim: unknown): Generator<string> {
  const base = baseOf(claim);
  if (base !== undefined && !isReserved(base)) yield base;
  for (const bytes of SUFFIX_BYTES) {
    const suffix = `_${randomBytes(bytes).toString("hex")}`;
    yield `${(base ?? "user").slice(0, USERNAME_MAX - suffix.length)}${suffix}`;
  }
}

/** As near to the claim as a username may be; of an e-mail address what stands before the `@`. */
function baseOf(claim: unknown): string | undefined {
  if (typeof claim !== "string") return undefined;
  const base = claim
    .split("@", 1)[0]!
    .slice(0, 4 * USERNAME_MAX)
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "_")
    .replace(/^[_.-]+/, "")
    .slice(0, USERNAME_MAX)
    .replace(/[_.-]+$/, "");
  return Username.safeParse(base).success ? base : undefined;
}

/** Undefined where the claim is no name. */
export function displayNameOf(claim: unknown): string | undefined {
  if (typeof claim !== "string") return undefined;
  const name = [...claim.slice(0, 4 * DISPLAY_NAME_MAX).trim()].slice(0, DISPLAY_NAME_MAX).join("").trim();
  return DisplayName.safeParse(name).success ? name : undefined;
}
