/** One connection to one node, whatever carries it: a bare WebSocket in Node or k6, or the official client in tests. */
import type { RequestName } from "../../protocol/requests.ts";
import type { Handshake } from "../../protocol/session.ts";
import { connectFrame, eventFrame, PONG, parseFrame, websocketUrl } from "../k6/socket-io.ts";

/** What the other end does. Nothing comes after `closed`. */
export type LinkEvents = {
  event(name: string, payload: unknown): void;
  /** The handshake was refused: `error` is a refusal where the server gave one. */
  refused(error: unknown): void;
  closed(reason: string): void;
};

export type Link = {
  /** `onAnswer` is called at most once, never after the link has closed. */
  emit(name: RequestName, payload: object, onAnswer: (answer: unknown) => void): void;
  /** Ends the connection from this side; `closed` is not called for it. */
  close(): void;
};

export type OpenLink = (nodeUrl: string, auth: HandshakeAuth, on: LinkEvents) => Link;
/** The handshake as a client writes it: ids are plain strings there. */
export type HandshakeAuth = Pick<Handshake, "token" | "protocol"> & {
  resume?: Record<string, [number, number]>;
};

/** A WebSocket that carries text, as `ws` and k6 both offer it. */
export type RawSocket = { send(text: string): void; close(): void };
export type OpenRawSocket = (
  url: string,
  on: { message(text: string): void; closed(reason: string): void },
) => RawSocket;

/** The cheapest link: Socket.IO's text frames written and read by hand. */
export function rawLink(openSocket: OpenRawSocket): OpenLink {
  return (nodeUrl, auth, on) => {
    const answers = new Map<number, (answer: unknown) => void>();
    let nextId = 0;
    let silence: ReturnType<typeof setTimeout> | undefined;
    let over = false;

    const end = (tell: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(silence);
      tell();
    };
    const hear = (withinMs: number) => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        socket.close();
        end(() => on.closed("heartbeat"));
      }, withinMs);
    };
    let heartbeatMs = 60_000; // until the handshake says it
    const take = (text: string) => {
      const packet = parseFrame(text);
      if (packet.kind === "handshake") {
        heartbeatMs = packet.pingIntervalMs + packet.pingTimeoutMs;
        socket.send(connectFrame(auth));
        hear(heartbeatMs);
      } else if (packet.kind === "ping") {
        socket.send(PONG);
        hear(heartbeatMs);
      } else if (packet.kind === "event") on.event(packet.name, packet.payload);
      else if (packet.kind === "answer") {
        const onAnswer = answers.get(packet.id);
        answers.delete(packet.id);
        onAnswer?.(packet.answer);
      } else if (packet.kind === "refused") {
        socket.close();
        end(() => on.refused(packet.data));
      } else if (packet.kind === "closed") {
        socket.close();
        end(() => on.closed("server"));
      }
    };
    const socket = openSocket(websocketUrl(nodeUrl), {
      message: (text) => {
        if (!over) take(text);
      },
      closed: (reason) => end(() => on.closed(reason)),
    });
    hear(heartbeatMs);
    return {
      emit(name, payload, onAnswer) {
        if (over) return;
        answers.set(++nextId, onAnswer);
        socket.send(eventFrame(nextId, name, payload));
      },
      close() {
        end(() => socket.close());
      },
    };
  };
}
