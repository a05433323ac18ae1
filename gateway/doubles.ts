/** Test doubles of the gateway's ports: channels in memory that answer as their actors would, and record what they were asked. */
import { type Logger, pino } from "pino";
import { v7 as uuidv7 } from "uuid";
import type { ChannelCommand, Opened, SessionCommand } from "../actors/commands.ts";
import type { Router } from "../actors/ports.ts";
import type { Channel, Member, Position } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import { type ChannelId, type ClientId, messageId, type UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import { type Answer, refused } from "../protocol/refusals.ts";
import type { ChannelSynced } from "../protocol/requests.ts";
import type { Membership, Memberships } from "./ports.ts";

export const newUser = () => uuidv7() as UserId;
export const newChannel = () => uuidv7() as ChannelId;

/** A logger that keeps the messages of what it was told at `level` or above; `error` is what an operator is woken for. */
export function recordingLogger(level: "warn" | "error" = "error"): { logger: Logger; said: string[] } {
  const said: string[] = [];
  const write = (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg);
  return { logger: pino({ level }, { write }), said };
}

type Logged = { epoch: number; event: ChannelEvent };
/** One channel: its log, who is in it, and the reign that decides. `crowd`: as many members besides, whom nobody meets. */
export type ChannelDouble = {
  log: Logged[];
  members: Set<UserId>;
  epoch: number;
  spaceId?: ChannelId;
  crowd?: number;
};

export type ChannelsDouble = Router & {
  channels: Map<ChannelId, ChannelDouble>;
  /** Every command, in the order in which it came. */
  trace: { channelId: ChannelId; command: ChannelCommand }[];
  attached: { userId: UserId; command: SessionCommand }[];
  /** Awaited before a command is judged: holds answers back. */
  before: (command: ChannelCommand) => Promise<void> | void;
  /** Answers instead of the channel, where it answers. */
  instead: (command: ChannelCommand) => Answer | undefined;
  create(channelId: ChannelId, members: UserId[]): ChannelDouble;
  /** Decides an event; whoever has it may publish it. */
  say(channelId: ChannelId, by: UserId, content?: string): ChannelEvent;
  remove(channelId: ChannelId, userId: UserId): ChannelEvent;
  memberships: Memberships;
};

export function memoryChannels(): ChannelsDouble {
  const channels = new Map<ChannelId, ChannelDouble>();
  const get = (id: ChannelId) => channels.get(id)!;
  const append = (id: ChannelId, make: (seq: number) => ChannelEvent) => {
    const channel = get(id);
    const event = make(channel.log.length + 1);
    channel.log.push({ epoch: channel.epoch, event });
    return event;
  };
  const double: ChannelsDouble = {
    channels,
    trace: [],
    attached: [],
    before: () => {},
    instead: () => undefined,
    create(channelId, members) {
      const channel: ChannelDouble = { log: [], members: new Set(members), epoch: 1 };
      channels.set(channelId, channel);
      return channel;
    },
    say: (channelId, by, content = "hello") =>
      append(channelId, (seq) => messageEvent(channelId, seq, by, content)),
    remove(channelId, userId) {
      get(channelId).members.delete(userId);
      return append(channelId, (seq) => leftEvent(seq, userId));
    },
    async askChannel(channelId, command) {
      double.trace.push({ channelId, command });
      await double.before(command);
      const answer = double.instead(command) ?? judge(double, channelId, command);
      // Over a bus it would be a copy as well.
      return structuredClone(answer) as never;
    },
    async askUser(userId, command) {
      double.attached.push({ userId, command });
      const isSeen = command.type === "watch" || command.type === "presence";
      return { ok: true, ...(isSeen && { presence: { userId, status: "offline" } }) } as never;
    },
    async heads(ids) {
      const known = ids.filter((id) => channels.has(id));
      return new Map(known.map((id) => [id, headOf(get(id))]));
    },
    memberships: {
      ofUser: async (userId) =>
        [...channels]
          .filter(([, { members }]) => members.has(userId))
          .map(([id, channel]) => membershipOf(id, channel, userId)),
      listed: async () => [],
      members: async () => [],
    },
  };
  return double;
}

function judge(double: ChannelsDouble, id: ChannelId, command: ChannelCommand): Answer {
  const channel = double.channels.get(id);
  if (!channel) return refused("not_found");
  if (command.type === "join" && !channel.members.has(command.by)) {
    channel.members.add(command.by);
    const seq = channel.log.length + 1;
    channel.log.push({ epoch: channel.epoch, event: joinedEvent(seq, command.by) });
  }
  if ("by" in command && !channel.members.has(command.by)) return refused("not_a_member");
  return { ok: true, ...answerOf(double, id, channel, command) };
}

function answerOf(
  double: ChannelsDouble,
  id: ChannelId,
  channel: ChannelDouble,
  command: ChannelCommand,
): object {
  switch (command.type) {
    case "join":
    case "open":
      return openedOf(id, channel, command.by);
    case "sync":
      return syncedOf(channel, command);
    case "send": {
      const event = double.say(id, command.by, command.message.content) as { message: Message };
      return { message: event.message, durability: "logged" };
    }
    case "leave":
      double.remove(id, command.by);
      return {};
    case "mark":
      return { unread: 0 };
    case "invite":
      return { member: memberOf(command.userId, "pending") };
    case "change_member":
      return { member: memberOf(command.userId, "active") };
    case "remove_member":
      return { member: memberOf(command.userId, "left") };
    case "update":
      return { channel: channelOf(id, channel) };
    case "message":
    case "edit":
      return { message: messageOf(id, channel, command) };
    case "react":
      return { count: command.on ? 1 : 0 };
    case "delete":
    case "pin":
    case "typing":
      return {};
    case "follow":
      return { unread: 0 };
    case "member":
      return channel.members.has(command.userId)
        ? { kind: "space", member: memberOf(command.userId, "active") }
        : { kind: "space" };
    default:
      throw new Error(`the double knows no ${command.type}`);
  }
}

/** The one in the log, or one as good. */
function messageOf(id: ChannelId, { log }: ChannelDouble, { by, seq }: { by: UserId; seq: number }): Message {
  const event = log[seq - 1]?.event;
  return event?.type === "message:new" ? event.message : newMessage(id, seq, by);
}

/** As the channel actor: of one reign, `reset` for another history. */
function syncedOf(
  { log }: ChannelDouble,
  { afterSeq, epoch, limit }: { afterSeq: number; epoch?: number; limit: number },
): ChannelSynced {
  const [head, headEpoch] = headOf({ log, members: new Set(), epoch: 0 });
  const known = log[afterSeq - 1];
  if (afterSeq > head || (known && epoch !== undefined && known.epoch !== epoch))
    return { events: [], seq: head, epoch: headEpoch, more: false, reset: true };
  const first = log[afterSeq];
  if (!first) return { events: [], seq: head, epoch: headEpoch, more: false };
  const after = log.slice(afterSeq, afterSeq + limit);
  const end = after.findIndex((logged) => logged.epoch !== first.epoch);
  const events = (end === -1 ? after : after.slice(0, end)).map((logged) => logged.event);
  const seq = afterSeq + events.length;
  return { events, seq, epoch: first.epoch, more: seq < head };
}

function headOf({ log }: ChannelDouble): Position {
  return [log.length, log.at(-1)?.epoch ?? 0];
}

function channelOf(id: ChannelId, channel: ChannelDouble): Channel {
  const [seq, epoch] = headOf(channel);
  const { members, spaceId, crowd = 0 } = channel;
  const memberCount = members.size + crowd;
  const kind = spaceId ? "topic" : "group";
  return { id, kind, spaceId, settings: {}, archived: false, seq, epoch, memberCount };
}

function memberOf(userId: UserId, status: Member["status"]): Member {
  return { userId, role: "member", status, joinedAtMs: 1 };
}

function openedOf(id: ChannelId, channel: ChannelDouble, userId: UserId): Opened {
  const [seq, epoch] = headOf(channel);
  return {
    channel: channelOf(id, channel),
    membership: memberOf(userId, "active"),
    seq,
    epoch,
    unflushed: [],
  };
}

function membershipOf(id: ChannelId, channel: ChannelDouble, userId: UserId): Membership {
  return {
    channel: channelOf(id, channel),
    member: memberOf(userId, "active"),
    messageCount: channel.log.length,
    unread: 0,
    mentions: 0,
    readSeq: 0,
    notify: "all",
  };
}

export function messageEvent(channelId: ChannelId, seq: number, by: UserId, content = "hello"): ChannelEvent {
  const message = newMessage(channelId, seq, by, content);
  return { type: "message:new", seq, atMs: message.atMs, by, message };
}

function newMessage(channelId: ChannelId, seq: number, by: UserId, content = "hello"): Message {
  return {
    id: messageId(channelId, seq),
    channelId,
    seq,
    ordinal: seq,
    authorId: by,
    clientId: uuidv7() as ClientId,
    type: "text",
    content,
    html: `<p>${content}</p>`,
    mentions: [],
    attachments: [],
    replyCount: 0,
    reactions: [],
    pinned: false,
    atMs: Date.now(),
    metadata: {},
  };
}

export function leftEvent(seq: number, userId: UserId): ChannelEvent {
  const member = memberOf(userId, "left");
  return { type: "member:left", seq, atMs: Date.now(), by: userId, userId, member, memberCount: 1 };
}

export function joinedEvent(seq: number, userId: UserId): ChannelEvent {
  return {
    type: "member:joined",
    seq,
    atMs: Date.now(),
    by: userId,
    member: memberOf(userId, "active"),
    memberCount: 1,
  };
}
