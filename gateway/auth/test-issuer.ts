/** Another issuer for tests: a real HTTP server on loopback that publishes real keys, and what it signs with them. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Algorithm } from "./issuer-keys.ts";

export type SigningKey = { kid: string; algorithm: Algorithm; privateKey: KeyObject; publicKey: KeyObject };

const OPTIONS = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

export function newKey(kid: string, algorithm: Algorithm): SigningKey {
  return { kid, algorithm, ...OPTIONS[algorithm]() };
}

export function jwkOf({ kid, algorithm, publicKey }: SigningKey): Record<string, unknown> {
  return { ...publicKey.export({ format: "jwk" }), kid, alg: algorithm, use: "sig" };
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

/** A token with this header and these claims, signed as the key's algorithm says. */
export function signed(key: SigningKey, claims: object, header: object = {}): string {
  const head = `${encode({ alg: key.algorithm, typ: "JWT", kid: key.kid, ...header })}.${encode(claims)}`;
  const digest = key.algorithm === "EdDSA" ? null : "sha256";
  const signature = sign(digest, Buffer.from(head), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${head}.${signature.toString("base64url")}`;
}

/** The same, as HS256 with this secret; without one, unsigned. */
export function sealed(claims: object, header: object, secret?: string | Buffer): string {
  const head = `${encode(header)}.${encode(claims)}`;
  return `${head}.${secret === undefined ? "" : createHmac("sha256", secret).update(head).digest("base64url")}`;
}

export type TestIssuer = Awaited<ReturnType<typeof startIssuer>>;

/** Publishes `keys`, which a test may change; `answer` instead of them, where it is set. `readings`: how often it was asked. */
export async function startIssuer(...keys: SigningKey[]) {
  const issuer = {
    keys,
    answer: undefined as { status: number; body: string; location?: string } | undefined,
    readings: 0,
    url: "",
    keysUrl: "",
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
  const server = createServer((_request, response) => {
    issuer.readings += 1;
    const { status = 200, body, location } = issuer.answer ?? {};
    response.writeHead(status, { "content-type": "application/json", ...(location && { location }) });
    response.end(body ?? JSON.stringify({ keys: issuer.keys.map(jwkOf) }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  issuer.keysUrl = `${issuer.url}/keys`;
  return issuer;
}
