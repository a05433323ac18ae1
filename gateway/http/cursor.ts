/**
 * Opaque cursors of pages: where the next page begins, bound to what it pages over. Not a secret and no permission: the
 * checksum only makes a cursor that was changed, or that belongs to another list, `malformed` instead of a wrong page.
 */
import { crc32 } from "node:zlib";

const CHECKSUM_BYTES = 4;
/** A cursor carries a number or an id; longer ones are not ours. */
export const CURSOR_CHARACTERS_MAX = 128;

/** The cursor that continues `list` (such as a channel's id) at `place`: base64url of checksum and place. */
export function encodeCursor(list: string, place: string): string {
  const bytes = Buffer.alloc(CHECKSUM_BYTES + Buffer.byteLength(place));
  bytes.writeUInt32BE(crc32(`${list}\n${place}`));
  bytes.write(place, CHECKSUM_BYTES);
  return bytes.toString("base64url");
}

/** The place that `encodeCursor` was given; undefined when the cursor was not made for `list`. */
export function decodeCursor(list: string, cursor: string): string | undefined {
  if (cursor.length > CURSOR_CHARACTERS_MAX) return undefined;
  const bytes = Buffer.from(cursor, "base64url");
  if (bytes.length <= CHECKSUM_BYTES) return undefined;
  const place = bytes.toString("utf8", CHECKSUM_BYTES);
  return encodeCursor(list, place) === cursor ? place : undefined;
}
