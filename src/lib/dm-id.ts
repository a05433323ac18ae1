/** The id of a dm follows from its two people, so that both reach the same channel without asking anyone (rule E2). */
import { createHash } from "node:crypto";

/**
 * UUIDv8 (RFC 9562) from SHA-256 over the two user ids in ascending order, without a separator: both have 36 characters.
 * The same for (a, b) and (b, a). Server only: browsers name a dm by the other person's id.
 */
export function dmId<ChannelId extends string>(a: string, b: string): ChannelId {
  const [first, second] = a < b ? [a, b] : [b, a];
  const hex = createHash("sha256").update(first).update(second).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0b0011) | 0b1000).toString(16);
  const groups = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ];
  return groups.join("-") as ChannelId;
}
