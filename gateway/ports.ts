/** What the gateway needs of the store. `src/store/` implements these over Postgres; each rejects with `StoreAway`. */
import type { Channel, ChannelKind, Member } from "../protocol/channel.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
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
};

export interface History {
  /** Oldest first. Deleted messages are stubs: no content. May be served by a replica that has reached `upToSeq`. */
  page(
    channelId: ChannelId,
    query: PageQuery,
  ): Promise<{ messages: Message[]; hasOlder: boolean; hasNewer: boolean }>;
  /** Messages whose last change lies after a seq (or a time), oldest first, at most `limit`; with their authors' stubs for deleted ones. */
  changed(channelId: ChannelId, since: { seq: number } | { atMs: number }, limit: number): Promise<Message[]>;
}

/** One channel of one person. `unread` = messageCount − readCount (rule E6). */
export type Membership = {
  channel: Channel;
  member: Member;
  messageCount: number;
  unread: number;
  mentions: number;
  readSeq: number;
};

export interface Memberships {
  /** Active memberships; spaces only where `kind` says so. */
  ofUser(userId: UserId, filter?: { spaceId?: ChannelId; kind?: ChannelKind }): Promise<Membership[]>;
  /** Topics and announcements of a space, joined or not. */
  listed(spaceId: ChannelId): Promise<Channel[]>;
  /** Active members by user id, after `afterUserId`. */
  members(
    channelId: ChannelId,
    page: { afterUserId?: UserId; limit: number },
  ): Promise<{ user: User; member: Member }[]>;
}
