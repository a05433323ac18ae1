/** Who a token names, whoever issued it: this cluster, or the issuer that it is configured with. */
import type { Logger } from "pino";
import type { People } from "../ports.ts";
import { createIssuer } from "./issuer.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import type { Tokens, VerifyToken } from "./tokens.ts";

export type VerifierOptions = {
  tokens: Pick<Tokens, "verifyToken">;
  /** Absent: only our own tokens are good. */
  other?: {
    issuer: string;
    audience: string;
    /** Of its JSON Web Key Set. */
    keysUrl: string;
    usernameClaim: string;
    displayNameClaim: string;
  };
  people: Pick<People, "fromIssuer">;
  /** The cluster's time (rule E5), Unix milliseconds. */
  nowMs(): number;
  log: Logger;
};

export interface Verifier {
  readonly verifyToken: VerifyToken;
  /** Reads the other issuer's keys; resolves after the first try, whatever came of it. */
  start(): Promise<void>;
  close(): void;
}

export function createVerifierOf({ tokens, other, ...world }: VerifierOptions): Verifier {
  if (!other) return { verifyToken: tokens.verifyToken, start: async () => {}, close() {} };
  const keys = new IssuerKeys({ url: other.keysUrl, log: world.log });
  const issuer = createIssuer({ ...other, ...world, keys });
  return {
    verifyToken(token) {
      if (issuer.remembers(token)) return issuer.verifyToken(token);
      return tokens.verifyToken(token) ?? issuer.verifyToken(token);
    },
    start: () => keys.start(),
    close: () => keys.close(),
  };
}
