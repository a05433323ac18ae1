/**
 * Socket.IO 5 over Engine.IO 4 as text frames on a plain WebSocket: what a client of this server needs, no more. Runs in
 * k6 and in Node alike, so it imports nothing.
 */

/** What the server sends. `other` is what a client of the default namespace may pass over. */
export type Packet =
  | { kind: "handshake"; pingIntervalMs: number; pingTimeoutMs: number }
  | { kind: "ping" }
  | { kind: "connected" }
  /** `connect_error`: `data` is a refusal. */
  | { kind: "refused"; data: unknown }
  | { kind: "event"; name: string; payload: unknown }
  | { kind: "answer"; id: number; answer: unknown }
  | { kind: "closed" }
  | { kind: "other" };

const OTHER: Packet = { kind: "other" };

/** The answer to a ping. */
export const PONG = "3";

/** Where to open the WebSocket for a node at `http(s)://host:port`. */
export function websocketUrl(nodeUrl: string): string {
  return `${nodeUrl.replace(/^http/, "ws").replace(/\/$/, "")}/socket.io/?EIO=4&transport=websocket`;
}

/** Joins the default namespace; `auth` is the handshake of the protocol. */
export function connectFrame(auth: object): string {
  return `40${JSON.stringify(auth)}`;
}

/** An event that is to be answered under `id`. */
export function eventFrame(id: number, name: string, payload: object): string {
  return `42${id}${JSON.stringify([name, payload])}`;
}

/** Frames of broadcasts that are remembered: a few rooms' worth, since each comes to all their sockets at about the same time. */
const REMEMBERED_MAX = 64;
const remembered = new Map<string, Packet>();

/**
 * One text frame of the server. Throws on what is not JSON where JSON must stand. The same `channel:events` arrives at
 * every socket of a room: it is parsed once, and what comes out is shared, so nobody may change it.
 */
export function parseFrame(frame: string): Packet {
  if (!frame.startsWith('42["channel:events"')) return parse(frame);
  const known = remembered.get(frame);
  if (known !== undefined) return known;
  const packet = parse(frame);
  if (remembered.size === REMEMBERED_MAX) remembered.delete(remembered.keys().next().value!);
  remembered.set(frame, packet);
  return packet;
}

function parse(frame: string): Packet {
  switch (frame[0]) {
    case "0": {
      const { pingInterval, pingTimeout } = JSON.parse(frame.slice(1)) as {
        pingInterval: number;
        pingTimeout: number;
      };
      return { kind: "handshake", pingIntervalMs: pingInterval, pingTimeoutMs: pingTimeout };
    }
    case "1":
      return { kind: "closed" };
    case "2":
      return { kind: "ping" };
    case "4":
      return parseMessage(frame);
    default:
      return OTHER;
  }
}

function parseMessage(frame: string): Packet {
  switch (frame[1]) {
    case "0":
      return { kind: "connected" };
    case "1":
      return { kind: "closed" };
    case "2": {
      const [name, payload] = JSON.parse(frame.slice(frame.indexOf("["))) as [string, unknown];
      return { kind: "event", name, payload };
    }
    case "3": {
      const at = frame.indexOf("[");
      const [answer] = JSON.parse(frame.slice(at)) as [unknown];
      return { kind: "answer", id: Number(frame.slice(2, at)), answer };
    }
    case "4":
      return { kind: "refused", data: (JSON.parse(frame.slice(2)) as { data?: unknown }).data };
    default:
      return OTHER;
  }
}
