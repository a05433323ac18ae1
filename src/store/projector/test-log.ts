/** Logs for the projector's tests: what actors would have logged for any run of steps. */
import type { EventRecord, FollowRecord, LogRecord } from "../../../actors/ports.ts";
import type { Channel, Member } from "../../../protocol/channel.ts";
import type { ChannelEvent } from "../../../protocol/events.ts";
import { foldMessages } from "../../../protocol/fold.ts";
import {
  type ChannelId,
  type ClientId,
  type MessageId,
  messageId,
  type UserId,
} from "../../../protocol/ids.ts";
import type { Message } from "../../../protocol/message.ts";
import { CHANGES, type Step } from "./test-steps.ts";

const isChange = (what: Step["what"]): what is Change => CHANGES.some((change) => change === what);
type Change = (typeof CHANGES)[number];

/** Distinct, readable UUIDv7s. */
function uuid(kind: number, n: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return `0190${hex(kind, 4)}-0000-7000-8000-${hex(n, 12)}`;
}
export const userId = (n: number) => uuid(1, n) as UserId;
export const channelId = (n: number) => uuid(2, n) as ChannelId;
export const clientId = (n: number) => uuid(3, n) as ClientId;

/** Of the logs of this file: a day in 2026. */
export const START_MS = 1_790_000_000_000;

/** Channels 0 and 2 live in shard 0, channel 1 in shard 1. */
const SHARDS = 2;
const shardOf = (channel: number) => channel % SHARDS;

const EMOJIS = ["👍", "🎉", ":ship:"];

type Person = { member: Member; lastSeq: number };
type Room = {
  id: ChannelId;
  channel: Channel;
  count: number;
  people: Map<UserId, Person>;
  atMs: number;
  /** As every reader sees them now. */
  messages: Map<MessageId, Message>;
  /** Who has put it there, in order, by message and emoji. */
  reactors: Map<string, UserId[]>;
};

/** Makes a log of one cluster: events with seq and epoch as actors decide them. */
export class TestLog {
  readonly records: { shard: number; record: LogRecord }[] = [];
  private readonly rooms = new Map<number, Room>();
  private epoch = 1;
  private sent = 0;

  /** The log of any steps, over three channels that are there from the start. */
  static of(taken: readonly Step[]): TestLog {
    const log = new TestLog();
    for (const n of [0, 1, 2]) log.create(n, 0);
    for (const step of taken) log.take(step);
    return log;
  }

  create(n: number, owner: number): void {
    const id = channelId(n);
    const channel: Channel = {
      id,
      kind: "group",
      name: `room ${n}`,
      settings: {},
      archived: false,
      seq: 0,
      epoch: this.epoch,
      memberCount: 0,
    };
    this.rooms.set(n, {
      id,
      channel,
      count: 0,
      people: new Map(),
      atMs: START_MS,
      messages: new Map(),
      reactors: new Map(),
    });
    this.happen(n, owner, { type: "channel:created", channel });
    this.join(n, owner);
  }

  send(
    n: number,
    user: number,
    content = `message ${this.sent}`,
    { mentioned, quoted }: { mentioned?: UserId; quoted?: Message } = {},
  ): EventRecord {
    const room = this.room(n);
    room.count += 1;
    const message = this.message(n, user, content, room.count);
    if (mentioned) message.mentions = [{ kind: "user", userId: mentioned }];
    if (quoted) message.replyTo = { id: quoted.id, authorId: quoted.authorId, excerpt: quoted.content };
    return this.happen(n, user, { type: "message:new", message }, "ab".repeat(32));
  }

  join(n: number, user: number): void {
    const room = this.room(n);
    const member: Member = { userId: userId(user), role: "member", status: "active", joinedAtMs: room.atMs };
    this.setPerson(n, user, member, "member:joined");
  }

  /** What follows is decided by another owner. */
  reign(): void {
    this.epoch += 1;
  }

