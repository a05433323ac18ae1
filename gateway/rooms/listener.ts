/** One connection in one room, and the doors through which a room speaks to connections. */
import type { ChannelId, ConnectionId, UserId } from "../../protocol/ids.ts";
import type { Frame } from "../adapter/frame.ts";
import type { Place } from "./position.ts";

/** What a room knows of a connection. */
export interface RoomConnection {
  readonly id: ConnectionId;
  readonly userId: UserId;
}

/**
 * `muted`: the owner is being asked, nothing is sent (rule H2). `live`: gets what the room relays. `ahead`: as live, but
 * its answer told of more than the room has relayed: gets only what lies behind `upTo`. `behind`: something was not sent;
 * it gets nothing until it has synced or opened again (rule H1).
 */
export type ListenerState = "muted" | "live" | "ahead" | "behind";

export type Listener = {
  readonly connection: RoomConnection;
  state: ListenerState;
  /** Questions to the owner that are on their way. */
  asking: number;
  /** While `muted`: where it stood before, to go back to when the owner cannot be reached. */
  before: "behind" | Place | undefined;
  /** While `ahead`: what it has been told. */
  upTo: Place | undefined;
  /** While `muted`: the last event relayed that took it away. */
  takenAt: Place | undefined;
};

/** How a room reaches connections. */
export interface Outlet {
  /** Writes the frame; false when the connection is over its byte budget: nothing was written. */
  offer(connection: RoomConnection, frame: Frame): boolean;
  /** Writes the frame where nothing else waits for the connection; false: something does, and it is dropped. */
  pass(connection: RoomConnection, frame: Frame): boolean;
  /** Tells a connection that it was left behind, where the room stands. At once, or when it can take it again. */
  tellBehind(connection: RoomConnection, channelId: ChannelId): void;
  /** This user's connections on this node. */
  connectionsOf(userId: UserId): Iterable<RoomConnection>;
  /** The connection is in the room, or no longer: subscribe, unsubscribe. */
  entered(connection: RoomConnection, channelId: ChannelId): void;
  left(connection: RoomConnection, channelId: ChannelId): void;
}
