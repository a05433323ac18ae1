/** What people do on 0.1.0 besides talking where they are: spaces, topics, dms, joining, reading; through any node to any owner. */
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import { post } from "../../bench/load/site.ts";
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { MessagePage } from "../../protocol/requests.ts";
import type { MemberPage } from "../../protocol/rest.ts";
import { get, type Person, people } from "../cluster/people.ts";

type Node = { url: string };
type Said = { channelId: ChannelId; reader: Person; message: Message };

/** One group of people, and all that they have said in every round. */
export class Tour {
  readonly #people: readonly Person[];
  readonly #said: Said[] = [];

  private constructor(group: readonly Person[]) {
    this.#people = group;
  }

  static async start(nodes: readonly Node[]): Promise<Tour> {
    return new Tour(await people(nodes, 3));
  }

  /**
   * New places, begun on one node, entered through a second and read on a third, `nodes` in turn; then all that was ever said is
   * there on every node, as it was answered.
   */
  async round(nodes: readonly Node[]): Promise<void> {
    for (const i of nodes.keys()) {
      const [at, then, last] = [0, 1, 2].map((n) => nodes[(i + n) % nodes.length]!);
      await this.#meet(at!, then!, last!);
    }
    for (const node of nodes) for (const said of this.#said) await expectThere(node, said);
  }

  async #meet(at: Node, then: Node, last: Node): Promise<void> {
    const [ada, bob, eve] = this.#people as [Person, Person, Person];
    const { space } = await post<{ space: Channel }>(at.url, "/spaces", { name: "A space" }, ada.token);
    await post(then.url, `/spaces/${space.id}/join`, {}, bob.token);
    const topic = { kind: "topic", spaceId: space.id, name: "A topic" };
    const { channel } = await post<{ channel: Channel }>(last.url, "/channels", topic, ada.token);
    await this.#say(then, channel.id, ada, ada);
    const { channel: dm } = await post<{ channel: Channel }>(at.url, "/dm", { userId: eve.id }, bob.token);
    await this.#say(last, dm.id, bob, eve);
    await this.#say(then, dm.id, eve, bob);
    const listed = await get<{ channels: { channel: Channel }[] }>(then, "/dm", eve);
    expect(listed.channels.map((entry) => entry.channel.id)).toContain(dm.id);
    const { members } = await get<MemberPage>(last, `/spaces/${space.id}/members`, bob);
    expect(members.map(({ user }) => user.id).sort()).toEqual([ada.id, bob.id].sort());
  }

  async #say(node: Node, channelId: ChannelId, by: Person, reader: Person): Promise<void> {
    const draft = { clientId: uuidv7(), content: `said by ${by.id}` };
    const path = `/channels/${channelId}/messages`;
    const { message } = await post<{ message: Message }>(node.url, path, draft, by.token);
    this.#said.push({ channelId, reader, message });
    const again = await post<{ message: Message }>(node.url, path, { ...draft, attempt: 2 }, by.token);
    expect(again.message).toEqual(message);
  }
}

async function expectThere(node: Node, { channelId, reader, message }: Said): Promise<void> {
  const one = await get<{ message: Message }>(node, `/messages/${message.id}`, reader);
  expect(one.message).toEqual(message);
  const page = await get<MessagePage>(node, `/channels/${channelId}/messages`, reader);
  expect(page.messages.filter(({ id }) => id === message.id)).toEqual([message]);
}
