/** The rooms of this node: one per channel that someone here listens to. */
import type { ChannelSignal, Clock, Router } from "../../actors/ports.ts";
import type { ChannelEvents } from "../../protocol/events.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { Heads } from "./heads.ts";
import type { Listener, Outlet, RoomConnection } from "./listener.ts";
import type { Place } from "./position.ts";
import { Room, type RoomMeter } from "./room.ts";

/** Between two rounds of asking all heads (rule H1). */
const HEADS_EVERY_MS = 30_000;

export type RoomsOptions = {
  router: Router;
  clock: Clock;
  outlet: Outlet;
  meter: RoomMeter;
  /** See `RoomOptions`. */
  gapGraceMs: number;
  /** Bytes (about) that the rings of all rooms hold together. */
  ringsMaxBytes: number;
  shardOf(id: string): number;
  renew(channelId: ChannelId): void;
};

/** A question to the owner on behalf of a connection that wants in (rule H2). Exactly one of its methods ends it. */
export interface Entry {
  /** Does what was relayed since allow what the owner answered for `answered`? */
  allows(answered: Place): boolean;
  /** The answer has been sent: from now on the connection gets what follows `answered`. */
  open(answered: Place): void;
  /** The answer has been sent, but the connection must fetch more first. */
  openBehind(answered: Place): void;
  /** The owner said no: out. */
  refuse(): void;
  /** The owner could not be reached: as it was before. */
  withdraw(): void;
  /** The room that the connection is in. */
  readonly room: Room;
}

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<ChannelId, Room>();
  readonly #heads: Heads;
  readonly #budget: { usedBytes: number; readonly maxBytes: number };
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#budget = { usedBytes: 0, maxBytes: options.ringsMaxBytes };
    this.#heads = new Heads(options.router, (id, place) => this.#rooms.get(id)?.heardHead(place));
  }

  get(channelId: ChannelId): Room | undefined {
    return this.#rooms.get(channelId);
  }

  /** Connections in the channel's room on this node. */
  listeners(channelId: ChannelId): number {
    return this.#rooms.get(channelId)?.size ?? 0;
  }

  /** What a node says about a channel. Nothing happens where nobody listens. */
  hear(envelope: ChannelEvents): void {
    this.#rooms.get(envelope.channelId)?.hear(envelope);
  }

  /** To those who listen to the channel here, and can take it at once. */
  signal({ event, payload }: ChannelSignal): void {
    const room = this.#rooms.get(payload.channelId);
    room?.signal(event, payload);
  }

  /** Out of every room of this space's channels that the connection is in (rule E1). */
  putOut(
    { userId, listening }: RoomConnection & { listening: Iterable<ChannelId> },
    spaceId: ChannelId,
  ): void {
    for (const channelId of [...listening]) {
      const room = this.#rooms.get(channelId);
      if (room?.about.spaceId === spaceId) room.putOut(userId);
    }
  }

  /** Into the room, muted. */
  enter(connection: RoomConnection, channelId: ChannelId): Entry {
    const room = this.#rooms.get(channelId) ?? this.#create(channelId);
    return entryOf(room, room.enter(connection));
  }

  leave(connection: RoomConnection, channelId: ChannelId): void {
    this.#rooms.get(channelId)?.drop(connection);
  }

  /** Redis confirmed this room's subscription: what was said before it was not heard. */
  subscribed(channelId: ChannelId): void {
    if (this.#rooms.has(channelId)) this.#heads.ask([channelId]);
  }

  /** The shards have other owners, and perhaps other histories. */
  onShardsMoved(shards: Iterable<number>): void {
    const moved = new Set(shards);
    this.#heads.ask([...this.#rooms.keys()].filter((id) => moved.has(this.#options.shardOf(id))));
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      const nowMs = this.#options.clock.nowMs();
      for (const room of this.#rooms.values()) room.expire(nowMs);
      this.#heads.ask(this.#rooms.keys());
    }, HEADS_EVERY_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#heads.close();
    for (const room of this.#rooms.values()) room.close();
    this.#rooms.clear();
  }

  #create(channelId: ChannelId): Room {
    const { router, clock, outlet, meter, gapGraceMs, renew } = this.#options;
    const emptied = (room: Room) => {
      if (this.#rooms.get(channelId) === room) this.#rooms.delete(channelId);
      room.close();
    };
    const budget = this.#budget;
    const room = new Room(channelId, { router, clock, outlet, meter, gapGraceMs, renew, budget, emptied });
    this.#rooms.set(channelId, room);
    return room;
  }
}

function entryOf(room: Room, listener: Listener): Entry {
  return {
    room,
    allows: (answered) => !room.isTaken(listener, answered),
    open: (answered) => room.open(listener, answered),
    openBehind: (answered) => room.openBehind(listener, answered),
    refuse: () => room.refuse(listener),
    withdraw: () => room.withdraw(listener),
  };
}
