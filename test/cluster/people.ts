/** People with sockets and REST on the nodes of a cluster: for what several of them do at once. */
import { randomBytes } from "node:crypto";
import { io, type Socket } from "socket.io-client";
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import type * as z from "zod";
import { post } from "../../bench/load/site.ts";
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelEvent, ChannelEvents } from "../../protocol/events.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { AnswerOf, REQUESTS, RequestName } from "../../protocol/requests.ts";
import type { NewChannelRequest, SignedIn } from "../../protocol/rest.ts";
import { Reader } from "./reader.ts";

/** Longer than any answer of the server takes: it says `unavailable` before. */
const ANSWERED_WITHIN_MS = 10_000;

type RequestOf<E extends RequestName> = z.input<(typeof REQUESTS)[E]["request"]>;

/** One connection of a person to one node. Every frame is kept as it came, and folded. */
export class Device {
  readonly me: UserId;
  readonly #node: { url: string };
  readonly #person: Person;
  readonly frames: ChannelEvents[] = [];
  readonly #socket: Socket;
  readonly #readers = new Map<string, Reader>();

  private constructor(node: { url: string }, person: Person, socket: Socket) {
    this.me = person.id;
    this.#node = node;
    this.#person = person;
    this.#socket = socket;
    socket.on("channel:events", (frame: ChannelEvents) => this.#take(frame));
    socket.on("channel:behind", ({ channelId }: { channelId: ChannelId }) => {
      const reader = this.#readers.get(channelId);
      if (reader && reader.fold.seq > 0) this.#catchUp(channelId).catch((error) => this.#unlessClosed(error));
    });
  }

  /** Resolves when the session is ready. */
  static async connect(node: { url: string }, person: Person): Promise<Device> {
    const socket = io(node.url, {
      transports: ["websocket"],
      forceNew: true,
      reconnection: false,
      auth: { token: person.token, protocol: 1 },
    });
    const device = new Device(node, person, socket);
    await new Promise((resolve, reject) =>
      socket.once("session:ready", resolve).once("connect_error", reject),
    );
    return device;
  }

  ask<E extends RequestName>(event: E, payload: RequestOf<E>): Promise<Answer<AnswerOf<E>>> {
    return this.#socket.timeout(ANSWERED_WITHIN_MS).emitWithAck(event, payload);
  }

  /** The same where no is not an answer. */
  async must<E extends RequestName>(event: E, payload: RequestOf<E>): Promise<AnswerOf<E>> {
    const answer = await this.ask(event, payload);
    if (!answer.ok) throw new Error(`${event}: ${JSON.stringify(answer.error)}`);
    return answer;
  }

  /** Joins where need be, listens, and folds from here on. */
  async join(channelId: ChannelId): Promise<Reader> {
    const reader = new Reader(this.me);
    this.#readers.set(channelId, reader);
    const early = this.frames.length;
    const opened = await this.must("channel:join", { channelId });
    reader.open(opened);
    for (const frame of this.frames.slice(early)) if (frame.channelId === channelId) fold(reader, frame);
    // It may have been left behind while it came in.
    await this.#catchUp(channelId);
    return reader;
  }

  send(channelId: ChannelId, content: string) {
    return this.ask("message:send", { channelId, clientId: uuidv7(), content });
  }

  /**
   * Every event of the channel so far, gapless. An answer has events of one reign, and to who listens it tells no more than
   * their node has relayed: so the head is asked of the owner.
   */
  async history(channelId: ChannelId): Promise<ChannelEvent[]> {
    const path = `/channels/${channelId}`;
    const { channel } = await get<{ channel: Channel }>(this.#node, path, this.#person);
    const events: ChannelEvent[] = [];
    const endMs = performance.now() + ANSWERED_WITHIN_MS;
    while (events.length < channel.seq && performance.now() < endMs) {
      const told = await this.must("channel:sync", { channelId, afterSeq: events.length });
      expect(told.reset, "too far back").toBeUndefined();
      events.push(...told.events);
    }
    expect(events.length, "up to the head").toBeGreaterThanOrEqual(channel.seq);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    return events;
  }

  /** Every event of this channel that has come to this connection, in the order in which they came. */
  heard(channelId: ChannelId): ChannelEvent[] {
    return this.frames.filter((frame) => frame.channelId === channelId).flatMap(({ events }) => events);
  }

  close(): void {
    this.#socket.disconnect();
  }

  /** It was skipped forward: what it missed comes as one difference (rule H1). */
  async #catchUp(channelId: ChannelId): Promise<void> {
    const reader = this.#readers.get(channelId)!;
    const afterSeq = reader.fold.seq;
    const { events, epoch, more } = await this.must("channel:sync", { channelId, afterSeq });
    fold(reader, { epoch, events });
    if (more) await this.#catchUp(channelId);
  }

  /** Nobody waits for an answer on a connection that the test has closed. */
  #unlessClosed(error: unknown): void {
    if (this.#socket.connected) throw error;
  }

  #take(frame: ChannelEvents): void {
    this.frames.push(frame);
    const reader = this.#readers.get(frame.channelId);
    if (reader && reader.fold.seq > 0) fold(reader, frame);
  }
}

/** A socket gets a channel's events in order and once: anything else throws in the fold. */
function fold(reader: Reader, { epoch, events }: Pick<ChannelEvents, "epoch" | "events">): void {
  for (const event of events) if (event.seq > reader.fold.seq) reader.take(epoch, event);
}

export type Person = { id: UserId; token: string };

/** Registers people, a few at once. */
export function people(nodes: readonly { url: string }[], count: number): Promise<Person[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const username = `p_${randomBytes(5).toString("hex")}`;
      const account = { username, password: `password-of-${username}` };
      const { user, token } = await post<SignedIn>(nodes[i % nodes.length]!.url, "/auth/register", account);
      return { id: user.id, token };
    }),
  );
}

/** A channel of `owner` where the others have only been asked in. */
export async function channelOf(
  node: { url: string },
  owner: Person,
  others: readonly Person[],
  channel: Partial<NewChannelRequest> = {},
): Promise<ChannelId> {
  const memberIds = others.map(({ id }) => id);
  const body = { kind: "private", name: "At once", memberIds, ...channel };
  const made = await post<{ channel: { id: ChannelId } }>(node.url, "/channels", body, owner.token);
  return made.channel.id;
}

/** `GET` under `/api/v1`. Throws where the answer is no. */
export async function get<T>(node: { url: string }, path: string, { token }: { token: string }): Promise<T> {
  const response = await fetch(`${node.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
