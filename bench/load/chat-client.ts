/**
 * A client as `docs/protocol.md` asks for it: resumes on another node when its own is gone, keeps an outbox, repairs
 * gaps. It keeps no messages; an observer sees everything. Runs in k6 and Node alike: nothing but timers is needed.
 */
import type { ChannelEvents } from "../../protocol/events.ts";
import type { Refusal } from "../../protocol/refusals.ts";
import type { ChannelSynced } from "../../protocol/requests.ts";
import type { SessionClosing, SessionReady } from "../../protocol/session.ts";
import { type Change, type ChannelOptions, ClientChannel } from "./client-channel.ts";
import type { HandshakeAuth, Link, OpenLink } from "./link.ts";
import type { Behind } from "./observer.ts";

export type ChatClientOptions = ChannelOptions & {
  token: string;
  /** `http://host:port` of every node; the client starts with the one at `firstNode` and goes on round. */
  nodes: readonly string[];
  firstNode: number;
  channelIds: readonly string[];
  openLink: OpenLink;
};

/** Between two tries to connect: full jitter up to this, doubled with each failure. */
const RECONNECT_MIN_MS = 500;
const RECONNECT_MAX_MS = 5_000;

export class ChatClient {
  readonly channels: ReadonlyMap<string, ClientChannel>;
  readonly #options: ChatClientOptions;
  #link: Link | undefined;
  #node: number;
  #failures = 0;
  #reconnect: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ChatClientOptions) {
    this.#options = options;
    this.#node = options.firstNode;
    this.channels = new Map(options.channelIds.map((id) => [id, new ClientChannel(id, options)]));
  }

  /** Connects, and stays connected until `stop`. */
  start(): void {
    const { nodes, token, openLink } = this.#options;
    const auth: HandshakeAuth = { token, protocol: 1 };
    for (const { id, position, entered } of this.channels.values()) {
      if (entered) auth.resume = { ...auth.resume, [id]: [position.seq, position.epoch] };
    }
    const nodeUrl = nodes[this.#node % nodes.length]!;
    const whileItStands = (run: () => void) => {
      if (link === this.#link) run();
    };
    const link: Link = openLink(nodeUrl, auth, {
      event: (name, payload) => whileItStands(() => this.#take(nodeUrl, name, payload)),
      refused: (error) => whileItStands(() => this.#refused(error as Refusal | undefined)),
      closed: (reason) => whileItStands(() => this.#lost(reason)),
    });
    this.#link = link;
  }

  /** Puts a message into the channel's outbox: sent as soon as the one before is answered. Answers its clientId. */
  send(channelId: string, content: string, threadId?: string): string {
    return this.#channel(channelId).send(content, threadId);
  }

  /** Changes what stands in the channel: one after another, each again until it is answered for good. */
  change(channelId: string, change: Change): void {
    this.#channel(channelId).change(change);
  }

  get listening(): boolean {
    return [...this.channels.values()].every((channel) => channel.listening);
  }

  /** Listens to every channel, and nothing waits. */
  get settled(): boolean {
    return [...this.channels.values()].every((channel) => channel.settled);
  }

  /** Ends the connection for good. */
  stop(): void {
    clearTimeout(this.#reconnect);
    this.#link?.close();
    this.#link = undefined;
    for (const channel of this.channels.values()) channel.detach();
  }

  #channel(channelId: string): ClientChannel {
    const channel = this.channels.get(channelId);
    if (channel === undefined) throw new Error(`not a channel of this client: ${channelId}`);
    return channel;
  }

  /** A frame of a channel that was never asked for is a fault of the server. */
  #heard(channelId: string): ClientChannel | undefined {
    const channel = this.channels.get(channelId);
    if (channel === undefined) this.#options.observer.failed?.("a frame nobody asked for", channelId);
    return channel;
  }

  #take(nodeUrl: string, name: string, payload: unknown): void {
    switch (name) {
      case "channel:events":
        this.#heard((payload as ChannelEvents).channelId)?.takeLive(payload as ChannelEvents);
        break;
      case "channel:behind":
        this.#heard((payload as Behind).channelId)?.takeBehind(payload as Behind);
        break;
      case "session:ready":
        this.#ready(nodeUrl, payload as SessionReady);
        break;
      case "session:closing": {
        const { reason, reconnectAfterMs } = payload as SessionClosing;
        this.#link?.close();
        this.#lost(reason, reconnectAfterMs);
      }
    }
  }

  #ready(nodeUrl: string, ready: SessionReady): void {
    this.#failures = 0;
    this.#options.observer.connected?.(nodeUrl, ready);
    const resumed: Record<string, ChannelSynced | undefined> = ready.resumed?.channels ?? {};
    for (const channel of this.channels.values()) {
      channel.attach(this.#link!, ready.limits.gapGraceMs, resumed[channel.id]);
    }
  }

  #refused(error: Refusal | undefined): void {
    if (error?.retry === "never") this.#options.observer.failed?.("connect", error);
    else this.#lost("refused", error?.retryAfterMs);
  }

  #lost(reason: string, afterMs = 0): void {
    this.#link = undefined;
    for (const channel of this.channels.values()) channel.detach();
    this.#options.observer.disconnected?.(reason);
    this.#node += 1;
    const capMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#reconnect = setTimeout(() => this.start(), afterMs + Math.random() * capMs);
  }
}
