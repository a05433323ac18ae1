/** REST under `/api/v1`: bodies, queries and answers that are not the socket events' own. Unknown fields are refused. */
import * as z from "zod";
import {
  Channel,
  ChannelKind,
  ChannelName,
  Description,
  Language,
  Member,
  Settings,
  Slug,
} from "./channel.ts";
import { ChannelId, MessageId, UserId } from "./ids.ts";
import { Message } from "./message.ts";
import { Notify } from "./people.ts";
import {
  ChannelUpdate,
  MemberChange,
  MessageEdit,
  MessageIds,
  MessagePage,
  React,
  ResumePoints,
} from "./requests.ts";
import { Emoji, name, TimeMs, text } from "./text.ts";
import { DisplayName, User, Username } from "./users.ts";

/** Characters: the least that keeps guessing expensive, and the most that a pass phrase needs. */
export const PASSWORD_MIN = 10;
export const PASSWORD_MAX = 256;
/** RFC 5321: 64 octets, `@`, 255 octets. */
const EMAIL_MAX = 320;

const Password = text(PASSWORD_MIN, PASSWORD_MAX);
const Email = z.email().max(EMAIL_MAX);

export const Register = z
  .strictObject({
    /** The account's id, so that a repeat is harmless; absent: the server makes one. */
    id: UserId.optional(),
    username: Username,
    password: Password,
    displayName: DisplayName.optional(),
    email: Email.optional(),
  })
  .meta({ id: "Register" });
export type Register = z.infer<typeof Register>;

export const Login = z
  .strictObject({
    /** A username or an e-mail address. */
    login: name(1, EMAIL_MAX),
    password: text(1, PASSWORD_MAX),
  })
  .meta({ id: "Login" });
export type Login = z.infer<typeof Login>;

/** 256 random bits, base64url. */
const RefreshToken = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "not a refresh token");
/** The body of refresh and logout. */
export const WithRefreshToken = z
  .strictObject({ refreshToken: RefreshToken })
  .meta({ id: "WithRefreshToken" });

export const SignedIn = z
  .object({ user: User, token: z.string(), refreshToken: RefreshToken, expiresAtMs: TimeMs })
  .meta({ id: "SignedIn" });
export type SignedIn = z.infer<typeof SignedIn>;

/** The id of something that the client makes. UUIDv8 are dms', which follow from their two people (rule E2). */
const NewId = ChannelId.refine((id) => id[14] === "7", "not a UUIDv7");

export const NewSpace = z
  .strictObject({
    id: NewId.optional(),
    name: ChannelName,
    slug: Slug.optional(),
    description: Description.optional(),
    language: Language.default("english"),
  })
  .meta({ id: "NewSpace" });
export type NewSpace = z.infer<typeof NewSpace>;

/** People that one request may bring into a new channel; others are invited. */
export const MEMBER_IDS_MAX = 100;

export const NewChannelRequest = z
  .strictObject({
    id: NewId.optional(),
    kind: ChannelKind.exclude(["dm", "space"]),
    spaceId: ChannelId.optional(),
    name: ChannelName.optional(),
    description: Description.optional(),
    memberIds: z.array(UserId).max(MEMBER_IDS_MAX).optional(),
    settings: Settings.optional(),
  })
  .refine((request) => request.kind === "group" || request.name !== undefined, {
    error: "this kind needs a name",
    path: ["name"],
  })
  .refine((request) => !["topic", "announcement"].includes(request.kind) || request.spaceId !== undefined, {
    error: "this kind lives in a space",
    path: ["spaceId"],
  })
  .refine((request) => request.kind !== "group" || request.spaceId === undefined, {
    error: "a group has no space",
    path: ["spaceId"],
  })
  .meta({ id: "NewChannel" });
export type NewChannelRequest = z.infer<typeof NewChannelRequest>;

export const NewDm = z.strictObject({ userId: UserId }).meta({ id: "NewDm" });

/** One channel in a list: `membership` and the counts stand where the caller is a member. */
export const ChannelEntry = z
  .object({
    channel: Channel,
    membership: Member.optional(),
    unread: z.int().nonnegative().optional(),
    mentions: z.int().nonnegative().optional(),
    lastReadSeq: z.int().nonnegative().optional(),
    notify: Notify.optional(),
    /** Of a dm: the other of the two. */
    peer: User.optional(),
  })
  .meta({ id: "ChannelEntry" });
export type ChannelEntry = z.infer<typeof ChannelEntry>;

/** Members by user id; `next` continues as `after`. */
export const MemberPage = z
  .object({ members: z.array(z.object({ user: User, member: Member })), next: z.string().optional() })
  .meta({ id: "MemberPage" });
export type MemberPage = z.infer<typeof MemberPage>;

/** A number in a query, which is text: plain decimal digits. */
export function queryInt(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/, "not a number")
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

/** A cursor as it was given; which list it continues is checked when it is read. */
export const Cursor = z.string().min(1).max(128);
/** Messages or members of one page at most, and where nothing is asked for. */
export const PAGE_MAX = 100;
export const PAGE_DEFAULT = 50;
const limit = queryInt(1, PAGE_MAX).optional();

export const ChannelsQuery = z.strictObject({
  spaceId: ChannelId.optional(),
  kind: ChannelKind.exclude(["space"]).optional(),
});
/** People whom one search answers at most, and where nothing is asked for. */
const SEARCH_MAX = 50;
export const SEARCH_DEFAULT = 20;
export const PeopleQuery = z.strictObject({ q: name(1, 64), limit: queryInt(1, SEARCH_MAX).optional() });

