/**
 * `@socket.io/redis-adapter`, sharded, with our own way for `channel:events` and signals: whatever another node says about a
 * channel goes to the rooms, which put it in order and write it out, instead of to `super.broadcast`. Its class is not exported,
 * so methods are replaced on the instance. All else (rooms, `io.to().emit`) stays the library's.
 */
import { createShardedAdapter } from "@socket.io/redis-adapter";
import type { Server } from "socket.io";
import type { ChannelSignal } from "../../actors/ports.ts";
import type { ChannelEvents } from "../../protocol/events.ts";
import type { RedisClient } from "./subscriptions.ts";

/** `MessageType.BROADCAST` of socket.io-adapter 2.5. */
const BROADCAST = 3;
const EVENT_PACKET = 2;
const EVENTS = "channel:events";
const SIGNALS: readonly unknown[] = ["typing", "receipts"] satisfies ChannelSignal["event"][];

type BroadcastMessage = {
  type: number;
  uid: string;
  data: { packet: { data?: unknown[] }; opts: { rooms: string[] } };
};
/** What we use of the adapter's instance; `protected` in its types. */
type ShardedAdapter = {
  readonly uid: string;
  onMessage(message: BroadcastMessage): void;
  publishAndReturnOffset(message: object): Promise<string>;
};

export type HubAdapterOptions = {
  publisher: RedisClient;
  /** Its subscriptions are watched by `Subscriptions`. */
  subscriber: RedisClient;
  /** `<prefix>:io`. */
  channelPrefix: string;
  /** What another node told this one. */
  onEvents(heard: ChannelEvents): void;
  onSignal(heard: ChannelSignal): void;
};

/** The adapter for `new Server({ adapter })`, which calls it with `new`: hence a `function`. */
export function hubAdapter(options: HubAdapterOptions): (namespace: unknown) => object {
  const { publisher, subscriber, channelPrefix, onEvents, onSignal } = options;
  const create = createShardedAdapter(publisher, subscriber, { channelPrefix, subscriptionMode: "dynamic" });
  return function HubAdapter(namespace: unknown): object {
    const adapter = create(namespace) as unknown as ShardedAdapter;
    const onMessage = adapter.onMessage.bind(adapter);
    adapter.onMessage = (message) => {
      const data = message.type === BROADCAST ? message.data.packet.data : undefined;
      const isOurs = message.uid === adapter.uid;
      if (data?.[0] === EVENTS) isOurs || onEvents(data[1] as ChannelEvents);
      else if (SIGNALS.includes(data?.[0]))
        isOurs || onSignal({ event: data![0], payload: data![1] } as ChannelSignal);
      else onMessage(message);
    };
    return adapter;
  };
}

/** Tells the other nodes that have listeners there. Rejects when Redis did not take it. */
export function publishEvents(io: Server, envelope: ChannelEvents): Promise<void> {
  return publish(io, EVENTS, envelope);
}

/** As `publishEvents`. */
export function publishSignal(io: Server, { event, payload }: ChannelSignal): Promise<void> {
  return publish(io, event, payload);
}

async function publish(io: Server, event: string, payload: { channelId: string }): Promise<void> {
  const adapter = io.of("/").adapter as unknown as ShardedAdapter;
  const packet = { type: EVENT_PACKET, nsp: "/", data: [event, payload] };
  const opts = { rooms: [roomName(payload.channelId)], except: [], flags: {} };
  await adapter.publishAndReturnOffset({ type: BROADCAST, data: { packet, opts } });
}

/** A channel's room is its id: 36 characters (the adapter takes 20 for a socket's id). */
export function roomName(channelId: string): string {
  return channelId;
}

/** The channel whose room a Redis channel of the adapter serves; undefined for the adapter's own channels. */
export function roomOfSubscription(channelPrefix: string, subscription: string): string | undefined {
  const start = `${channelPrefix}#/#`;
  if (!subscription.startsWith(start) || !subscription.endsWith("#")) return undefined;
  const room = subscription.slice(start.length, -1);
  return room.length === 36 ? room : undefined;
}

/** The Redis channel of a room. */
export function subscriptionOfRoom(channelPrefix: string, room: string): string {
  return `${channelPrefix}#/#${room}#`;
}
