/** The people and channels of a run, made over REST as any client would. */
import { randomBytes } from "node:crypto";
import type { Channel } from "../../protocol/channel.ts";
import type { SignedIn } from "../../protocol/rest.ts";

export type Person = { id: string; token: string };
export type SiteChannel = { id: string; members: Person[] };
export type Site = { people: Person[]; channels: SiteChannel[] };

export type SiteOptions = {
  nodes: readonly string[];
  people: number;
  channels: number;
  membersPerChannel: number;
};

/** Requests under way at once. Registrations are most of the work: 70 ms of Argon2id each. */
const AT_ONCE = 8;
/** Before a refusal that time heals is tried again. */
const RETRY_MS = 500;
const TRIES = 40;

/** Private channels without a space, whose members are there from the start: member `m` of channel `c` is person `c × members + m`, round. */
export async function makeSite({
  nodes,
  people: count,
  channels,
  membersPerChannel,
}: SiteOptions): Promise<Site> {
  const run = randomBytes(4).toString("hex");
  const node = (i: number) => nodes[i % nodes.length]!;
  const people = await inParallel(count, async (i) => {
    const body = { username: `load_${run}_${i}`, password: `load-${run}-password` };
    const { user, token } = await post<SignedIn>(node(i), "/auth/register", body);
    return { id: user.id, token };
  });
  const made = await inParallel(channels, async (c) => {
    const members = Array.from(
      { length: membersPerChannel },
      (_, m) => people[(c * membersPerChannel + m) % count]!,
    );
    const body = {
      kind: "private",
      name: `Load ${run} ${c}`,
      memberIds: members.slice(1).map(({ id }) => id),
    };
    const { channel } = await post<{ channel: Channel }>(node(c), "/channels", body, members[0]!.token);
    return { id: channel.id as string, members };
  });
  return { people, channels: made };
}

/** A REST write under `/api/v1`. Tries again what time heals; throws on any other refusal. */
export async function post<T>(nodeUrl: string, path: string, body: object, token?: string): Promise<T> {
  for (let tries = 1; ; tries++) {
    const response = await fetch(`${nodeUrl}/api/v1${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    if (response.ok) return (await response.json()) as T;
    const problem = await response.text();
    if (response.status !== 503 || tries === TRIES)
      throw new Error(`POST ${path} answered ${response.status}: ${problem}`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** `work(0)` … `work(count - 1)`, a few at once; answers in order. */
export async function inParallel<T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) answers[i] = await work(i);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return answers;
}
