/** Logs for the projector's tests: what actors would have logged for any run of steps, and a source that hands it out. */
import type { EventRecord, LogRecord } from "../../../actors/ports.ts";
import type { Channel, Member } from "../../../protocol/channel.ts";
import type { ChannelEvent } from "../../../protocol/events.ts";
import {
  type ChannelId,
  type ClientId,
  type MessageId,
  messageId,
  type UserId,
} from "../../../protocol/ids.ts";
import type { Message } from "../../../protocol/message.ts";
import type { FlushSource, LogId } from "../../ports.ts";

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

type Person = { member: Member; lastSeq: number };
type Room = {
  id: ChannelId;
  channel: Channel;
  count: number;
  people: Map<UserId, Person>;
  atMs: number;
  roots: Map<MessageId, number>;
};

/** One step of a channel's life; steps that make no sense where they fall leave no record. */
export type Step = { channel: number; user: number; what: (typeof STEPS)[number]; n: number };
/** As often as they should come in a log. */
export const STEPS = [
  "send",
  "send",
  "reply",
  "join",
  "leave",
  "invite",
  "mute",
  "rename",
  "archive",
  "mark",
  "reign",
] as const;

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
    this.rooms.set(n, { id, channel, count: 0, people: new Map(), atMs: START_MS, roots: new Map() });
    this.happen(n, owner, { type: "channel:created", channel });
    this.join(n, owner);
  }

  send(n: number, user: number, content = `message ${this.sent}`, mentioned?: UserId): EventRecord {
    const room = this.room(n);
    room.count += 1;
    const message = this.message(n, user, content, room.count);
    if (mentioned) message.mentions = [{ kind: "user", userId: mentioned }];
    const record = this.happen(n, user, { type: "message:new", message }, "ab".repeat(32));
    room.roots.set(message.id, 0);
    return record;
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
    } else if (isActive) this.act(n, user, what, number, person);
  }

  private act(n: number, user: number, what: Step["what"], number: number, { member }: Person): void {
    const room = this.room(n);
    if (what === "send")
      this.send(n, user, `text ${number}`, number % 3 === 0 ? userId(number % 4) : undefined);
    if (what === "reply") this.reply(n, user, number);
    if (what === "leave") this.setPerson(n, user, { ...member, status: "left" }, "member:left");
    if (what === "mute")
      this.setPerson(n, user, { ...member, mutedUntilMs: number % 2 ? null : number }, "member:updated");
    if (what === "rename")
      this.happen(n, user, { type: "channel:updated", channel: { ...room.channel, name: `name ${number}` } });
    if (what === "archive")
      this.happen(n, user, { type: "channel:archived", channel: { ...room.channel, archived: true } });
  }

  reply(n: number, user: number, number: number): void {
    const room = this.room(n);
    const root = [...room.roots.keys()][number % Math.max(1, room.roots.size)];
    if (root === undefined) return;
    const replyCount = room.roots.get(root)! + 1;
    room.roots.set(root, replyCount);
    const message = { ...this.message(n, user, "reply", replyCount), threadId: root };
    this.happen(n, user, {
      type: "message:new",
      message,
      thread: { id: root, replyCount, lastReplyAtMs: room.atMs + 7 },
    });
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

/** A shard's confirmed records, one entry each, and what the projector said about them. */
export class TestSource implements FlushSource {
  readonly shard: number;
  readonly epoch: number;
  flushedUpTo: LogId;
  /** What the projector called, in order. */
  readonly heard: string[] = [];
  onFlushed: () => void = () => {};
  private readonly entries: { id: LogId; record: LogRecord }[] = [];
  private n = 0;

  constructor(shard: number, epoch: number, flushedUpTo: LogId = [0, 0]) {
    this.shard = shard;
    this.epoch = epoch;
    this.flushedUpTo = flushedUpTo;
  }

  append(records: readonly LogRecord[]): void {
    for (const record of records) this.entries.push({ id: [this.epoch, ++this.n], record });
  }

  peek(maxRecords: number) {
    const lacking = this.entries.filter(({ id }) => isAfter(id, this.flushedUpTo)).slice(0, maxRecords);
    const last = lacking.at(-1);
    return last && { records: lacking.map((entry) => entry.record), upTo: last.id };
  }

  flushed(upTo: LogId): void {
    this.flushedUpTo = upTo;
    this.heard.push(`flushed ${upTo.join("-")}`);
    this.onFlushed();
  }

  fenced(): void {
    this.heard.push("fenced");
  }

  rewound(to: LogId): void {
    this.flushedUpTo = to;
    this.heard.push(`rewound ${to.join("-")}`);
  }

  get left(): number {
    return this.entries.filter(({ id }) => isAfter(id, this.flushedUpTo)).length;
  }
}

function isAfter([epochA, a]: LogId, [epochB, b]: LogId): boolean {
  return epochA > epochB || (epochA === epochB && a > b);
}
