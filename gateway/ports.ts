/** What the gateway needs of the store, and of the cluster. `src/store/` implements most over Postgres; those reject with `StoreAway`. */
import type { Channel, ChannelKind, Member } from "../protocol/channel.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { Notify, PublicKey, UserSettings } from "../protocol/people.ts";
import type { PresenceStatus } from "../protocol/signals.ts";
import type { User } from "../protocol/users.ts";

export interface Accounts {
  /** `taken`: the username or e-mail is someone else's. The same id and username again answers with the first. */
  create(user: {
    id: UserId;
    username: string;
    displayName: string;
    email?: string;
    passwordHash: string;
  }): Promise<User | "taken">;
  /** By username or e-mail, without case. */
  byLogin(login: string): Promise<{ user: User; passwordHash: string } | undefined>;
  /** Those that exist, in no order. */
  users(ids: readonly UserId[]): Promise<User[]>;
  byUsernames(usernames: readonly string[]): Promise<User[]>;
  /** The start of a family of refresh tokens: one log-in on one device. Hashes are SHA-256, hex. */
  startFamily(family: { id: string; userId: UserId; tokenHash: string; expiresAtMs: number }): Promise<void>;
  /** Swaps a refresh token for the next. `reused`: it had been swapped before; the whole family is revoked by this call. */
  rotate(
    tokenHash: string,
    nextHash: string,
    expiresAtMs: number,
  ): Promise<{ userId: UserId } | "unknown" | "reused">;
  endFamily(tokenHash: string): Promise<void>;
  /** All tokens of the user issued up to `atMs` are void, refresh families as well (rule E3). */
  revokeAll(userId: UserId, atMs: number): Promise<void>;
  /** Users whose `tokens_valid_after` lies after `sinceMs`. */
  revocations(sinceMs: number): Promise<{ userId: UserId; validAfterMs: number }[]>;
}

/** A page wanted: from the newest, or before, after or around a seq or a time; never beyond `upToSeq`. */
export type PageQuery = {
  limit: number;
  upToSeq: number;
  beforeSeq?: number;
  afterSeq?: number;
  aroundSeq?: number;
  aroundMs?: number;
  /** Replies in the thread that this message began; absent: what was said outside threads. */
  threadSeq?: number;
  /** Whose own reactions are marked. */
  reader: UserId;
};

/** One text that a message had: the first as sent, each edit, and what a deletion took away. */
export type MessageVersion = { content: string; by: UserId; atMs: number };

/** How far a member has got, who has got at least to a message. */
export type Receipt = { userId: UserId; delivered: boolean; read: boolean };

export interface History {
  /** Oldest first. Deleted messages are stubs: no content. May be served by a replica that has reached `upToSeq`. */
  page(
    channelId: ChannelId,
    query: PageQuery,
  ): Promise<{ messages: Message[]; hasOlder: boolean; hasNewer: boolean }>;
  /** Messages whose last change lies after a seq (or a time), oldest first, at most `limit`; with their authors' stubs for deleted ones. */
  changed(
    channelId: ChannelId,
    since: { seq: number } | { atMs: number },
    limit: number,
    reader: UserId,
  ): Promise<Message[]>;
  /** Every text of a message, oldest first; the present one last, unless it was deleted. */
  versions(channelId: ChannelId, seq: number): Promise<MessageVersion[]>;
  /** Pinned messages, the last pinned first, at most `PINS_MAX`. */
  pins(channelId: ChannelId, reader: UserId): Promise<Message[]>;
  /** Who has put which emoji on a message, in the order in which they did, at most `limit`. */
  reactors(channelId: ChannelId, seq: number, limit: number): Promise<{ userId: UserId; emoji: string }[]>;
  /** Members whose delivered mark has reached `seq`, by user id, after `afterUserId`. */
  receipts(
    channelId: ChannelId,
    seq: number,
    page: { afterUserId?: UserId; limit: number },
  ): Promise<Receipt[]>;
  /** Who has written in a thread, at most `limit`, the earliest first; whether `reader` follows it, and what they have read of it. */
  thread(
    channelId: ChannelId,
    seq: number,
    reader: UserId,
    limit: number,
  ): Promise<{ participants: UserId[]; following: boolean; readCount: number }>;
}