  mark(n: number, user: number, seq: number): void {
    const room = this.room(n);
    const mark = { userId: userId(user), delivered: seq, read: seq, readCount: Math.min(seq, room.count) };
    this.records.push({ shard: shardOf(n), record: { channelId: room.id, mark } });
  }

  /** Puts in a record as it is, however wrong. */
  raw(n: number, record: LogRecord): void {
    this.records.push({ shard: shardOf(n), record });
  }

  /** The next event of the channel, for a test that wants to break it. */
  happen(n: number, user: number, event: Bare, sentHash?: string): EventRecord {
    const room = this.room(n);
    room.atMs += 7;
    const seq = room.channel.seq + 1;
    const whole = { ...event, seq, atMs: room.atMs, by: userId(user) } as ChannelEvent;
    room.channel = { ...room.channel, seq, epoch: this.epoch };
    if ("channel" in whole) whole.channel = room.channel = { ...whole.channel, seq, epoch: this.epoch };
    foldMessages(room.messages, whole, undefined);
    const record: EventRecord = {
      channelId: room.id,
      epoch: this.epoch,
      event: whole,
      ...(sentHash && { sentHash }),
    };
    this.records.push({ shard: shardOf(n), record });
    return record;
  }

  private take({ channel: n, user, what, n: number }: Step): void {
    const room = this.room(n);
    const person = room.people.get(userId(user));
    const isActive = person?.member.status === "active";
    if (what === "reign") this.reign();
    else if (what === "join" && !isActive) this.join(n, user);
    else if (what === "mark" && person) this.mark(n, user, number % (room.channel.seq + 1));
    else if (what === "invite" && !person) {
      this.setPerson(
        n,
        user,
        { userId: userId(user), role: "guest", status: "pending", joinedAtMs: room.atMs },
        "member:updated",
      );
    } else if (isChange(what)) this.changeSome(n, user, what, number);
    else if (isActive) this.act(n, user, what, number, person);
  }

  private act(n: number, user: number, what: Step["what"], number: number, { member }: Person): void {
    const room = this.room(n);
    if (what === "send") {
      const mentioned = number % 3 === 0 ? userId(number % 4) : undefined;
      const quoted = number % 4 === 1 ? this.standing(n, number) : undefined;
      this.send(n, user, `text ${number}`, { mentioned, quoted });
    }
    if (what === "reply") this.reply(n, user, number);
    if (what === "leave") this.setPerson(n, user, { ...member, status: "left" }, "member:left");
    if (what === "mute")
      this.setPerson(n, user, { ...member, mutedUntilMs: number % 2 ? null : number }, "member:updated");
    if (what === "rename")
      this.happen(n, user, { type: "channel:updated", channel: { ...room.channel, name: `name ${number}` } });
    if (what === "archive")
      this.happen(n, user, { type: "channel:archived", channel: { ...room.channel, archived: true } });
  }

  private changeSome(n: number, user: number, what: Change, number: number): void {
    const message = this.standing(n, number);
    if (message === undefined) return;
    const { id, seq } = message;
    const { atMs, messages } = this.room(n);
    if (what === "edit") this.edit(n, user, id, `edited ${number}`);
    const preview = { url: `https://e.org/${number}` };
    if (what === "preview") this.happen(n, user, { type: "message:updated", messageId: id, preview });
    if (what === "delete") this.happen(n, user, { type: "message:deleted", messageId: id });
    const messageIds = [...messages.keys()].slice(number % 7);
    if (what === "purge") this.happen(n, user, { type: "message:deleted", messageIds });
    if (what === "follow")
      this.follow(n, user, { seq, atMs, following: number % 3 > 0, readCount: number % 5 });
    if (what === "pin" && !message.pinned) this.happen(n, user, { type: "message:pinned", messageId: id });
    if (what === "unpin" && message.pinned) this.happen(n, user, { type: "message:unpinned", messageId: id });
    if (what === "react") this.react(n, user, id, EMOJIS[number % EMOJIS.length]!, true);
    if (what === "unreact") this.react(n, user, id, EMOJIS[number % EMOJIS.length]!, false);
  }

