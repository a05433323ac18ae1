/** Identifiers: what they are made of, and how one is told from another. All are branded strings. */
import * as z from "zod";

/** UUIDv7 (RFC 9562), lower case: 48 bits of Unix milliseconds, then randomness. Made by whoever creates the thing. */
const uuidv7 = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    "not a UUIDv7 in lower case",
  );

export const UserId = uuidv7.brand<"UserId">().meta({ description: "A person or bot: UUIDv7." });
export type UserId = z.infer<typeof UserId>;

/** A channel or space: UUIDv7; a dm's follows from its two people: UUIDv8 (rule E2). */
export const ChannelId = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    "not a UUIDv7 or UUIDv8 in lower case",
  )
  .brand<"ChannelId">()
  .meta({ description: "A channel, dm or space." });
export type ChannelId = z.infer<typeof ChannelId>;

/** How far ahead of the server's clock a `clientId` may lie, milliseconds: a day, as clocks of phones do. */
export const CLIENT_ID_AHEAD_MAX_MS = 86_400_000;

/** Names one message for ever, before the server has seen it: made when the message is written, kept over resends. */
export const ClientId = uuidv7
  .refine(
    (id) => uuidv7TimeMs(id) <= Date.now() + CLIENT_ID_AHEAD_MAX_MS,
    "its time lies more than a day ahead",
  )
  .brand<"ClientId">()
  .meta({ description: "UUIDv7 made by the client when the message is written." });
export type ClientId = z.infer<typeof ClientId>;

export const ConnectionId = z.string().min(1).max(64).brand<"ConnectionId">();
export type ConnectionId = z.infer<typeof ConnectionId>;

/** `<channelId>.<seq>`: routes to its owner and needs no index. */
export const MessageId = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.[1-9][0-9]{0,14}$/,
    "not <channelId>.<seq>",
  )
  .brand<"MessageId">()
  .meta({ description: "<channelId>.<seq>" });
export type MessageId = z.infer<typeof MessageId>;

export function messageId(channelId: ChannelId, seq: number): MessageId {
  return `${channelId}.${seq}` as MessageId;
}

/** The channel and seq that a message's id names. */
export function parseMessageId(id: MessageId): { channelId: ChannelId; seq: number } {
  const dot = id.lastIndexOf(".");
  return { channelId: id.slice(0, dot) as ChannelId, seq: Number(id.slice(dot + 1)) };
}

/** The Unix milliseconds that a UUIDv7 carries in its first 48 bits. */
export function uuidv7TimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
