/** A crowd with a device each on both nodes, and channels in which they meet. */
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { MessagePage } from "../../protocol/requests.ts";
import type { NewChannelRequest } from "../../protocol/rest.ts";
import { channelOf, Device, get, type Person, people } from "./people.ts";
import type { Reader } from "./reader.ts";

/** Each race is run in so many channels side by side: that one node owns all of them is one case in 128. */
const CHANNELS = 8;
/** Everyone has heard everything, on a machine that many share. */
const HEARD_WITHIN_MS = 20_000;

type Node = { url: string };

/** Those of one type, in order. */
export function ofType<T extends ChannelEvent["type"]>(
  events: readonly ChannelEvent[],
  type: T,
): Extract<ChannelEvent, { type: T }>[] {
  return events.filter((event): event is Extract<ChannelEvent, { type: T }> => event.type === type);
}

/** The person who owns every channel of the stage is the first one. */
export class Crowd {
  readonly people: readonly Person[];
  readonly nodes: readonly Node[];
  readonly #devices: readonly (readonly Device[])[];

  private constructor(nodes: readonly Node[], crowd: readonly Person[], devices: readonly Device[][]) {
    this.nodes = nodes;
    this.people = crowd;
    this.#devices = devices;
  }

  static async gather(nodes: readonly Node[], count: number): Promise<Crowd> {
    const crowd = await people(nodes, count);
    const devices = crowd.map((person) => Promise.all(nodes.map((node) => Device.connect(node, person))));
    return new Crowd(nodes, crowd, await Promise.all(devices));
  }

  /** The `p`-th person's device on the `n`-th node. */
  device(p: number, n: number): Device {
    return this.#devices[p]![n]!;
  }

  /** All devices of the first `count` people. */
  devices(count = this.people.length): Device[] {
    return this.#devices.slice(0, count).flat();
  }

  /** A new channel that the first `count` people have joined on every device. */
  async meet(count: number, channel?: Partial<NewChannelRequest>): Promise<Meeting> {
    const [owner, ...others] = this.people.slice(0, count);
    const channelId = await channelOf(this.nodes[0]!, owner!, others, channel);
    const readers = await Promise.all(this.devices(count).map((device) => device.join(channelId)));
    return new Meeting(this, channelId, readers);
  }

  /** A race in several channels at once, `n` counts them: so that owners sit on both nodes, and no two races go alike. */
  async inEach(count: number, race: (meeting: Meeting, n: number) => Promise<void>): Promise<void> {
    const meetings = await Promise.all(Array.from({ length: CHANNELS }, () => this.meet(count)));
    await Promise.all(meetings.map(race));
  }

  close(): void {
    for (const device of this.devices()) device.close();
  }
}

/** One channel, and what everyone on it holds of it. */
export class Meeting {
  readonly channelId: ChannelId;
  readonly readers: readonly Reader[];
  readonly #crowd: Crowd;

  constructor(crowd: Crowd, channelId: ChannelId, readers: readonly Reader[]) {
    this.#crowd = crowd;
    this.channelId = channelId;
    this.readers = readers;
  }

  /** Says something as the `p`-th person, and answers what it became. */
  async say(p: number, content: string): Promise<Message> {
    const { channelId } = this;
    const device = this.#crowd.device(p, p % this.#crowd.nodes.length);
    return (await device.must("message:send", { channelId, clientId: uuidv7(), content })).message;
  }

  /** Every event of the channel so far. */
  events(): Promise<ChannelEvent[]> {
    return this.#crowd.device(0, 0).history(this.channelId);
  }

  /** Resolves when every device stands at the head, and holds what REST on the other node tells the same person. */
  async agree(readers = this.readers): Promise<void> {
    const head = (await this.events()).length;
    await expect
      .poll(() => readers.map(({ fold }) => fold.seq), { timeout: HEARD_WITHIN_MS })
      .toEqual(readers.map(() => head));
    for (const [i, reader] of readers.entries()) {
      const person = this.#crowd.people.find(({ id }) => id === reader.fold.me)!;
      const other = this.#crowd.nodes[(i + 1) % this.#crowd.nodes.length]!;
      const path = `/channels/${this.channelId}/messages?limit=100`;
      const { messages } = await get<MessagePage>(other, path, person);
      // As JSON: a field that is undefined is one that is not there.
      expect(JSON.parse(JSON.stringify(reader.messages))).toEqual(messages);
    }
  }
}
