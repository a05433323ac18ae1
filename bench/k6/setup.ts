/** Makes the people and channels of a run over REST: k6's `setup`, once, before any socket opens. */
import http from "k6/http";

export type Person = { id: string; token: string };
export type Site = { people: Person[]; channelIds: string[] };

/** Registrations under way at once: each costs the server 70 ms of Argon2id. */
const BATCH = 10;

export function makeSite(nodes: string[], peopleCount: number, channelCount: number): Site {
  const run = Math.floor(Math.random() * 36 ** 6).toString(36);
  const url = (i: number, path: string) => `${nodes[i % nodes.length]}/api/v1${path}`;
  const people = inBatches(peopleCount, (i) => {
    const body = { username: `k6_${run}_${i}`, password: `load-${run}-password` };
    return post(url(i, "/auth/register"), body);
  }).map((answer) => ({ id: (answer.user as { id: string }).id, token: answer.token as string }));
  const owner = people[0].token;
  const [made] = inBatches(1, () => post(url(0, "/spaces"), { name: `Load ${run}` }, owner));
  const spaceId = (made.space as { id: string }).id;
  inBatches(peopleCount - 1, (i) => post(url(i, `/spaces/${spaceId}/join`), undefined, people[i + 1].token));
  const channels = inBatches(channelCount, (i) =>
    post(url(i, "/channels"), { kind: "topic", spaceId, name: `Topic ${i}` }, owner),
  );
  return { people, channelIds: channels.map((answer) => (answer.channel as { id: string }).id) };
}

type Request = { method: string; url: string; body: string | null; params: object };

function post(url: string, body?: object, token?: string): Request {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  return { method: "POST", url, body: body === undefined ? null : JSON.stringify(body), params: { headers } };
}

/** All must succeed: a run on half a site would prove nothing. */
function inBatches(count: number, request: (i: number) => Request): Record<string, unknown>[] {
  const answers: Record<string, unknown>[] = [];
  for (let from = 0; from < count; from += BATCH) {
    const requests = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => request(from + i));
    for (const response of http.batch(requests)) {
      if (response.status < 200 || response.status > 299) {
        throw new Error(`${response.url} answered ${response.status} ${response.error}: ${response.body}`);
      }
      answers.push(response.body ? (response.json() as Record<string, unknown>) : {});
    }
  }
  return answers;
}
