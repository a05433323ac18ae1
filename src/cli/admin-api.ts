/** The admin API of a running cluster, at any of its nodes. */
import { join } from "node:path";
import { describeConfig } from "../config.ts";
import { codeOf, Trouble } from "../lib/trouble.ts";
import { type ClusterFile, FILES, readJson } from "../start/data-folder.ts";

/** A node asks others before it answers; a question to placement goes by way of the leader. */
const ANSWER_WITHIN_MS = 5_000;
/** Most answers are there within milliseconds. */
const AT_ONCE_MS = 1_000;

type Door = { urls: readonly string[]; token: string };

export type AdminRequest = {
  method?: "GET" | "POST";
  /** Sent as JSON. */
  body?: object;
  /** What to say, and to do, where there is no such thing; else the node's own words. */
  notFound?: string;
  /** For each node that is asked. */
  withinMs?: number;
};

/** Nobody answers, or nobody can just now: what was asked may be right, and trying again may help. */
export class Away extends Trouble {
  override name = "Away";
}

/** Why there is no connection, in words. */
const WORDS: Record<string, string> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
  EHOSTUNREACH: "there is no way to that host",
  UND_ERR_CONNECT_TIMEOUT: "the host does not answer",
};

/** Who answered last is asked first: of nodes that hang, each costs its time only once. */
let lastUrl: string | undefined;

/**
 * Asks the first node that answers; of reads, the first that can: one may be cut off from Redis while the others are not.
 * Throws `Away` when there is none, `Trouble` when its answer is a refusal.
 */
export async function askAdmin<T>(path: string, asked: AdminRequest = {}): Promise<T> {
  const { urls, token } = findDoor();
  const failures = new Map<string, string>();
  let excuse: Away | undefined;
  for (const withinMs of patienceFor(asked, urls.length)) {
    for (const url of urls.toSorted((a, b) => Number(b === lastUrl) - Number(a === lastUrl))) {
      const response = await request(`${url}/admin${path}`, { ...asked, withinMs }, token);
      if (typeof response === "string") {
        failures.set(url, response);
        continue;
      }
      const answer = await read<T>(response, url, asked.notFound);
      if (answer instanceof Away) excuse ??= orThrow(answer, asked);
      else {
        lastUrl = url;
        return answer;
      }
    }
  }
  const why = [...failures].map(([url, failure]) => `${url}: ${failure}`).join("; ");
  throw excuse ?? new Away(`No node answers (${why}): is the cluster running, and reachable from here?`);
}

/** A read does not wait for a node that hangs while another may answer at once. */
function patienceFor({ method = "GET", withinMs = ANSWER_WITHIN_MS }: AdminRequest, nodes: number): number[] {
  const isHasty = method === "GET" && nodes > 1 && withinMs > AT_ONCE_MS;
  return isHasty ? [AT_ONCE_MS, withinMs] : [withinMs];
}

/** Of writes, the first node's word is the last. */
function orThrow(answer: Away, { method = "GET" }: AdminRequest): Away {
  if (method !== "GET") throw answer;
  return answer;
}

/** Given by variables, or left in the data folder by `npm start`. */
function findDoor(): Door {
  const { HUBBUB_ADMIN_URL: given, HUBBUB_ADMIN_TOKEN: token } = process.env;
  if (given) {
    if (!token) throw new Trouble("HUBBUB_ADMIN_URL is set and HUBBUB_ADMIN_TOKEN is not: set both.");
    const urls = given.split(",").map((url) => url.trim().replace(/\/+$/, ""));
    if (!urls.every((url) => URL.canParse(url)))
      throw new Trouble(
        "HUBBUB_ADMIN_URL is no URL: expected http://host:port, the metrics port of a node; several with commas.",
      );
    return { urls, token };
  }
  const dataDir = describeConfig().find(({ env }) => env === "HUBBUB_DATA_DIR")?.value ?? "";
  const file = readJson<ClusterFile>(join(dataDir, FILES.cluster));
  if (file === undefined) {
    throw new Trouble(
      `No cluster runs from ${dataDir}: run npm start, or set HUBBUB_ADMIN_URL and HUBBUB_ADMIN_TOKEN.`,
    );
  }
  if (file.metricsUrls.length === 0)
    throw new Away("No node of the cluster is up: see the terminal of npm start.");
  return { urls: file.metricsUrls, token: file.adminToken };
}

/** In words why nobody answers there. Throws `Away` where a write may have been done all the same: it is not repeated. */
async function request(url: string, asked: AdminRequest, token: string): Promise<Response | string> {
  const { method = "GET", body, withinMs = ANSWER_WITHIN_MS } = asked;
  try {
    return await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(withinMs),
    });
  } catch (error) {
    const { why, unheard } = failureOf(error, withinMs);
    if (method === "GET" || unheard) return why;
    throw new Away(
      `${new URL(url).origin}: ${why}. What you asked for may be under way: look with "hubbub status" before you ask again.`,
    );
  }
}

/** `unheard`: the node cannot have heard the question. */
function failureOf(error: unknown, withinMs: number): { why: string; unheard: boolean } {
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { why: `no answer within ${withinMs / 1_000} s`, unheard: false };
  if (!(error instanceof TypeError)) throw error;
  const { cause } = error; // `fetch` says there what went wrong
  const code = codeOf(cause) ?? (cause instanceof Error ? cause.message : error.message);
  return { why: WORDS[code] ?? code, unheard: code in WORDS };
}

/** `Away` is answered, since another node may know more; any other refusal is thrown. */
async function read<T>(response: Response, url: string, notFound: string | undefined): Promise<T | Away> {
  const text = await response.text();
  const answer = parse(text);
  if (response.ok && answer !== undefined) return answer as T;
  if (response.status === 401)
    throw new Trouble(
      `${url} refuses the admin token: it is another cluster's, or HUBBUB_ADMIN_TOKEN is wrong.`,
    );
  const problem = answer as { code?: string; detail?: string } | undefined;
  if (problem?.code === "not_found" && notFound !== undefined) throw new Trouble(notFound);
  const said = problem?.detail ?? `${url} is no admin API of Hubbub (it answered ${response.status}).`;
  if (response.status === 503) return new Away(said);
  throw new Trouble(said);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
