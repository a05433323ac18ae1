/** The admin API of a running cluster, at any of its nodes. */
import { join } from "node:path";
import { describeConfig } from "../config.ts";
import { Trouble } from "../lib/trouble.ts";
import { type ClusterFile, FILES, readJson } from "../start/data-folder.ts";

const ANSWER_WITHIN_MS = 5_000;

type Door = { urls: readonly string[]; token: string };

export type AdminRequest = {
  method?: "GET" | "POST";
  /** What to say, and to do, where there is no such thing. */
  notFound?: string;
};

/** Asks the first node that answers. Throws `Trouble` when there is none, or its answer is a refusal. */
export async function askAdmin<T>(path: string, { method = "GET", notFound }: AdminRequest = {}): Promise<T> {
  const { urls, token } = findDoor();
  for (const url of urls) {
    const response = await request(`${url}/admin${path}`, method, token);
    if (response !== undefined) return read<T>(response, url, notFound);
  }
  throw new Trouble(`No node answers at ${urls.join(", ")}: is the cluster running?`);
}

/** Given by variables, or left in the data folder by `npm start`. */
function findDoor(): Door {
  const { HUBBUB_ADMIN_URL: url, HUBBUB_ADMIN_TOKEN: token } = process.env;
  if (url) {
    if (!token) throw new Trouble("HUBBUB_ADMIN_URL is set and HUBBUB_ADMIN_TOKEN is not: set both.");
    if (!URL.canParse(url))
      throw new Trouble("HUBBUB_ADMIN_URL is no URL: expected http://host:port, the metrics port of a node.");
    return { urls: [url.replace(/\/+$/, "")], token };
  }
  const dataDir = describeConfig().find(({ env }) => env === "HUBBUB_DATA_DIR")?.value ?? "";
  const file = readJson<ClusterFile>(join(dataDir, FILES.cluster));
  if (file === undefined) {
    throw new Trouble(
      `No cluster runs from ${dataDir}: run npm start, or set HUBBUB_ADMIN_URL and HUBBUB_ADMIN_TOKEN.`,
    );
  }
  if (file.metricsUrls.length === 0)
    throw new Trouble("No node of the cluster is up: see the terminal of npm start.");
  return { urls: file.metricsUrls, token: file.adminToken };
}

/** Undefined when nobody answers there. */
async function request(url: string, method: string, token: string): Promise<Response | undefined> {
  try {
    return await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch (error) {
    if (error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError"))
      return undefined;
    throw error;
  }
}

async function read<T>(response: Response, url: string, notFound: string | undefined): Promise<T> {
  const text = await response.text();
  const answer = parse(text);
  if (response.ok && answer !== undefined) return answer as T;
  if (response.status === 401)
    throw new Trouble(
      `${url} refuses the admin token: it is another cluster's, or HUBBUB_ADMIN_TOKEN is wrong.`,
    );
  const problem = answer as { code?: string; detail?: string } | undefined;
  if (problem?.code === "not_found" && notFound !== undefined) throw new Trouble(notFound);
  throw new Trouble(problem?.detail ?? `${url} is no admin API of Hubbub (it answered ${response.status}).`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
