/** Whose tokens are good: our own accounts', and those of one other issuer. */
import { matching, urlOf } from "./forms.ts";
import { onOff, optional, text } from "./setting.ts";

/** A claim's name as providers write it, a URL among them. */
const CLAIM = /^[\w:/.-]{1,200}$/;

/** Whose tokens are good: our own accounts', and those of one other issuer. Field names are those of `Config`. */
export const AUTH_SETTINGS = {
  ownAccounts: onOff({
    env: "HUBBUB_OWN_ACCOUNTS",
    unit: "switch",
    fallback: "on",
    reason: "Off: nobody registers or logs in here, all come with a token of `HUBBUB_ISSUER`",
    source: "design 05, P1",
  }),
  issuer: optional(
    text({
      env: "HUBBUB_ISSUER",
      unit: "URL",
      bound: "http(s)://…, the `iss` of its tokens to the letter",
      read: urlOf("https:", "http:"),
      reason: "A community's own log-in, whose tokens are good here as well; empty: none",
      source: "design 05, P1",
    }),
  ),
  issuerAudience: text({
    env: "HUBBUB_ISSUER_AUDIENCE",
    unit: "audience",
    fallback: "hubbub",
    bound: "1–255 characters",
    read: matching(/^.{1,255}$/),
    reason: "What the `aud` of its tokens must name, so that a token for another service is none for us",
    source: "chosen",
  }),
  issuerKeysUrl: optional(
    text({
      env: "HUBBUB_ISSUER_KEYS_URL",
      unit: "URL",
      bound: "https://…, or http:// of this machine",
      read: keysUrl,
      reason: "Its JSON Web Key Set; empty: `/.well-known/jwks.json` under `HUBBUB_ISSUER`",
      source: "what most providers do",
    }),
  ),
  issuerUsernameClaim: text({
    env: "HUBBUB_ISSUER_USERNAME_CLAIM",
    unit: "claim",
    fallback: "preferred_username",
    bound: "a claim's name",
    read: matching(CLAIM),
    reason: "Becomes the username of a new person, with something behind it where it is taken",
    source: "OpenID Connect",
  }),
  issuerNameClaim: text({
    env: "HUBBUB_ISSUER_NAME_CLAIM",
    unit: "claim",
    fallback: "name",
    bound: "a claim's name",
    read: matching(CLAIM),
    reason: "Becomes the display name of a new person; without it the username does",
    source: "OpenID Connect",
  }),
};

/** Keys that came over an open line would be anyone's. */
export function keysUrl(given: string): string | undefined {
  const url = urlOf("https:", "http:")(given);
  if (url === undefined) return undefined;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname) ? url : undefined;
}
