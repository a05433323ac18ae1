/**
 * What a run wrote down: one JSON object a line, in the order in which one recording process saw things happen, the
 * rows of Postgres and the log's entries last. The checker reads it offline; nothing of the run is needed any more.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { Durability, Message } from "../../protocol/message.ts";
import type { RefusalCode } from "../../protocol/refusals.ts";

/** A recording client: one device over all its connections. Free text, unique within the history. */
type Client = { client: string };
type InChannel = { channelId: string };

/** One event as somebody saw it. */
export type EventSeen = {
  seq: number;
  type: ChannelEvent["type"];
  by: string;
  atMs: number;
  /** Of `message:new`. */
  clientId?: string;
  ordinal?: number;
  threadId?: string;
  /** How many replies the thread has with this one. */
  replyCount?: number;
  /** Of `message:new` and `message:updated`. */
  content?: string;
  /** The messages that the event is about. */
  messageIds?: string[];
  /** Of a reaction, and how many have put it there now. */
  emoji?: string;
  count?: number;
  /** Of `member:left`: who is out. */
  leftBy?: string;
  /** Of the whole event, whatever is kept of it: so that all must have seen the same in every field. */
  digest: string;
};

/** A message leaves the client; `by` is the user. Resends repeat it with a higher `attempt`. */
export type Send = Client &
  InChannel & {
    what: "send";
    by: string;
    clientId: string;
    attempt: number;
    content: string;
    durability?: Durability;
  };
/** The answer yes. `epoch` where the client could know it. */
export type Ack = Client &
  InChannel & {
    what: "ack";
    by: string;
    clientId: string;
    seq: number;
    epoch?: number;
    durability: Durability;
    duplicate?: boolean;
  };
/** The answer no. */
export type RefusedSend = Client &
  InChannel & {
    what: "refused";
    by: string;
    clientId: string;
    code: RefusalCode;
    retry: "never" | "later" | "elsewhere";
  };
export type Connect = Client & { what: "connect"; node: string };
export type Disconnect = Client & { what: "disconnect"; reason?: string };
/** The answer to `channel:join` or `channel:open`: the client listens from here on. */
export type Open = Client & InChannel & { what: "open"; seq: number; epoch: number };
/** The answer to `channel:close` or `channel:leave`. */
export type Close = Client & InChannel & { what: "close" };
/** One `channel:events`, as it came, before the client dropped or held back anything. */
export type Live = Client & InChannel & { what: "events"; epoch: number; events: EventSeen[] };
/** The answer to `channel:sync`, or one channel of a resume (`via`), after which the client listens again. */
export type Synced = Client &
  InChannel & {
    what: "sync";
    via: "sync" | "resume";
    afterSeq: number;
    events: EventSeen[];
    seq: number;
    epoch: number;
    more: boolean;
    reset?: boolean;
  };
/** `channel:behind`. */
export type Behind = Client & InChannel & { what: "behind"; seq: number; epoch: number };
/** The answer yes to a change of what stands in the channel: `change` and what it was about. */
export type Changed = Client &
  InChannel & {
    what: "changed";
    by: string;
    change: "edited" | "deleted" | "pinned" | "unpinned" | "reacted" | "unreacted";
    messageId: string;
    content?: string;
    emoji?: string;
  };
/** What a client holds of a channel at the end: its fold. */
export type Held = Client &
  InChannel & {
    what: "held";
    /** Everything outside threads from here on is held, and every reply after that position. */
    fromSeq: number;
    repliesAfterSeq: number;
    messages: Message[];
    unread: number;
  };
/** What the server tells the same person at the end, read from the beginning on another node. */
export type Served = Client &
  InChannel & { what: "served"; messages: Message[]; pinned: string[]; unread: number };
/** A row of `messages`, after healing. */
export type MessageRow = InChannel & {
  what: "row";
  seq: number;
  epoch: number;
  authorId: string;
  clientId: string;
  /** As it was sent, whatever became of it. */
  content: string;
  atMs: number;
};
/** A row of `channels`, after healing: the head. */
export type ChannelRow = InChannel & { what: "channel"; seq: number; epoch: number };
/** An event that stands in a shard's log, void entries left out. */
export type Logged = InChannel & { what: "logged"; epoch: number; event: EventSeen };

/** Whoever put this client's user out of the channel was told that it is done. */
export type Out = Client & InChannel & { what: "out"; userId: string };
/** From here on Redis holds what it may lose; `tail` is a number of the run's own. */
export type Tail = { what: "tail"; tail: number };
/** Redis is gone: whatever is acked from here on is of another life. */
export type TailEnd = { what: "tail-end"; tail: number };
/** The owner of these channels died with that tail: what was acked as `logged` in it may be gone. Last of all records of a run. */
export type Loss = { what: "loss"; tail: number; channelIds: string[] };

export type HistoryRecord =
  | Out
  | Tail
  | TailEnd
  | Loss
  | Send
  | Ack
  | RefusedSend
  | Connect
  | Disconnect
  | Open
  | Close
  | Live
  | Synced
  | Behind
  | Changed
  | Held
  | Served
  | MessageRow
  | ChannelRow
  | Logged;

/** What the history keeps of an event. Key order does not matter to `digest`. */
export function eventSeen(event: ChannelEvent): EventSeen {
  const digest = createHash("sha256")
    .update(JSON.stringify(event, sortKeys))
    .digest("base64url")
    .slice(0, 16);
  const { seq, type, by, atMs } = event;
  return { seq, type, by, atMs, ...saidBy(event), digest };
}

/** What an event says of messages. */
function saidBy(event: ChannelEvent): Partial<EventSeen> {
  switch (event.type) {
    case "message:new": {
      const { id, clientId, content, ordinal, threadId } = event.message;
      const replyCount = event.thread?.replyCount;
      return { clientId, content, ordinal, threadId, replyCount, messageIds: [id] };
    }
    case "message:updated":
      return { content: event.content, messageIds: [event.messageId] };
    case "message:deleted":
      return { messageIds: event.messageIds ?? [event.messageId!] };
    case "message:pinned":
    case "message:unpinned":
      return { messageIds: [event.messageId] };
    case "reaction:added":
    case "reaction:removed":
      return { messageIds: [event.messageId], emoji: event.emoji, count: event.count };
    case "member:left":
      return { leftBy: event.userId };
    default:
      return {};
  }
}

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads a history line by line, so that its size does not matter. */
export async function* readHistory(path: string): AsyncGenerator<HistoryRecord> {
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    if (line !== "") yield JSON.parse(line) as HistoryRecord;
  }
}
