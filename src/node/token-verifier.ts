/** Whose tokens this node believes, as its settings say. */
import type { Tokens } from "../../gateway/auth/tokens.ts";
import { createVerifierOf, type Verifier, type VerifierOptions } from "../../gateway/auth/verifier.ts";
import { keysUrl } from "../config/auth.ts";
import type { Config } from "../config.ts";
import { Trouble } from "../lib/trouble.ts";

/** Throws `Trouble` where the settings contradict each other. */
export function tokenVerifier(
  config: Config,
  tokens: Tokens,
  world: Pick<VerifierOptions, "people" | "nowMs" | "log">,
): Verifier {
  return createVerifierOf({ tokens, other: otherIssuer(config), ...world });
}

function otherIssuer(config: Config): VerifierOptions["other"] {
  const { issuer, issuerKeysUrl, ownAccounts } = config;
  if (issuer === undefined) {
    if (!ownAccounts)
      throw new Trouble("HUBBUB_OWN_ACCOUNTS is off and HUBBUB_ISSUER is not set: nobody could log in");
    return undefined;
  }
  const url = issuerKeysUrl ?? keysUrl(`${issuer.replace(/\/$/, "")}/.well-known/jwks.json`);
  if (url === undefined)
    throw new Trouble(
      "HUBBUB_ISSUER is not https: set HUBBUB_ISSUER_KEYS_URL to where its keys can be had safely",
    );
  return {
    issuer,
    audience: config.issuerAudience,
    keysUrl: url,
    usernameClaim: config.issuerUsernameClaim,
    displayNameClaim: config.issuerNameClaim,
  };
}
