/** People and a place to talk, made over REST as any client would make them. */
import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { post } from "../../bench/load/site.ts";
import type { Channel } from "../../protocol/channel.ts";
import type { SignedIn } from "../../protocol/rest.ts";

export type Person = { id: string; username: string; displayName: string; password: string; token: string };
export type Topic = { id: string; name: string };

/** Reads of lists follow Postgres, which follows the log. */
const LISTED_WITHIN_MS = 10_000;

/** Registers someone under a name that nobody has. */
export async function register(nodeUrl: string, displayName: string): Promise<Person> {
  const username = `${displayName.toLowerCase()}_${randomBytes(4).toString("hex")}`;
  const password = `password-of-${username}`;
  const { user, token } = await post<SignedIn>(nodeUrl, "/auth/register", {
    username,
    password,
    displayName,
  });
  return { id: user.id, username, displayName, password, token };
}

/** A space that all are members of, with one topic that only the first has joined; resolves when all see both in their lists. */
export async function openTopic(
  nodeUrl: string,
  [owner, ...others]: [Person, ...Person[]],
  name: string,
): Promise<Topic> {
  const { space } = await post<{ space: Channel }>(
    nodeUrl,
    "/spaces",
    { name: `Space of ${name}` },
    owner.token,
  );
  for (const { token } of others) await post(nodeUrl, `/spaces/${space.id}/join`, {}, token);
  const { channel } = await post<{ channel: Channel }>(
    nodeUrl,
    "/channels",
    { kind: "topic", spaceId: space.id, name },
    owner.token,
  );
  for (const { token } of [owner, ...others]) {
    const listed = () => listedChannels(nodeUrl, space.id, token);
    await expect.poll(listed, { timeout: LISTED_WITHIN_MS }).toContain(channel.id);
  }
  return { id: channel.id, name };
}

/** What the page's list would show of a space; nothing while the space itself is not listed. */
async function listedChannels(nodeUrl: string, spaceId: string, token: string): Promise<string[]> {
  const { spaces } = await get<{ spaces: Channel[] }>(nodeUrl, "/spaces", token);
  if (!spaces.some(({ id }) => id === spaceId)) return [];
  const { channels } = await get<{ channels: { channel: Channel }[] }>(
    nodeUrl,
    `/channels?spaceId=${spaceId}`,
    token,
  );
  return channels.map(({ channel }) => channel.id);
}

async function get<T>(nodeUrl: string, path: string, token: string): Promise<T> {
  const response = await fetch(`${nodeUrl}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
