/**
 * What actors are asked, and what they answer: plain data that crosses the bus as JSON. Gateways make commands from
 * requests that have passed their schema; an actor trusts their form and judges only their sense.
 */
import type { Channel, ChannelKind, Member, Overrides, Role, Settings } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, ClientId, ConnectionId, MessageId, UserId } from "../protocol/ids.ts";
import type { Attachment, Durability, Encryption, Mention, MessageType } from "../protocol/message.ts";
import type { ChannelSynced, MessageSent } from "../protocol/requests.ts";
import type { Metadata } from "../protocol/text.ts";

/** A message as the gateway prepared it: parsed, rendered, its mentions found (rule H6). */
export type PreparedMessage = {
  clientId: ClientId;
  type: MessageType;
  content: string;
  html: string;
  language?: string;
  filename?: string;
  mentions: Mention[];
  attachments: Attachment[];
  replyTo?: MessageId;
  threadId?: MessageId;
  encryption?: Encryption;
  metadata: Metadata;
  /** SHA-256, hex, of the request without `clientId`, `attempt`, `durability`, before rendering (rule S1). */
  sentHash: string;
};

/** What a new channel or space is; its id is the actor's own. */
export type NewChannel = {
  kind: ChannelKind;
  spaceId?: ChannelId;
  name?: string;
  description?: string;
  settings: Settings;
  slug?: string;
  language?: Channel["language"];
};

export type ChannelCommand =
  /** Makes the channel, `by` its owner (a dm: both are members). The same again answers with what is there. */
  | { type: "create"; by: UserId; channel: NewChannel; memberIds: UserId[] }
  /** `pair`: the two people of a dm, which its first message creates (row C3). */
  | {
      type: "send";
      by: UserId;
      message: PreparedMessage;
      attempt: number;
      durability?: Durability;
      pair?: [UserId, UserId];
    }
  | { type: "join"; by: UserId }
  | { type: "leave"; by: UserId }
  | {
      type: "invite";
      by: UserId;
      userId: UserId;
      role?: Role;
      overrides?: Overrides;
      mutedUntilMs?: number | null;
    }
  /** May `by` read, and what does Postgres not have yet (rule H4)? Changes nothing. */
  | { type: "open"; by: UserId }
  | { type: "sync"; by: UserId; afterSeq: number; epoch?: number; limit: number }
  /** How far `by` has got; the greatest wins (rule L7). */
  | { type: "mark"; by: UserId; delivered?: number; read?: number }
  /** One member as the owner knows them: asked between actors (a topic asks its space). */
  | { type: "member"; userId: UserId };

/** May listen; what the reader lays over Postgres: every event that is not there yet, oldest first. */
export type Opened = {
  channel: Channel;
  membership: Member;
  seq: number;
  epoch: number;
  unflushed: ChannelEvent[];
};

export type ChannelAnswers = {
  create: { channel: Channel; membership: Member; created: boolean };
  send: MessageSent;
  join: Opened;
  leave: object;
  invite: { member: Member };
  open: Opened;
  sync: ChannelSynced;
  mark: { unread: number };
  member: { member?: Member; kind?: ChannelKind };
};

/** One connection of a user on one gateway. */
export type Connection = { connectionId: ConnectionId; device?: string; sinceMs: number };

export type SessionCommand =
  /** All connections that the user has on this gateway now: replaces what it said before; none: detached. */
  | { type: "attach"; node: string; connections: Connection[] }
  /** The user's connections over all gateways. */
  | { type: "connections" };

export type SessionAnswers = {
  attach: object;
  connections: { connections: (Connection & { node: string })[] };
};
