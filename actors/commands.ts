/**
 * What actors are asked, and what they answer: plain data that crosses the bus as JSON. Gateways make commands from
 * requests that have passed their schema; an actor trusts their form and judges only their sense.
 */
import type {
  Channel,
  ChannelKind,
  Member,
  Overrides,
  Role,
  Settings,
  SettingsChange,
} from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, ClientId, ConnectionId, MessageId, UserId } from "../protocol/ids.ts";
import type {
  Attachment,
  Durability,
  Encryption,
  Mention,
  Message,
  MessageType,
} from "../protocol/message.ts";
import type { ChannelSynced, MessageSent } from "../protocol/requests.ts";
import type { Presence, PresenceStatus } from "../protocol/signals.ts";
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
  /** Another text, as the gateway rendered it; by its author. */
  | { type: "edit"; by: UserId; seq: number; content: string; html: string }
  /** One event for all; of others' messages by a moderator. At most `BULK_DELETE_MAX`. */
  | { type: "delete"; by: UserId; seqs: number[] }
  | { type: "pin"; by: UserId; seq: number; pinned: boolean }
  | { type: "react"; by: UserId; seq: number; emoji: string; on: boolean }
  /** `settings` are merged key by key; one that is `undefined` stays as it is, one that is `null` is absent again. */
  | {
      type: "update";
      by: UserId;
      name?: string;
      description?: string;
      settings?: SettingsChange;
      archived?: boolean;
    }
  /** Of an active or invited member. `mutedUntilMs`: `null` for ever, 0 lifts it. `role` owner hands the channel over. */
  | {
      type: "change_member";
      by: UserId;
      userId: UserId;
      role?: Role;
      overrides?: Overrides;
      mutedUntilMs?: number | null;
    }
  /** `bannedUntilMs` absent: out, and may join again; a time or `null` (for ever): banned; 0 lifts a ban. */
  | { type: "remove_member"; by: UserId; userId: UserId; bannedUntilMs?: number | null }
  /** A thread: follow it or not, or how many of its replies are read. `seq`: of its first message. */
  | { type: "follow"; by: UserId; seq: number; following?: boolean; readCount?: number }
  /** A signal; `threadSeq`: in that thread. */
  | { type: "typing"; by: UserId; on: boolean; threadSeq?: number }
  /** One message as `by` sees it. Changes nothing. */
  | { type: "message"; by: UserId; seq: number }
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
  edit: { message: Message };
  delete: object;
  pin: object;
  react: { count: number };
  update: { channel: Channel };
  change_member: { member: Member };
  remove_member: { member: Member };
  follow: { unread: number };
  typing: object;
  message: { message: Message };
  open: Opened;
  sync: ChannelSynced;
  mark: { unread: number };
  member: { member?: Member; kind?: ChannelKind };
};

/** One connection of a user on one gateway. `activeAtMs`: when the person last did something there. */
export type Connection = {
  connectionId: ConnectionId;
  device?: string;
  sinceMs: number;
  activeAtMs: number;
};

/** What one person is told on all their devices: counts that moved, and why they might look. */
export type Notice = {
  kind: "mention" | "reply" | "thread" | "dm" | "invite";
  channelId: ChannelId;
  messageId?: MessageId;
  by: UserId;
};
export type UnreadCounts = { channelId: ChannelId; unread: number; mentions: number; lastReadSeq: number };

export type SessionCommand =
  /** All connections that the user has on this gateway now: replaces what it said before; none: detached. */
  | { type: "attach"; node: string; connections: Connection[] }
  /** The user's connections over all gateways. */
  | { type: "connections" }
  /** The person chose this; Postgres has it (rule E4). */
  | { type: "choose"; status: Exclude<PresenceStatus, "offline">; text?: string }
  /** As `viewer` sees the user now; nobody they blocked, or who blocked them, sees anything but `offline`. */
  | { type: "presence"; viewer: UserId }
  /** These people on this gateway have the user on their screens: replaces what it said before; none: no longer. */
  | { type: "watch"; node: string; viewers: UserId[] }
  /** The user blocks, or no longer blocks, another; `byThem`: the other does so to the user. Postgres has it (row P7). */
  | { type: "block"; userId: UserId; blocked: boolean; byThem?: true }
  /** From a channel's actor, by its gate. */
  | { type: "notify"; notice?: Notice; unread?: UnreadCounts };

/** `unsure`: nobody has said yet who is connected, or what was chosen; `offline` is said meanwhile, and watchers are told later. */
export type SeenPresence = { presence: Presence; unsure?: boolean };

export type SessionAnswers = {
  attach: object;
  connections: { connections: (Connection & { node: string })[] };
  choose: object;
  presence: SeenPresence;
  /** `hiddenFrom`: those of the viewers between whom and the user there is a block; to them the user is offline. */
  watch: SeenPresence & { hiddenFrom?: UserId[] };
  block: object;
  notify: object;
};