export const MembersQuery = z.strictObject({ limit, after: Cursor.optional() });
export const MessagesQuery = z.strictObject({
  limit,
  before: Cursor.optional(),
  after: Cursor.optional(),
  /** A message's id, or Unix milliseconds. */
  around: z.union([MessageId, queryInt(0, 8_640_000_000_000_000)]).optional(),
});

/** Bodies that leave to the path what their event names itself. */
export const ChannelChanges = ChannelUpdate.omit({ channelId: true }).meta({ id: "ChannelChanges" });
export const NewMember = MemberChange.omit({ channelId: true }).meta({ id: "NewMember" });
export const MemberChanges = NewMember.omit({ userId: true }).meta({ id: "MemberChanges" });
export const EditedMessage = MessageEdit.omit({ messageId: true }).meta({ id: "EditedMessage" });
export const NewReaction = React.omit({ messageId: true }).meta({ id: "NewReaction" });
export const BulkDelete = z.strictObject({ messageIds: MessageIds }).meta({ id: "BulkDelete" });

/** Which reaction to take away. In the query, since some proxies drop the body of a DELETE. */
export const ReactionQuery = z.strictObject({ emoji: Emoji });
/** Absent: out, and may join again; a time, or `forever`: banned; 0 lifts a ban. */
export const RemovalQuery = z.strictObject({
  bannedUntilMs: z
    .union([z.literal("forever").transform(() => null), queryInt(0, 8_640_000_000_000_000)])
    .optional(),
});

/** One text that a message had, oldest first. */
export const MessageVersions = z
  .object({ versions: z.array(z.object({ content: z.string(), by: UserId, atMs: TimeMs })) })
  .meta({ id: "MessageVersions" });
/** Who has put what on a message, in the order in which they did; at most `REACTORS_MAX`. */
export const REACTORS_MAX = 1_000;
export const Reactors = z
  .object({ reactors: z.array(z.object({ userId: UserId, emoji: Emoji })) })
  .meta({ id: "Reactors" });
/** Pinned messages, the last pinned first. */
export const Pins = z.object({ messages: z.array(Message) }).meta({ id: "Pins" });

export const ReceiptsQuery = z.strictObject({ messageId: MessageId, limit, after: Cursor.optional() });
/** Members whom a message has reached, by user id; `next` continues as `after`. */
export const ReceiptPage = z
  .object({
    receipts: z.array(z.object({ userId: UserId, delivered: z.boolean(), read: z.boolean() })),
    next: z.string().optional(),
  })
  .meta({ id: "ReceiptPage" });
export type ReceiptPage = z.infer<typeof ReceiptPage>;

export const RepliesQuery = z.strictObject({
  limit,
  before: Cursor.optional(),
  after: Cursor.optional(),
});
/** People that a thread's page names; a thread has more only where a crowd has answered. */
export const PARTICIPANTS_MAX = 50;
/** A page of a thread's replies, with the message that began it, who has written in it first, and how the caller stands to it. */
export const ThreadPage = MessagePage.extend({
  root: Message,
  participants: z.array(UserId),
  following: z.boolean(),
  unread: z.int().nonnegative(),
}).meta({ id: "ThreadPage" });
export type ThreadPage = z.infer<typeof ThreadPage>;
export const Follow = z.strictObject({ following: z.boolean() }).meta({ id: "Follow" });

/** ISO 8601 with its offset, or Unix milliseconds: the one place that takes both. */
export const SyncQuery = z.strictObject({
  since: z.union([
    queryInt(0, 8_640_000_000_000_000),
    z.iso.datetime({ offset: true }).transform((iso) => Date.parse(iso)),
  ]),
});
export const SyncRequest = z.strictObject({ channels: ResumePoints }).meta({ id: "SyncRequest" });

/** Messages that one answer to `sync` carries, over all channels: a channel whose difference no longer fits is `reset`. */
export const SYNC_ROWS_MAX = 1_000;

/** How one channel differs from what the caller holds: messages as they are now, deleted ones as stubs. */
export const ChannelDifference = z
  .object({
    channel: Channel,
    membership: Member,
    messages: z.array(Message),
    seq: z.int().nonnegative(),
    epoch: z.int().nonnegative(),
    /** Too many changes, or another history: load a page instead. `messages` is empty. */
    reset: z.boolean().optional(),
  })
  .meta({ id: "ChannelDifference" });
export type ChannelDifference = z.infer<typeof ChannelDifference>;

export const Synced = z
  .object({
    /** The server's time before anything was read: the next `since`. */
    atMs: TimeMs,
    channels: z.record(ChannelId, ChannelDifference),
    /** Channels that the caller has come into, or lost, by comparison with what was named; empty for `since`. */
    joined: z.array(ChannelId),
    left: z.array(ChannelId),
    /** Channels whose owner could not be reached: ask for them again. */
    unavailable: z.array(ChannelId),
  })
  .meta({ id: "Synced" });
export type Synced = z.infer<typeof Synced>;

/** RFC 9457, with the refusal's own members beside the standard ones. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    retry: z.enum(["never", "later", "elsewhere"]),
    retryAfterMs: z.int().nonnegative().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "Problem", description: "A refusal over REST." });
export type Problem = z.infer<typeof Problem>;

/** Path parameters. */
export const ChannelPath = z.strictObject({ id: ChannelId });
export const MessagePath = z.strictObject({ id: MessageId });
export const UserPath = z.strictObject({ id: UserId });
export const MemberPath = z.strictObject({ id: ChannelId, userId: UserId });
