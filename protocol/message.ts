/** A message as every reader sees it. */
import * as z from "zod";
import { ChannelId, ClientId, MessageId, UserId } from "./ids.ts";
import { Emoji, Metadata, TimeMs, text } from "./text.ts";

/** `system` comes from the server's own notices, never from a client. */
export const MessageType = z
  .enum(["text", "code", "image", "file", "audio", "video", "system"])
  .meta({ id: "MessageType" });
export type MessageType = z.infer<typeof MessageType>;

export const Mention = z
  .object({ kind: z.enum(["user", "channel", "everyone", "here"]), userId: UserId.optional() })
  .meta({ id: "Mention" });
export type Mention = z.infer<typeof Mention>;

export const Attachment = z
  .object({
    id: z.string(),
    type: z.enum(["image", "file", "audio", "video"]),
    url: z.string(),
    thumbnailUrl: z.string().optional(),
    filename: text(1, 255),
    mimeType: z.string(),
    sizeBytes: z.int().nonnegative(),
    width: z.int().positive().optional(),
    height: z.int().positive().optional(),
  })
  .meta({ id: "Attachment" });
export type Attachment = z.infer<typeof Attachment>;

/** Content the server cannot read: it is not rendered, searched, moderated or previewed. */
export const Encryption = z
  .strictObject({ keyId: text(1, 128), algorithm: text(1, 64) })
  .meta({ id: "Encryption" });
export type Encryption = z.infer<typeof Encryption>;

/** Kinds of reactions that one message may carry, and people named with each (row C8). */
export const REACTION_KINDS_MAX = 20;
export const RECENT_MAX = 3;
/** Pinned messages of one channel (row C9). */
export const PINS_MAX = 50;

export const Reaction = z
  .object({
    emoji: Emoji,
    count: z.int().nonnegative(),
    me: z.boolean().optional(),
    recent: z.array(UserId).max(RECENT_MAX),
  })
  .meta({ id: "Reaction" });

export const ReplyTo = z
  .object({
    id: MessageId,
    authorId: UserId,
    /** As it was quoted: an edit of the quoted message changes nothing here. Empty once that message, or this one, is deleted. */
    excerpt: z.string(),
  })
  .meta({ id: "ReplyTo" });

export const Preview = z
  .object({
    url: z.string(),
    title: z.string().optional(),
    description: z.string().optional(),
    imageUrl: z.string().optional(),
    siteName: z.string().optional(),
  })
  .meta({ id: "Preview" });

export const Message = z
  .object({
    id: MessageId,
    channelId: ChannelId,
    seq: z.int().positive(),
    /** How many messages the channel had with this one: 1, 2, 3 … A reply's counts in its thread. Never lowered (rule E6). */
    ordinal: z.int().positive(),
    authorId: UserId,
    clientId: ClientId,
    type: MessageType,
    /** Empty after deletion. */
    content: z.string(),
    /** Rendered and sanitised by the server. */
    html: z.string(),
    language: z.string().optional(),
    filename: z.string().optional(),
    mentions: z.array(Mention),
    attachments: z.array(Attachment),
    preview: Preview.optional(),
    replyTo: ReplyTo.optional(),
    /** The id of the thread's first message. */
    threadId: MessageId.optional(),
    replyCount: z.int().nonnegative(),
    lastReplyAtMs: TimeMs.optional(),
    reactions: z.array(Reaction),
    pinned: z.boolean(),
    editedAtMs: TimeMs.optional(),
    deletedAtMs: TimeMs.optional(),
    atMs: TimeMs,
    encryption: Encryption.optional(),
    metadata: Metadata,
  })
  .meta({ id: "Message" });
export type Message = z.infer<typeof Message>;

/** What the ack promises: in the log, or in Postgres (rule S3). */
export const Durability = z.enum(["logged", "persisted"]).meta({ id: "Durability" });
export type Durability = z.infer<typeof Durability>;
