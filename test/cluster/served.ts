/** What the server tells a person of a channel at the end, over REST and from the beginning: what every fold must be. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Person } from "../../bench/load/site.ts";
import type { Message } from "../../protocol/message.ts";
import type { MessagePage } from "../../protocol/requests.ts";
import type { ChannelEntry, ThreadPage } from "../../protocol/rest.ts";
import type { Served } from "../checker/history.ts";

/** Before an answer that time heals is asked for again, and how often. */
const AGAIN_MS = 250;
const TRIES = 40;

/** Asked one after another, from the first: one that is gone, or cannot answer now, is passed over. */
type Nodes = readonly string[];

/** All messages, replies in threads among them, and the list of pins, as this person reads them. */
export async function served(nodes: Nodes, person: Person, channelId: string): Promise<Served> {
  const outside = await pagesOf(nodes, person, `/channels/${channelId}/messages`);
  const messages: Message[] = [...outside];
  for (const { id, replyCount } of outside)
    if (replyCount > 0) messages.push(...(await pagesOf(nodes, person, `/threads/${id}/messages`)));
  const pins = await get<{ messages: Message[] }>(nodes, `/channels/${channelId}/pins`, person);
  const pinned = pins.messages.map(({ id }) => id as string);
  const unread = await unreadOf(nodes, person, channelId);
  messages.sort((a, b) => a.seq - b.seq);
  return { what: "served", client: person.id, channelId, messages, pinned, unread };
}

/** As the list of channels says it. */
export async function unreadOf(nodes: Nodes, person: Person, channelId: string): Promise<number> {
  const { channels } = await get<{ channels: ChannelEntry[] }>(nodes, "/channels", person);
  return channels.find(({ channel }) => channel.id === channelId)?.unread ?? Number.NaN;
}

async function pagesOf(nodes: Nodes, person: Person, path: string): Promise<Message[]> {
  const messages: Message[] = [];
  for (let older: string | undefined = ""; older !== undefined; ) {
    const before: string = older === "" ? "" : `&before=${older}`;
    const page = await get<MessagePage | ThreadPage>(nodes, `${path}?limit=100${before}`, person);
    messages.unshift(...page.messages);
    older = page.older;
  }
  return messages;
}

/** `GET` under `/api/v1`, again while time may heal the refusal. */
async function get<T>(nodes: Nodes, path: string, { token }: Person): Promise<T> {
  for (let tries = 0; ; tries++) {
    const url = `${nodes[tries % nodes.length]}/api/v1${path}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } }).catch(gone);
    if (response?.ok) return (await response.json()) as T;
    if (tries === TRIES || (response && response.status !== 503))
      throw new Error(`GET ${path} answered ${response?.status}: ${await response?.text()}`);
    await sleep(AGAIN_MS);
  }
}

/** What `fetch` throws where nobody listens. */
function gone(error: unknown): undefined {
  if (!(error instanceof TypeError)) throw error;
}
