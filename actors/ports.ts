/**
 * What actors need of the world, and what the world may ask of them. Adapters in `src/` and `gateway/` implement these;
 * actors never import an adapter.
 */
import type { Channel, Member, Position } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, ClientId, ConnectionId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { ChannelHead, Presence, PresenceStatus, Receipts, TypingSignal } from "../protocol/signals.ts";
import type { ChannelAnswers, ChannelCommand, SessionAnswers, SessionCommand } from "./commands.ts";

/** One event of a channel, as the log keeps it: with the reign that decided it (rule I1). */
export type EventRecord = {
  channelId: ChannelId;
  epoch: number;
  event: ChannelEvent;
  /** Of `message:new`: see `PreparedMessage.sentHash`. */
  sentHash?: string;
};

/** How far a member has got; without seq, the greatest wins (rule L7). */
export type MarkRecord = {
  channelId: ChannelId;
  mark: { userId: UserId; delivered?: number; read?: number; readCount?: number };
};

/**
 * What a member has to do with a thread, named by the seq of its first message. Without seq: of two, the later `atMs` says
 * whether it is followed (of one person and thread no two are the same), and the greatest `readCount` wins.
 */
export type FollowRecord = {
  channelId: ChannelId;
  follow: { userId: UserId; seq: number; atMs: number; following?: boolean; readCount?: number };
};

/** What a shard's log keeps, what is replayed after a crash, and what is projected into Postgres. */
export type LogRecord = EventRecord | MarkRecord | FollowRecord;

export function isMark(record: LogRecord): record is MarkRecord {
  return "mark" in record;
}

export function isEvent(record: LogRecord): record is EventRecord {
  return "event" in record;
}

/**
 * One reign over one shard: the log and the output gate as actors see them (rules G1, L4). Made by the cluster when the
 * barrier stands; it ends when the shard is released or fenced, and then calls `ShardActors.end`.
 */
export interface Reign {
  readonly shard: number;
  readonly epoch: number;
  /** May more be decided? False while 1,000 events or 1 MiB wait at the gate, or too much is unflushed: answer `overloaded`. */
  hasRoom(): boolean;
  /**
   * Puts records into the log and `release` into the gate, in the order of calls. `release` runs when these records and
   * all entered before them are confirmed, at once when nothing waits; never when the shard is fenced first. The state
   * that `records` changed has moved on already. Without records: an answer that rests on what was applied before.
   */
  enter(records: readonly LogRecord[], release: () => void): void;
  /**
   * Runs `then` when all that was entered up to now, and found unflushed before, is in Postgres, and asks for a flush at
   * once (rule S3). Never when fenced.
   */
  whenFlushed(then: () => void): void;
}

/** The actors of one shard, for one reign. */
export interface ShardActors {
  /** Into the actor's mailbox, in order. `reply` is called at most once, through the gate. */
  askChannel(channelId: ChannelId, command: ChannelCommand, reply: Reply): void;
  askUser(userId: UserId, command: SessionCommand, reply: Reply): void;
  /** Where these channels stand (only what is confirmed); absent where there is no such channel. Rejects when Postgres is needed and away. */
  heads(channelIds: readonly ChannelId[]): Promise<Map<ChannelId, Position>>;
  /** Postgres has these: what was kept for their sake may go (rules A1, A2, S1). */
  flushed(records: readonly LogRecord[]): void;
  /** Planned end: no more intake (`moved`), resolves when every mailbox is empty and all that it decided has entered the gate. */
  close(): Promise<void>;
  /** Unplanned end: everyone who waits hears `unavailable`; nothing is entered any more. */
  end(): void;
  /** For metrics and `hubbub channel`: what is in memory now. */
  census(): { channels: number; sessions: number; mailboxDepth: number };
  channel(channelId: ChannelId): { seq: number; mailbox: number } | undefined;
  /** Commands handled and events heard since the last call, for load: messages × audience as known. */
  takeLoad(): number;
}

/**
 * Starts a shard's actors from its whole retained log, in order. It finds the unflushed records by comparing with the
 * channels' rows (rule A1: seq decides, never the flushed position), loads those channels at once, and names them for
 * the projector. Rejects while Postgres is away.
 */
