/**
 * Passwords as Argon2id (RFC 9106) in the PHC form `$argon2id$v=19$m=…,t=…,p=…$salt$tag`: parameters and salt stand
 * beside the tag, so that they can grow later without asking anyone for a new password.
 */
import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { assert } from "../../src/lib/assert.ts";

/** 19 MiB, 2 passes, 1 lane: the least that OWASP's password storage sheet recommends; 70 ms of one thread. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const TAG_BYTES = 32;
/**
 * Hashes at once: libuv's pool has 4 threads, and DNS and files need some. Waiting ones are bounded as well: 64 × 70 ms
 * on 2 threads is about 2 s, as long as a person waits.
 */
export const HASHES_AT_ONCE = 2;
export const HASHES_WAITING_MAX = 64;

const derive = promisify(argon2);
const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43,86})$/;

/** Too many log-ins wait already: answer `overloaded`. */
export class HashingOverloaded extends Error {
  override name = "HashingOverloaded";
}

export type Passwords = ReturnType<typeof createPasswords>;

/** Hashes and checks, a few at once. Every method rejects with `HashingOverloaded` when too many wait. */
export function createPasswords(options: { atOnce?: number; waitingMax?: number } = {}) {
  const { atOnce = HASHES_AT_ONCE, waitingMax = HASHES_WAITING_MAX } = options;
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running < atOnce) running++;
    else {
      if (waiting.length >= waitingMax) throw new HashingOverloaded();
      // Whoever finishes hands its place on, so `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  }

  return {
    hash: (password: string): Promise<string> => inTurn(() => hash(password)),
    /**
     * Is it the password of `stored`? Without `stored` (no such login) it takes as long, and says no. A stored text of
     * another form is a broken promise of the store, and throws.
     */
    matches: (password: string, stored: string | undefined): Promise<boolean> =>
      inTurn(async () => {
        const same = await compare(password, stored ?? NOBODYS);
        return stored !== undefined && same;
      }),
  };
}

/** A hash that no password has: its tag is random. */
const NOBODYS = format(
  { memory: MEMORY_KIB, passes: PASSES, parallelism: PARALLELISM },
  randomBytes(SALT_BYTES),
  randomBytes(TAG_BYTES),
);

type Cost = Pick<Argon2Parameters, "memory" | "passes" | "parallelism">;

async function hash(password: string): Promise<string> {
  const cost = { memory: MEMORY_KIB, passes: PASSES, parallelism: PARALLELISM };
  const nonce = randomBytes(SALT_BYTES);
  return format(
    cost,
    nonce,
    await derive("argon2id", { ...cost, message: normal(password), nonce, tagLength: TAG_BYTES }),
  );
}

async function compare(password: string, stored: string): Promise<boolean> {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(stored) ?? [];
  assert(salt !== undefined && tag !== undefined, "a stored password hash is an Argon2id PHC string");
  const expected = Buffer.from(tag, "base64");
  const derived = await derive("argon2id", {
    message: normal(password),
    nonce: Buffer.from(salt, "base64"),
    tagLength: expected.length,
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  });
  return timingSafeEqual(derived, expected);
}

/** The same password from every keyboard (RFC 8265): one Unicode form. */
function normal(password: string): Buffer {
  return Buffer.from(password.normalize("NFC"));
}

function format(cost: Cost, salt: Buffer, tag: Buffer): string {
  const plain = (bytes: Buffer) => bytes.toString("base64").replaceAll("=", "");
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${plain(salt)}$${plain(tag)}`;
}