  /** One of the messages that are not deleted; undefined: there is none. */
  private standing(n: number, number: number): Message | undefined {
    const there = [...this.room(n).messages.values()].filter(({ deletedAtMs }) => deletedAtMs === undefined);
    return there[number % Math.max(1, there.length)];
  }

  edit(n: number, user: number, id: MessageId, content: string): void {
    const edited = { content, html: `<p>${content}</p>`, editedAtMs: this.room(n).atMs + 7 };
    this.happen(n, user, { type: "message:updated", messageId: id, ...edited });
  }

  /** What stands so already is no event. */
  react(n: number, user: number, id: MessageId, emoji: string, isThere: boolean): void {
    const { reactors } = this.room(n);
    const key = `${id} ${emoji}`;
    const others = (reactors.get(key) ?? []).filter((other) => other !== userId(user));
    const now = isThere ? [...others, userId(user)] : others;
    if (now.length === (reactors.get(key) ?? []).length) return;
    reactors.set(key, now);
    const type = isThere ? ("reaction:added" as const) : ("reaction:removed" as const);
    this.happen(n, user, { type, messageId: id, emoji, count: now.length, recent: now.slice(0, 3) });
  }

  follow(n: number, user: number, said: Omit<FollowRecord["follow"], "userId">): void {
    const follow = { userId: userId(user), ...said };
    this.records.push({ shard: shardOf(n), record: { channelId: this.room(n).id, follow } });
  }

  /** The channel's messages as every reader sees them. */
  messages(n: number): ReadonlyMap<MessageId, Message> {
    return this.room(n).messages;
  }

  reply(n: number, user: number, number: number): void {
    const room = this.room(n);
    const roots = [...room.messages.values()].filter(
      ({ threadId, deletedAtMs }) => threadId === undefined && deletedAtMs === undefined,
    );
    const root = roots[number % Math.max(1, roots.length)];
    if (root === undefined) return;
    const { id, authorId, replyCount: before } = root;
    const replyCount = before + 1;
    const message = { ...this.message(n, user, "reply", replyCount), threadId: id };
    const thread = { id, authorId, replyCount, lastReplyAtMs: room.atMs + 7 };
    this.happen(n, user, { type: "message:new", message, thread }, "cd".repeat(32));
  }

  private setPerson(
    n: number,
    user: number,
    member: Member,
    type: "member:joined" | "member:left" | "member:updated",
  ): void {
    const room = this.room(n);
    room.people.set(userId(user), { member, lastSeq: room.channel.seq + 1 });
    const memberCount = [...room.people.values()].filter(
      (person) => person.member.status === "active",
    ).length;
    room.channel = { ...room.channel, memberCount };
    this.happen(n, user, {
      type,
      member,
      memberCount,
      ...(type === "member:left" && { userId: userId(user) }),
    } as Bare);
  }

  private message(n: number, user: number, content: string, ordinal: number): Message {
    const { id, channel, atMs } = this.room(n);
    const seq = channel.seq + 1;
    this.sent += 1;
    return {
      id: messageId(id, seq),
      channelId: id,
      seq,
      ordinal,
      authorId: userId(user),
      clientId: clientId(this.sent),
      type: "text",
      content,
      html: `<p>${content}</p>`,
      mentions: [],
      attachments: [],
      replyCount: 0,
      reactions: [],
      pinned: false,
      atMs: atMs + 7,
      metadata: this.sent % 2 ? { n: this.sent } : {},
    };
  }

  private room(n: number): Room {
    return this.rooms.get(n)!;
  }
}

/** An event without what its place in the channel gives it. */
type Bare = ChannelEvent extends infer E
  ? E extends ChannelEvent
    ? Omit<E, "seq" | "atMs" | "by">
    : never
  : never;
