/** A Socket.IO event as the bytes that leave: encoded once, written to every connection that it is for. */

/** The ways in which one event can leave: ready bytes for a WebSocket, text for engine.io's own queue. */
export type Frame = {
  /** A whole WebSocket text frame: Engine.IO `message`, Socket.IO `EVENT`. */
  readonly bytes: Buffer;
  /** The Socket.IO packet, for polling and for connections in the middle of a write. */
  readonly text: string;
  /** What engine.io takes with `text`: it writes `bytes` as they are where the transport is a WebSocket. */
  readonly options: { compress: false; wsPreEncodedFrame: [Buffer] };
};

/** `event` with one argument, in the default namespace, by the JSON parser, without compression. */
export function encodeEvent(event: string, argument: object): Frame {
  const text = `2${JSON.stringify([event, argument])}`;
  const bytes = textFrame(`4${text}`);
  return { bytes, text, options: { compress: false, wsPreEncodedFrame: [bytes] } };
}

/** FIN and opcode `text` (RFC 6455, 5.2). */
const FIN_TEXT = 0x81;
/** Lengths up to 125 stand in the second byte; 126 and 127 there announce 2 and 8 more bytes. */
const LENGTH_INLINE_MAX = 125;
const LENGTH_16_BIT_MAX = 0xffff;

/** A server's frame: one piece, not masked. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length <= LENGTH_INLINE_MAX ? 2 : length <= LENGTH_16_BIT_MAX ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = FIN_TEXT;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, head);
  return frame;
}
