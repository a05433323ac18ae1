/** How the server ends a connection: it says why, and then does not wait for a client that does not read. */
import { CLOSINGS, type SessionClosing } from "../protocol/session.ts";
import type { Connection } from "./connections.ts";

/** For the closing word to leave and the client to close its side, milliseconds; then TCP is cut. Chosen. */
export const FAREWELL_MS = 3_000;

/**
 * Says `session:closing` and ends the connection; nothing of it is taken from here on. Where the client should come back,
 * only the transport is closed: a stock Socket.IO client reconnects by itself then, and does not after a disconnect packet.
 */
export function closeConnection(connection: Connection, closing: SessionClosing): void {
  if (connection.closing) return;
  connection.closing = closing.reason;
  const { socket, lane } = connection;
  const engine = socket.conn;
  socket.emit("session:closing", closing);
  if (CLOSINGS[closing.reason].reconnect) engine.close();
  else socket.disconnect(true);
  setTimeout(() => lane.terminate(), FAREWELL_MS).unref();
}
