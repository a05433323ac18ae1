/**
 * The way of ready frames to one connection. A frame goes straight to the TCP socket while the transport is a WebSocket
 * with nothing before it, else through engine.io's queue; so order is kept, and 1,000 recipients cost 1,000 writes and
 * nothing more. What waits is counted in bytes, on both ways.
 */
import type { EventEmitter } from "node:events";
import type { Socket as TcpSocket } from "node:net";
import type { Frame } from "./frame.ts";

/** The parts of engine.io's `Socket` that a lane touches; some are private in its types. */
export interface EngineConnection extends EventEmitter {
  readonly readyState: "opening" | "open" | "closing" | "closed";
  readonly transport: EngineTransport;
  /** Read only while the handshake is judged; dropped afterwards. */
  request: unknown;
  write(data: string, options: Frame["options"]): unknown;
  close(discard?: boolean): unknown;
}
interface EngineTransport {
  readonly name: string;
  readonly writable: boolean;
  /** ws's `WebSocket`, where the transport is one. */
  readonly socket?: { readonly _socket: TcpSocket | null; terminate(): void };
}
type EnginePacket = { data?: string | Buffer };

const lanes = new WeakMap<object, Lane>();

/** The one lane of an Engine.IO connection: it counts from the first time that anyone asks for it. */
export function laneOf(connection: EngineConnection): Lane {
  const lane = lanes.get(connection) ?? new Lane(connection);
  lanes.set(connection, lane);
  return lane;
}

export class Lane {
  readonly #connection: EngineConnection;
  /** The transport whose TCP socket `#tcp` is: it changes when polling is upgraded. */
  #transport: EngineTransport | undefined;
  #tcp: TcpSocket | undefined;
  /** Bytes (of text: UTF-16 units) in engine.io's queue. */
  #queued = 0;

  constructor(connection: EngineConnection) {
    this.#connection = connection;
    connection.on("packetCreate", (packet: EnginePacket) => {
      this.#queued += packet.data?.length ?? 0;
    });
    connection.on("flush", () => {
      this.#queued = 0;
    });
  }

  /** Bytes that were handed over and have not left: the TCP socket's and engine.io's. */
  backlogBytes(): number {
    return (this.#socket()?.writableLength ?? 0) + this.#queued;
  }

  /** As `write`, unless more than `budgetBytes` wait already: then nothing is written, and it answers false. */
  offer(frame: Frame, budgetBytes: number): boolean {
    const tcp = this.#socket();
    if ((tcp === undefined ? 0 : tcp.writableLength) + this.#queued > budgetBytes) return false;
    this.#put(frame, tcp);
    return true;
  }

  /** Hands the frame over, in order with all that was before it. Dropped when the connection is not open. */
  write(frame: Frame): void {
    this.#put(frame, this.#socket());
  }

  /** Ends the TCP connection without waiting for the client to read. */
  terminate(): void {
    const { transport } = this.#connection;
    if (transport.socket) transport.socket.terminate();
    else this.#connection.close(true);
  }

  #put(frame: Frame, tcp: TcpSocket | undefined): void {
    const connection = this.#connection;
    if (connection.readyState !== "open") return;
    if (tcp?.writable && connection.transport.writable) tcp.write(frame.bytes);
    else connection.write(frame.text, frame.options);
  }

  #socket(): TcpSocket | undefined {
    const { transport } = this.#connection;
    if (transport !== this.#transport) {
      this.#transport = transport;
      this.#tcp = transport.name === "websocket" ? (transport.socket?._socket ?? undefined) : undefined;
    }
    return this.#tcp;
  }
}
