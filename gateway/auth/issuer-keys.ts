/**
 * The public keys of another issuer of tokens (RFC 7517), had before they are needed: read at the start, read again in the
 * background, and once more when a token names one that is not known. Only what stands at the configured URL is believed;
 * what a token brings (`jwk`, `jku`, `x5u`) is never looked at.
 */
import { createPublicKey, type JsonWebKeyInput } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import * as z from "zod";

/** Between two readings, milliseconds; after a failed one sooner. A withdrawn key is believed for so long at most. Chosen. */
const REFRESH_MS = 300_000;
const RETRY_MS = 10_000;
/** Between two readings for keys that are not known, milliseconds: anyone can name one. An issuer shows a new key earlier than it signs with it. */
const UNKNOWN_KEY_MS = 10_000;
/** A reading, milliseconds: below the 4 s that a client waits. */
const FETCH_TIMEOUT_MS = 3_000;
/** Issuers have a handful of keys of some hundred bytes. */
const DOCUMENT_BYTES_MAX = 262_144;
const KEYS_MAX = 100;
const RSA_BITS_MIN = 2_048;

export type Algorithm = "RS256" | "ES256" | "EdDSA";
/** A public key, and the only algorithm that it verifies: so no token chooses. */
export type IssuerKey = { id: string; algorithm: Algorithm; pem: string };

export type IssuerKeysOptions = {
  /** Of the JSON Web Key Set. */
  url: string;
  log: Logger;
  /** For tests: milliseconds between two readings for unknown keys. */
  unknownKeyMs?: number;
};

const KeySet = z.object({
  keys: z.array(z.looseObject({ kid: z.string().min(1).max(256) }).catch({ kid: "" })).max(KEYS_MAX),
});

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #closed = new AbortController();
  #keys: ReadonlyMap<string, IssuerKey> = new Map();
  /** Did the last reading succeed? Undefined: there was none. */
  #readable: boolean | undefined;
  #reading: Promise<void> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Resolves after the first reading, whatever came of it; others follow until `close`. */
  async start(): Promise<void> {
    await this.#read();
    void this.#keepReading();
  }

  close(): void {
    this.#closed.abort();
  }

  /** The key of this id as it is known now. */
  get(id: string): IssuerKey | undefined {
    return this.#keys.get(id);
  }

  /** As `get`, after another reading where that is due. `away`: the keys could not be read, so nobody knows. */
  async find(id: string): Promise<IssuerKey | "away" | undefined> {
    const known = this.get(id);
    if (known) return known;
    const nowMs = performance.now();
    if (this.#reading || nowMs - this.#askedAtMs >= (this.#options.unknownKeyMs ?? UNKNOWN_KEY_MS)) {
      if (!this.#reading) this.#askedAtMs = nowMs;
      await this.#read();
    }
    return this.get(id) ?? (this.#readable ? undefined : "away");
  }

  async #keepReading(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      // Jittered, so that the nodes of a cluster do not ask in one breath.
      const waitMs = (this.#readable ? REFRESH_MS : RETRY_MS) * (0.75 + Math.random() / 2);
      // Aborted by `close`; nothing else rejects here.
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await this.#read();
    }
  }

  /** One reading at a time; who comes during one shares it. Never rejects. */
  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { url, log } = this.#options;
    try {
      this.#keys = withKept(keysOf(await download(url, this.#closed.signal)), this.#keys);
      if (this.#readable !== true) log.info({ keys: this.#keys.size }, "keys of the issuer of tokens read");
      this.#readable = true;
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      if (!(error instanceof KeysUnreadable)) throw error;
      // Those that are known stay: an issuer that is away for a while locks nobody out.
      if (this.#readable !== false)
        log.warn({ reason: error.message }, "keys of the issuer of tokens cannot be read");
      this.#readable = false;
    }
  }
}

/** The issuer or the network between is at fault, or what it answers is no key set. */
class KeysUnreadable extends Error {
  override name = "KeysUnreadable";
}

async function download(url: string, closed: AbortSignal): Promise<unknown> {
  const signal = AbortSignal.any([closed, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
  try {
    const response = await fetch(url, { redirect: "error", signal, headers: { accept: "application/json" } });
    if (!response.ok) throw new KeysUnreadable(`answered ${response.status}`);
    return JSON.parse(await textOf(response));
  } catch (error) {
    // `fetch` rejects with TypeError, and with DOMException when it is aborted; what is no JSON with SyntaxError.
    if ([TypeError, DOMException, SyntaxError].some((kind) => error instanceof kind))
      throw new KeysUnreadable((error as Error).message, { cause: error });
    throw error;
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > DOCUMENT_BYTES_MAX) throw new KeysUnreadable(`more than ${DOCUMENT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The usable keys of a key set: with an id, for signatures, of a kind that we verify. Of two with one id the first counts. */
function keysOf(document: unknown): Map<string, IssuerKey> {
  const keys = new Map<string, IssuerKey>();
  const set = KeySet.safeParse(document);
  if (!set.success) throw new KeysUnreadable("no key set");
  for (const jwk of set.data.keys) {
    const key = keyOf(jwk);
    if (key && !keys.has(key.id)) keys.set(key.id, key);
  }
  return keys;
}

function keyOf(jwk: { kid: string; [member: string]: unknown }): IssuerKey | undefined {
  const algorithm = algorithmOf(jwk);
  if (jwk.kid === "" || algorithm === undefined) return undefined;
  if (jwk.use !== undefined && jwk.use !== "sig") return undefined;
  if (jwk.alg !== undefined && jwk.alg !== algorithm) return undefined;
  const key = publicKeyOf(jwk);
  if (!key || (key.asymmetricKeyDetails?.modulusLength ?? RSA_BITS_MIN) < RSA_BITS_MIN) return undefined;
  return { id: jwk.kid, algorithm, pem: key.export({ type: "spki", format: "pem" }) as string };
}

function algorithmOf({ kty, crv }: Record<string, unknown>): Algorithm | undefined {
  if (kty === "RSA") return "RS256";
  if (kty === "EC" && crv === "P-256") return "ES256";
  if (kty === "OKP" && crv === "Ed25519") return "EdDSA";
  return undefined;
}

function publicKeyOf(jwk: object) {
  try {
    return createPublicKey({ key: jwk, format: "jwk" } as JsonWebKeyInput);
  } catch (error) {
    // What is no key, or none that OpenSSL takes; one bad key must not cost the others.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** An unchanged key stays the same object, so that what was verified with it is still. */
function withKept(
  next: Map<string, IssuerKey>,
  kept: ReadonlyMap<string, IssuerKey>,
): ReadonlyMap<string, IssuerKey> {
  for (const [id, key] of next) {
    const before = kept.get(id);
    if (before?.pem === key.pem && before.algorithm === key.algorithm) next.set(id, before);
  }
  return next;
}
