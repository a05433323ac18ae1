/** From an admitted socket to a connection, and to its end: `session:ready`, requests, expiry, revocation. */

import type { Logger } from "pino";
import type { Server, Socket } from "socket.io";
import type { Clock } from "../actors/ports.ts";
import type { ConnectionId, UserId } from "../protocol/ids.ts";
import type { Metrics } from "../src/telemetry/metrics.ts";
import { type EngineConnection, laneOf } from "./adapter/lane.ts";
import type { Admitted } from "./admission.ts";
import type { Attachments } from "./attachments.ts";
import { closeConnection } from "./closing.ts";
import type { Connection, Connections } from "./connections.ts";
import type { BudgetedOutlet } from "./outlet.ts";
import type { Watches } from "./presence.ts";
import type { Bystanders } from "./rooms/bystanders.ts";
import type { Rooms } from "./rooms/rooms.ts";
import { type ReadyOptions, sayReady } from "./session-ready.ts";

/** How often tokens are looked at: they expire at most this late. */
const EXPIRY_SWEEP_MS = 1_000;

export type SessionsOptions = {
  io: Server;
  admitted: WeakMap<Socket, Admitted>;
  connections: Connections;
  rooms: Rooms;
  outlet: BudgetedOutlet;
  attachments: Attachments;
  watches: Watches;
  bystanders: Pick<Bystanders, "gone">;
  clock: Clock;
  ready: ReadyOptions;
  dispatch(connection: Connection, packet: readonly unknown[]): void;
  isRevoked(token: { userId: UserId; issuedAtMs: number }): boolean;
  /** Connections of one user on this node; one more takes the place of the oldest. */
  connectionsPerUser: number;
  metrics: Pick<Metrics, "connections" | "disconnects">;
  log: Logger;
};

/** Starts serving sockets of `io`. */
export function serveSessions(options: SessionsOptions): { close(): void } {
  const { io, connections, clock } = options;
  io.on("connection", (socket) => begin(socket, options));
  const timer = setInterval(() => {
    const nowMs = clock.nowMs();
    for (const connection of connections.all())
      if (connection.expiresAtMs <= nowMs) closeConnection(connection, { reason: "expired" });
  }, EXPIRY_SWEEP_MS).unref();
  return { close: () => clearInterval(timer) };
}

function begin(socket: Socket, options: SessionsOptions): void {
  const { admitted, connections, attachments, dispatch, isRevoked, log } = options;
  const { token, handshake, leave } = admitted.get(socket)!;
  const engine = socket.conn as unknown as EngineConnection;
  const sinceMs = options.clock.nowMs();
  const connection: Connection = {
    id: socket.id as ConnectionId,
    userId: token.userId,
    device: handshake.device,
    sinceMs,
    activeAtMs: sinceMs,
    activeToldAtMs: sinceMs,
    issuedAtMs: token.issuedAtMs,
    expiresAtMs: token.expiresAtMs,
    socket,
    lane: laneOf(engine),
    listening: new Set(),
    watching: new Set(),
    owedBehind: new Set(),
    early: [],
    eventsSecond: 0,
    eventsInSecond: 0,
    requests: 0,
  };
  forgetHandshake(socket, engine);
  makeRoom(connection.userId, options);
  connections.add(connection);
  // Every event goes one way, whatever its name: nothing a client sends becomes an event of ours.
  socket.use((packet) => {
    attachments.active(connection);
    dispatch(connection, packet);
  });
  // What the parser cannot read; the engine closes right behind this.
  socket.on("error", () => closeConnection(connection, { reason: "policy" }));
  socket.on("disconnect", (reason) => end(connection, reason, options));
  countTransport(engine, options.metrics);
  attachments.changed(connection.userId);
  // Between the judge and here a revocation may have been read.
  if (isRevoked(token)) closeConnection(connection, { reason: "revoked" });
  else
    sayReady(connection, handshake.resume, { ...options.ready, known: leave }).catch((error: unknown) => {
      log.error({ err: error, connectionId: connection.id }, "session not ready");
      closeConnection(connection, { reason: "drain", reconnectAfterMs: 1_000 });
    });
}

/** The oldest connection of a user who has as many as one may have ends. */
function makeRoom(userId: UserId, { connections, connectionsPerUser }: SessionsOptions): void {
  // Those that are closing have not gone yet: they hold no place.
  const open = [...connections.ofUser(userId)].filter(({ closing }) => !closing);
  if (open.length >= connectionsPerUser) closeConnection(open[0]!, { reason: "replaced" });
}

function end(connection: Connection, reason: string, options: SessionsOptions): void {
  const { connections, rooms, outlet, attachments, watches, bystanders, metrics } = options;
  metrics.disconnects.inc({ reason: connection.closing ?? reason });
  for (const channelId of [...connection.listening]) rooms.leave(connection, channelId);
  outlet.forget(connection);
  watches.forget(connection);
  connections.remove(connection);
  if (connections.ofUser(connection.userId).size === 0) bystanders.gone(connection.userId);
  attachments.changed(connection.userId);
  // A client that leaves the namespace and keeps the transport would be a connection that nobody counts.
  if (reason === "client namespace disconnect") connection.socket.conn.close();
}

/** The first request (2 KB) and the handshake, token included, are not kept for the life of a connection. */
function forgetHandshake(socket: Socket, engine: EngineConnection): void {
  engine.request = undefined;
  const { address, issued, secure, time, url, xdomain } = socket.handshake;
  const kept = { address, issued, secure, time, url, xdomain, headers: {}, query: {}, auth: {} };
  Object.assign(socket, { handshake: kept });
}

function countTransport(engine: EngineConnection, { connections }: Pick<Metrics, "connections">): void {
  let transport = engine.transport.name;
  connections.inc({ transport });
  engine.once("upgrade", () => {
    connections.dec({ transport });
    transport = engine.transport.name;
    connections.inc({ transport });
  });
  engine.once("close", () => connections.dec({ transport }));
}