/** What people say of themselves and of each other. Each rejects with `StoreAway`. */
export interface People {
  /** Undefined: no such person. What is absent stays; `null` takes it away. */
  update(
    userId: UserId,
    changes: { displayName?: string; bio?: string | null; avatarUrl?: string | null },
  ): Promise<User | undefined>;
  /** Whose username or display name begins with `query`, or resembles it, best first; nobody who blocked `viewer`. */
  search(query: string, viewer: UserId, limit: number): Promise<User[]>;
  settings(userId: UserId): Promise<UserSettings>;
  setSettings(userId: UserId, changes: Partial<UserSettings>): Promise<UserSettings>;
  /** Whom the person blocked, by user id. */
  blocked(userId: UserId): Promise<User[]>;
  /** False: nothing was done, for the person has blocked as many as one may, or there is no `other`. */
  setBlock(userId: UserId, other: UserId, blocked: boolean): Promise<boolean>;
  /** Of these people, those between whom and `userId` there is a block, either way. */
  blockedAmong(userId: UserId, others: readonly UserId[]): Promise<Set<UserId>>;
  /** The public key for end-to-end encryption; replaces the one before. */
  setKey(userId: UserId, key: PublicKey): Promise<void>;
  key(userId: UserId): Promise<PublicKey | undefined>;
  choosePresence(
    userId: UserId,
    presence: { status: Exclude<PresenceStatus, "offline">; text?: string },
  ): Promise<void>;
  /** What a member wants to be told of in a channel. */
  setNotify(userId: UserId, channelId: ChannelId, notify: Notify): Promise<void>;
  /** The person of another issuer's token, made at its first appearance; `taken`: the name is someone else's. */
  fromIssuer(claims: {
    issuer: string;
    subject: string;
    username: string;
    displayName: string;
  }): Promise<User | "taken">;
}

/** One channel of one person. `unread` = messageCount − readCount (rule E6). */
export type Membership = {
  channel: Channel;
  member: Member;
  messageCount: number;
  unread: number;
  mentions: number;
  readSeq: number;
  notify: Notify;
  /** Of a dm: the other of the two. */
  peer?: User;
};

export interface Memberships {
  /** Active memberships, in channels of a space only while active there too; spaces only where `kind` says so. */
  ofUser(
    userId: UserId,
    /** `lostSpacesToo`: channels of spaces in which they are not active as well, to be judged by the spaces' owners. */
    filter?: { spaceId?: ChannelId; kind?: ChannelKind; lostSpacesToo?: boolean },
  ): Promise<Membership[]>;
  /** Topics and announcements of a space, joined or not, but for those from which `userId` is banned. */
  listed(spaceId: ChannelId, userId: UserId): Promise<Channel[]>;
  /**
   * Active members by user id, after `afterUserId`; with `among`, only those of these people. A million are never loaded: a page
   * is one walk of an index.
   */
  members(
    channelId: ChannelId,
    page: { afterUserId?: UserId; among?: readonly UserId[]; limit: number },
  ): Promise<{ user: User; member: Member }[]>;
}

/**
 * Members of a channel who are connected; of a space, those who are in one of its channels. `count`: of all of them; `userIds`
 * names at most `PRESENT_LISTED_MAX`, in no order.
 */
export type Connected = { userIds: readonly UserId[]; count: number };

/** `src/cluster/` implements this: it asks every node. */
export interface ConnectedMembers {
  /** `isWhole`: all nodes have answered. Who is on two nodes and not named counts twice. Never rejects. */
  of(channelId: ChannelId): Promise<Connected & { isWhole: boolean }>;
}

/** What is looked for: every filter must hold. Without `words`, whatever passes the filters. */
export type SearchQuery = {
  reader: UserId;
  /** Words, "phrases", -without and `or`, as `websearch_to_tsquery` of Postgres reads them. */
  words?: string;
  channelId?: ChannelId;
  spaceId?: ChannelId;
  authorId?: UserId;
  /** Only in spaces of this language; `simple`: in those of none, and outside spaces. */
  language?: NonNullable<Channel["language"]>;
  /** Unix milliseconds: sent before, and from then on. */
  beforeMs?: number;
  afterMs?: number;
  /** All of these. */
  has?: readonly ("file" | "link" | "code")[];
  limit: number;
  /** Go on behind this. */
  older?: SearchPlace;
};

/** A place in the order of hits: newest first, then by channel and seq. */
export type SearchPlace = { atMs: number; channelId: ChannelId; seq: number };
/** A message that fits, as the engine knew it: `version` is the event that had changed it last. */
export type Found = SearchPlace & { version: number };

/** Plain text of the message, and the ranges of it, in UTF-16 units, that fit the words. */
export type Excerpt = { text: string; marks: [from: number, to: number][] };
export type SearchHit = { message: Message; excerpt: Excerpt };

/** An engine that finds messages, `src/store/search.ts` or another. Each rejects with `StoreAway`. */
export interface Search {
  /**
   * What fits in channels where the reader is an active member, newest first. Encrypted and deleted messages never do.
   * `older`: there may be more behind it, also where fewer than `limit` were found.
   */
  find(query: SearchQuery): Promise<{ found: Found[]; older?: SearchPlace }>;
  /** The messages, in this order, with excerpts; those are left out that have another text by now, or none. */
  hits(found: readonly Found[], reader: UserId, words?: string): Promise<SearchHit[]>;
}
