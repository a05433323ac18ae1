/** Connecting: what a client brings, what it is told, and why a connection ends. */
import * as z from "zod";
import { ChannelId, ConnectionId, UserId } from "./ids.ts";
import { ResumePoints, SessionResumed } from "./requests.ts";
import { text } from "./text.ts";

export const PROTOCOL_VERSION = 1;
/** Bytes of one Socket.IO packet at most. */
export const PACKET_BYTES_MAX = 65_536;

/** `auth` of the Socket.IO handshake. */
export const Handshake = z.strictObject({
  token: z.string().min(1).max(8_192),
  device: text(1, 64).optional(),
  protocol: z.int().default(PROTOCOL_VERSION),
  resume: ResumePoints.optional(),
});
export type Handshake = z.infer<typeof Handshake>;

/** What this server holds a connection to; a client reads them from `session:ready`. */
export const Limits = z.object({
  /** How long a gap may stand before the client asks for it: the coalescing window and 500 ms (rule S2). */
  gapGraceMs: z.int().positive(),
  eventsPerSecond: z.int().positive(),
  messagesPerMinute: z.int().positive(),
  packetBytes: z.int().positive(),
  contentCharacters: z.int().positive(),
});
export type Limits = z.infer<typeof Limits>;

export const SessionReady = z
  .object({
    userId: UserId,
    connectionId: ConnectionId,
    node: z.string(),
    heartbeatMs: z.int().positive(),
    limits: Limits,
    channels: z.array(
      z.object({
        id: ChannelId,
        seq: z.int().nonnegative(),
        epoch: z.int().nonnegative(),
        unread: z.int().nonnegative(),
        mentions: z.int().nonnegative(),
      }),
    ),
    resumed: SessionResumed.optional(),
  })
  .meta({ id: "SessionReady" });
export type SessionReady = z.infer<typeof SessionReady>;

/** Why the server ends a connection, and what the client should do about it. `docs/protocol.md` lists the same rows. */
export const CLOSINGS = {
  drain: { reconnect: true, meaning: "The node is leaving; connect again after reconnectAfterMs." },
  replaced: { reconnect: false, meaning: "Another connection of this user took the place." },
  expired: { reconnect: true, meaning: "The token has expired; refresh it, then connect." },
  revoked: { reconnect: false, meaning: "The token was revoked; log in again." },
  slow: { reconnect: true, meaning: "The connection could not keep up; connect again and resume." },
  policy: { reconnect: false, meaning: "The connection broke the protocol." },
} as const satisfies Record<string, { reconnect: boolean; meaning: string }>;

export const SessionClosing = z
  .object({
    reason: z.enum(Object.keys(CLOSINGS) as [keyof typeof CLOSINGS, ...(keyof typeof CLOSINGS)[]]),
    reconnectAfterMs: z.int().nonnegative().optional(),
  })
  .meta({ id: "SessionClosing" });
export type SessionClosing = z.infer<typeof SessionClosing>;
