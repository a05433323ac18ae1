/** Demo people and channels, made through a running node's API as any client would make them. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { FILES, readJson, writePrivate } from "./data-folder.ts";

const ANSWER_WITHIN_MS = 10_000;

export type DemoPerson = { id: string; username: string; displayName: string; password: string };

/** Drawn once, ids included, so that a first run that was cut short is simply done again. */
type DemoPlan = {
  people: [DemoPerson, DemoPerson];
  spaceId: string;
  topics: { id: string; name: string; welcome: string }[];
  done: boolean;
};

/** The demo's people; made with a space, two topics that both have joined, and their dm, when they are not there yet. */
export async function ensureDemo(dataDir: string, url: string): Promise<DemoPerson[]> {
  const path = join(dataDir, FILES.demo);
  const plan = readJson<DemoPlan>(path) ?? drawPlan();
  if (plan.done) return plan.people;
  writePrivate(path, plan);
  await make(plan, url);
  writePrivate(path, { ...plan, done: true });
  return plan.people;
}

function drawPlan(): DemoPlan {
  const person = (username: string, displayName: string): DemoPerson => ({
    id: uuidv7(),
    username,
    displayName,
    password: randomBytes(9).toString("base64url"),
  });
  return {
    people: [person("ada", "Ada"), person("bob", "Bob")],
    spaceId: uuidv7(),
    topics: [
      {
        id: uuidv7(),
        name: "general",
        welcome: "Welcome to **Hubbub**. Open this page in a second browser as Bob, and talk.",
      },
      { id: uuidv7(), name: "random", welcome: "Whatever fits nowhere else." },
    ],
    done: false,
  };
}

async function make({ people: [ada, bob], spaceId, topics }: DemoPlan, url: string): Promise<void> {
  const api = `${url}/api/v1`;
  const adasToken = await signUp(api, ada);
  const bobsToken = await signUp(api, bob);
  await post(api, "/spaces", adasToken, { id: spaceId, name: "Demo", description: "Made by npm start" });
  await post(api, `/spaces/${spaceId}/join`, bobsToken, {});
  for (const { id, name } of topics)
    await post(api, "/channels", adasToken, { id, kind: "topic", spaceId, name });
  await joinAll(
    url,
    bobsToken,
    topics.map(({ id }) => id),
  );
  for (const { id, welcome } of topics)
    await post(api, `/channels/${id}/messages`, adasToken, { clientId: uuidv7(), content: welcome });
  await post(api, "/dm", adasToken, { userId: bob.id });
}

async function signUp(api: string, { id, username, displayName, password }: DemoPerson): Promise<string> {
  const { token } = await post(api, "/auth/register", undefined, { id, username, displayName, password });
  return String(token);
}

async function post(
  api: string,
  path: string,
  token: string | undefined,
  body: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(api + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok)
    throw new Error(`POST ${path} was answered ${response.status} ${answer.code}: ${answer.detail}`);
  return answer;
}

/** Topics are joined over the socket. */
async function joinAll(url: string, token: string, channelIds: readonly string[]): Promise<void> {
  const { io } = await import("socket.io-client");
  const socket = io(url, {
    auth: { token, protocol: 1 },
    transports: ["websocket"],
    reconnection: false,
    forceNew: true,
  });
  try {
    for (const channelId of channelIds) {
      const answer = await socket.timeout(ANSWER_WITHIN_MS).emitWithAck("channel:join", { channelId });
      if (!answer.ok)
        throw new Error(`channel:join was answered ${answer.error.code}: ${answer.error.message}`);
    }
  } finally {
    socket.disconnect();
  }
}
