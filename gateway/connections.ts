/** The live connections of this node, by user. */
import type { Socket } from "socket.io";
import type { ChannelId, ConnectionId, UserId } from "../protocol/ids.ts";
import type { SessionClosing } from "../protocol/session.ts";
import type { Frame } from "./adapter/frame.ts";
import type { Lane } from "./adapter/lane.ts";

/** One client on one socket, from `connection` to `disconnect`. */
export type Connection = {
  /** The Socket.IO socket's id. */
  readonly id: ConnectionId;
  readonly userId: UserId;
  readonly device?: string;
  readonly sinceMs: number;
  /** When the person last did something here, and when that was last told to their session actor, Unix milliseconds. */
  activeAtMs: number;
  activeToldAtMs: number;
  /** Of the token that it came with. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly socket: Socket;
  readonly lane: Lane;
  /** Channels whose rooms it is in. */
  readonly listening: Set<ChannelId>;
  /** People whose presence it watches. */
  readonly watching: Set<UserId>;
  /** Channels in which it was left behind while it could not be told. */
  readonly owedBehind: Set<ChannelId>;
  /** Notices that wait for `session:ready`; undefined once that was sent. */
  early?: Frame[];
  /** Monotonic milliseconds since which it has been over its byte budget. */
  laggingSinceMs?: number;
  /** Why the server is ending it: nothing more is taken or sent. */
  closing?: SessionClosing["reason"];
  /** The second in which events are being counted, and how many. */
  eventsSecond: number;
  eventsInSecond: number;
  /** Requests so far: names the next one in logs. */
  requests: number;
};

export class Connections {
  readonly #byId = new Map<ConnectionId, Connection>();
  readonly #byUser = new Map<UserId, Set<Connection>>();

  get size(): number {
    return this.#byId.size;
  }

  add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    const mine = this.#byUser.get(connection.userId);
    if (mine) mine.add(connection);
    else this.#byUser.set(connection.userId, new Set([connection]));
  }

  remove(connection: Connection): void {
    this.#byId.delete(connection.id);
    const mine = this.#byUser.get(connection.userId);
    mine?.delete(connection);
    if (mine?.size === 0) this.#byUser.delete(connection.userId);
  }

  get(id: ConnectionId): Connection | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Connection> {
    return this.#byId.values();
  }

  ofUser(userId: UserId): ReadonlySet<Connection> {
    return this.#byUser.get(userId) ?? NONE;
  }

  users(): Iterable<UserId> {
    return this.#byUser.keys();
  }
}

const NONE: ReadonlySet<Connection> = new Set();