export type StartActors = (
  reign: Reign,
  retained: readonly LogRecord[],
) => Promise<{ actors: ShardActors; unflushed: readonly LogRecord[] }>;

export type Reply = (answer: Answer) => void;

/** The only door to actors, wherever they live. Answers, never rejects: an owner out of reach is `unavailable` (rule B1). */
export interface Router {
  askChannel<C extends ChannelCommand>(
    channelId: ChannelId,
    command: C,
    trace?: Trace,
  ): Promise<Answer<ChannelAnswers[C["type"]]>>;
  askUser<C extends SessionCommand>(
    userId: UserId,
    command: C,
    trace?: Trace,
  ): Promise<Answer<SessionAnswers[C["type"]]>>;
  /** Heads of many channels, one request per owner (rule H1). Channels whose owner did not answer are absent. */
  heads(channelIds: readonly ChannelId[]): Promise<Map<ChannelId, Position>>;
}

/** Follows one request through the cluster. `requestId` is the client's or the gateway's. */
export type Trace = { requestId: string };

/** Tells every listener, on every node, what happened. At most once: gateways find gaps and ask (rule H1). Never throws. */
export interface Broadcaster {
  /** Events of one channel and one reign, in order, confirmed in the log. */
  publish(channelId: ChannelId, epoch: number, events: readonly ChannelEvent[]): void;
  /** To whoever listens now and can take it at once: not kept, not repeated. */
  signal(signal: ChannelSignal): void;
}

/** What passes through a channel and is not kept; `payload.channelId` says where. */
export type ChannelSignal =
  | { event: "typing"; payload: TypingSignal }
  | { event: "receipts"; payload: Receipts }
  /** To connected members who do not listen, and to no others. */
  | { event: "channel:head"; payload: ChannelHead };

/** From a session actor to gateways that hold its user's connections, or watchers of the user. At most once. Never throws. */
export interface Devices {
  /** To all connections of `userId` on that node. */
  tellUser(node: string, userId: UserId, event: "unread" | "notification", payload: object): void;
  /** To the connections of `viewers` on that node that watch the person. */
  tellViewers(node: string, viewers: readonly UserId[], presence: Presence): void;
  /** Ends connections of `userId` on that node (row P6). */
  replace(node: string, userId: UserId, connectionIds: readonly ConnectionId[]): void;
}

/** What nodes tell each other beside commands, as far as actors are concerned. */
export interface NodeNews {
  /**
   * Tells every node that the person is out of this space. True: each node with a lease has confirmed it, or its lease has run
   * out (rule E1). False: not within the time of a request, or nobody can say who has a lease. Never rejects.
   */
  outOfSpace(spaceId: ChannelId, userId: UserId): Promise<boolean>;
  /** False without a lease: nobody waits for this node to hear who is out of a space, so what spaces said is not believed. */
  isTold(): boolean;
  /** Tells `follower` from now on, until the returned function is called. */
  follow(follower: NewsFollower): () => void;
}

/** Who hears the news of nodes: the actors of one shard. None of these throws. */
export interface NewsFollower {
  /** Confirmed as soon as this returns. */
  outOfSpace(spaceId: ChannelId, userId: UserId): void;
  /** The node has its lease again after a lapse, in which anyone may have been put out of any space. */
  missed(): void;
  /** The node's lease has run out, or was given back: what its gateway said holds no more (rule E4). */
  nodeGone(node: string): void;
}

/** The cluster's time: Redis `TIME` followed with the monotonic clock, never back (rule E5). */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
}

/** A channel's row: its state without what is unflushed. */
export type ChannelRow = {
  channel: Channel;
  /** Messages ever sent: the next ordinal is one more. */
  messageCount: number;
  /** `atMs` of the last event, and of the last message; 0: none. */
  lastAtMs: number;
  lastMessageAtMs: number;
  /** (first seq, epoch) of the last 32 reigns, oldest first (rule I1). */
  reigns: Position[];
  /** The two people of a dm. */
  pair?: [UserId, UserId];
};

