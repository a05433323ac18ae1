/** One real node on a real Redis and Postgres, and people who ask it over both doors. Every refusal they hear is checked for its form. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { STATUS_CODES } from "node:http";
import { pino } from "pino";
import { io as connect, type Socket } from "socket.io-client";
import { expect } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import { REFUSALS, Refusal, type RefusalCode } from "../../protocol/refusals.ts";
import type { RequestName } from "../../protocol/requests.ts";
import { Problem } from "../../protocol/rest.ts";
import { loadConfig } from "../../src/config.ts";
import { type Node, startNode } from "../../src/node/start-node.ts";
import { freshPrefix, migratedDatabase, sharedRedisUrl } from "../support/servers.ts";

const PASSWORD = "long-enough-to-pass";
/** Of a node without callers: nothing is waited for. */
const LEAVE_WITHIN_MS = 5_000;
/** Of any answer: the machine is shared. */
const ANSWER_WITHIN_MS = 20_000;

/** What came back: `ok`, or the code of a refusal. `text` is all that was said. */
export type Heard = { code: "ok" | RefusalCode; body: Record<string, unknown>; text: string };

/** `raw`: a body as it stands, and what it says it is. */
export type RestRequest = {
  method: string;
  path: string;
  body?: object;
  raw?: { type: string; text: string };
};

/** A person with an account, logged in, and connected. */
export type Person = {
  readonly userId: UserId;
  readonly username: string;
  readonly password: string;
  /** The one that is good now. */
  refreshToken: string;
  ask(event: RequestName, payload: object): Promise<Heard>;
  /** Under `/api/v1`. */
  rest(request: RestRequest): Promise<Heard>;
  /** The same, where the answer must be `ok`. */
  does<T = unknown>(method: string, path: string, body?: object): Promise<T>;
};

export type Site = {
  readonly url: string;
  readonly databaseUrl: string;
  /** What the node logged at `error` and above. */
  readonly faults: string[];
  person(): Promise<Person>;
  close(): Promise<void>;
};

export async function openSite(): Promise<Site> {
  const databaseUrl = await migratedDatabase();
  const config = loadConfig({
    REDIS_URL: sharedRedisUrl(),
    DATABASE_URL: databaseUrl,
    HUBBUB_PREFIX: freshPrefix(),
    HUBBUB_TOKEN_SECRET: "a".repeat(32),
    HUBBUB_ADMIN_TOKEN: "b".repeat(32),
    HUBBUB_HOST: "127.0.0.1",
    HUBBUB_NAME: "matrix",
    HUBBUB_RATE_LIMITS: "off",
    PORT: "0",
    METRICS_PORT: "0",
  });
  const faults: string[] = [];
  const logger = pino({ level: "error" }, { write: (line: string) => void faults.push(line) });
  const node: Node = await startNode(config, logger, { onDrain: () => {} });
  const { url } = node.place;
  const sockets: Socket[] = [];
  return {
    url,
    databaseUrl,
    faults,
    async person() {
      const account = await register(url);
      const socket = await connected(url, account.token);
      sockets.push(socket);
      return personOf(url, account, socket);
    },
    async close() {
      for (const socket of sockets) socket.disconnect();
      await node.leave(LEAVE_WITHIN_MS);
    },
  };
}

type Account = { userId: UserId; username: string; token: string; refreshToken: string };

/** Of someone who is nobody yet. */
export function newUsername(): string {
  return `u${randomBytes(12).toString("hex")}`;
}

async function register(url: string): Promise<Account> {
  const username = newUsername();
  const body = { username, password: PASSWORD };
  const heard = await fetchRest(url, { method: "POST", path: "/auth/register", body });
  expect(heard.code).toBe("ok");
  const { user, token, refreshToken } = heard.body as { user: { id: UserId } } & Omit<Account, "userId">;
  return { userId: user.id, username, token, refreshToken };
}

async function connected(url: string, token: string): Promise<Socket> {
  const socket = connect(url, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    auth: { token, protocol: 1 },
  });
  await once(socket as never, "session:ready");
  return socket;
}

function personOf(url: string, { token, ...account }: Account, socket: Socket): Person {
  const rest = (request: RestRequest) => fetchRest(url, request, token);
  return {
    ...account,
    password: PASSWORD,
    rest,
    async ask(event, payload) {
      const answer = await socket.timeout(ANSWER_WITHIN_MS).emitWithAck(event, payload);
      return { code: codeOf(answer), body: answer, text: JSON.stringify(answer) };
    },
    async does<T>(method: string, path: string, body?: object) {
      const heard = await rest({ method, path, ...(body && { body }) });
      if (heard.code !== "ok") throw new Error(`${method} ${path} should be done: ${heard.text}`);
      return heard.body as T;
    },
  };
}

/** Of an acknowledgement: `{ ok: true, … }`, or a refusal as its table has it. */
function codeOf(answer: { ok: boolean; error?: unknown }): Heard["code"] {
  if (answer.ok) return "ok";
  expect(Object.keys(answer).sort()).toEqual(["error", "ok"]);
  const { code, retry } = Refusal.strict().parse(answer.error);
  expect(retry).toBe(REFUSALS[code].retry);
  return code;
}

/** One request. Whatever is no success must be a problem document (RFC 9457) that says what the table of refusals says. */
export async function fetchRest(
  url: string,
  { method, path, body, raw = body && { type: "application/json", text: JSON.stringify(body) } }: RestRequest,
  token?: string,
): Promise<Heard> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(raw && { "content-type": raw.type }),
    },
    ...(raw && { body: raw.text }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const text = await response.text();
  const said = JSON.parse(text);
  return { code: response.ok ? "ok" : problemCode(response, said), body: said, text };
}

/** Checks a problem document against the refusal that it names. A path that has no such method is 405, by HTTP. */
function problemCode(response: Response, said: unknown): RefusalCode {
  expect(response.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  const problem = Problem.strict().parse(said);
  const code = problem.code as RefusalCode;
  const { status, retry } = REFUSALS[code];
  const httpStatus = response.status === 405 && code === "unsupported" ? 405 : status;
  expect({ ...problem, status: response.status }).toMatchObject({
    type: `urn:hubbub:refusal:${code}`,
    title: STATUS_CODES[httpStatus],
    status: httpStatus,
    retry,
  });
  expect(problem.status).toBe(httpStatus);
  expect(problem.detail).not.toBe("");
  if (status === 401) expect(response.headers.get("www-authenticate")).toBe("Bearer");
  return code;
}
