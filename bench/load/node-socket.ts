/** Bare WebSockets in Node: what a load generator on the same machine can afford by the thousand. */
import { WebSocket } from "ws";
import type { OpenRawSocket } from "./link.ts";

/** A try to connect that takes longer has failed. */
const HANDSHAKE_MS = 10_000;

export const openNodeSocket: OpenRawSocket = (url, on) => {
  const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS });
  // Text arrives as one Buffer; the server sends no binary.
  socket.on("message", (data) => on.message(data.toString()));
  socket.on("close", () => on.closed("transport"));
  socket.on("error", () => on.closed("transport"));
  return {
    send(text) {
      // What is written while it closes is lost with it, as on any connection.
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
};
