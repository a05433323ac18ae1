/** The floor of every fan-out: a WebSocket server of which only the handshake is left, and TCP connections to write to. */
import type { AddressInfo, Socket as TcpSocket } from "node:net";
import { WebSocketServer } from "ws";

export type BareServer = { url: string; sockets: readonly TcpSocket[]; close(): void };

/** Answers the WebSocket handshake, says so with Socket.IO's, and leaves the TCP connections to the caller. */
export async function startBareServer(): Promise<BareServer> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  const sockets: TcpSocket[] = [];
  server.on("connection", (webSocket, { socket }) => {
    sockets.push(socket);
    webSocket.send("40{}");
  });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    close() {
      for (const webSocket of server.clients) webSocket.terminate();
      server.close();
    },
  };
}