/** A member's row in one channel, with what sending needs. */
export type MemberRow = {
  member: Member;
  /** 0: never. */
  lastSentAtMs: number;
  /** Greatest clientId of theirs in this channel that Postgres has (rule S1). */
  lastClientId?: ClientId;
  deliveredSeq: number;
  readSeq: number;
  /** Ordinal at the read mark: unread = messageCount − readCount. */
  readCount: number;
  /** Messages after the read mark that mention them, or everyone. */
  mentions: number;
  /** The channel's seq in Postgres when this was read: what follows is not in it. */
  asOfSeq: number;
};

/** A message as Postgres has it, without anyone's `me`. `asOfSeq` as in `MemberRow`. */
export type MessageAsOf = { message: Message; asOfSeq: number };

/** Whether a thread is followed, and how many of its replies were read, as in `FollowRecord`. `atMs` 0: they never said; who replied follows. */
export type FollowRow = { following: boolean; atMs: number; readCount: number };

/** Postgres cannot be asked now. What needs it answers `unavailable` (rule A3). */
export class StoreAway extends Error {
  override name = "StoreAway";
}

/** Facts fetched on demand, from the primary; calls of one turn become one query. Each rejects with `StoreAway`. */
export interface ChannelFacts {
  channel(id: ChannelId): Promise<ChannelRow | undefined>;
  /** (seq, epoch) by channel; absent where there is no row. */
  heads(ids: readonly ChannelId[]): Promise<Map<ChannelId, Position>>;
  member(channelId: ChannelId, userId: UserId): Promise<MemberRow | undefined>;
  /** The message that `authorId` sent under `clientId`, whatever became of it since. */
  sent(
    channelId: ChannelId,
    authorId: UserId,
    clientId: ClientId,
  ): Promise<{ message: Message; sentHash: string } | undefined>;
  /** The message under `seq`; undefined: there is none. */
  message(channelId: ChannelId, seq: number): Promise<MessageAsOf | undefined>;
  /** What `userId` has put on the message. */
  reactions(
    channelId: ChannelId,
    seq: number,
    userId: UserId,
  ): Promise<{ emojis: string[]; asOfSeq: number }>;
  /** The pinned messages, at most `PINS_MAX`, in any order. */
  pins(channelId: ChannelId): Promise<{ seqs: number[]; asOfSeq: number }>;
  /** Undefined: nothing is known of them in this thread. */
  follow(channelId: ChannelId, seq: number, userId: UserId): Promise<FollowRow | undefined>;
  /** Who follows the thread, at most `max`, by user id. */
  followers(channelId: ChannelId, seq: number, max: number): Promise<UserId[]>;
  /** Has one of the two blocked the other (row P7)? */
  blockBetween(userId: UserId, other: UserId): Promise<boolean>;
  /** Ordinal of the last message (no reply in a thread) with `seq` at most this; 0: none. Read marks far behind the head need it (rule E6). */
  ordinalAt(channelId: ChannelId, seq: number): Promise<number>;
  /** Messages after `seq` that mention `userId`, or everyone (rule E6). `asOfSeq` as in `MemberRow`. */
  mentionsAfter(
    channelId: ChannelId,
    userId: UserId,
    seq: number,
  ): Promise<{ mentions: number; asOfSeq: number }>;
}

/** What session actors fetch: each rejects with `StoreAway`. */
export interface UserFacts {
  /** What the person chose, and whom they blocked; undefined: no such person. */
  person(userId: UserId): Promise<PersonRow | undefined>;
  /** Keeps when the person was last seen; the latest wins. */
  seen(userId: UserId, atMs: number): Promise<void>;
}

/** `status` and `text` as chosen (rule E4). `blockedBy`: who has blocked the person. */
export type PersonRow = {
  status: Exclude<PresenceStatus, "offline">;
  text?: string;
  lastSeenAtMs?: number;
  blocked: UserId[];
  blockedBy: UserId[];
};

/** What actors tell an operator. */
export interface ActorMeter {
  /** Seconds spent in a stage of a message's way: `mailbox`, `decide`, `log`. */
  stage(stage: "mailbox" | "decide" | "log", seconds: number): void;
  mailboxRejected(): void;
  crashed(kind: "channel" | "session"): void;
  events(type: ChannelEvent["type"]): void;
}
