/** Socket.IO as this gateway needs it: default path and namespace, JSON parser, no compression, our adapter. */
import { Server } from "socket.io";
import { PACKET_BYTES_MAX } from "../protocol/session.ts";
import { hubAdapter } from "./adapter/hub-adapter.ts";
import { isOriginAllowed } from "./admission.ts";
import { FAREWELL_MS } from "./closing.ts";
import { type DoorOptions, door } from "./door.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import type { Rooms } from "./rooms/rooms.ts";

/** A connection that has not joined the namespace by then is cut, milliseconds: an honest client needs one round trip. */
const JOIN_WITHIN_MS = 10_000;
/** For a pong, milliseconds; socket.io's default. */
const PONG_WITHIN_MS = 20_000;

type ServerOptions = Pick<GatewayOptions, "prefix" | "redis" | "origins" | "transports" | "heartbeatMs"> &
  Pick<DoorOptions, "line" | "turnedAway">;

/** Not attached to anything yet. `rooms` get what other nodes tell. Ready frames need JSON and no compression. */
export function createSocketServer(options: ServerOptions, rooms: Pick<Rooms, "hear" | "signal">): Server {
  const { origins, transports, heartbeatMs } = options;
  const adapter = hubAdapter({
    ...options.redis,
    channelPrefix: channelPrefixOf(options.prefix),
    onEvents: (heard) => rooms.hear(heard),
    onSignal: (heard) => rooms.signal(heard),
  });
  return new Server({
    adapter: adapter as never,
    transports: [...transports],
    perMessageDeflate: false,
    maxHttpBufferSize: PACKET_BYTES_MAX,
    pingInterval: heartbeatMs,
    pingTimeout: PONG_WITHIN_MS,
    connectTimeout: JOIN_WITHIN_MS,
    cors: { origin: origins.includes("*") ? true : [...origins] },
    allowRequest: door({
      ...options,
      isAllowed: ({ headers }) => isOriginAllowed(headers.origin, headers.host, origins),
    }),
  });
}

/** Begins the Redis channels of the adapter. */
export function channelPrefixOf(prefix: string): string {
  return `${prefix}:io`;
}

/** Once attached: polling waits for the client's next poll to say goodbye, 30 s by default. */
export function shortenFarewells(io: Server): void {
  io.engine.on("connection", ({ transport }: { transport: object }) => {
    if ("closeTimeout" in transport) transport.closeTimeout = FAREWELL_MS;
  });
}
