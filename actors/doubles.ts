/**
 * Stand-ins for what surrounds actors, for their tests: a gate that is confirmed by hand and keeps a trace, a store that
 * projects what is flushed into it, and a clock that stands still. Each implements its port wholly.
 */
import type { Member, Position } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import { channelOf, foldChannel, unwritten } from "../protocol/fold.ts";
import type { ChannelId, ClientId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { ChannelCommand, PreparedMessage } from "./commands.ts";
import {
  type ChannelFacts,
  type ChannelRow,
  type EventRecord,
  isEvent,
  type LogRecord,
  type MemberRow,
  type Reign,
  StoreAway,
} from "./ports.ts";
import type { ActorAlarm, World } from "./world.ts";

const digits = (n: number, length: number) => n.toString(16).padStart(length, "0");
/** The n-th UUIDv7 of each sort: greater n, greater id. */
export const user = (n: number) => `00000000-0000-7000-8000-${digits(n, 12)}` as UserId;
export const channel = (n: number) => `00000001-0000-7000-8000-${digits(n, 12)}` as ChannelId;
export const client = (n: number) => `${digits(n, 8)}-0000-7000-8000-000000000000` as ClientId;

/** A text as the gateway prepares it. */
export function said(clientId: ClientId, content = "hello"): PreparedMessage {
  const sentHash = `hash of ${content}`;
  return {
    clientId,
    type: "text",
    content,
    html: content,
    mentions: [],
    attachments: [],
    metadata: {},
    sentHash,
  };
}

/** A log and gate that confirm and flush when they are told to. */
export class HandGate implements Reign {
  readonly shard = 7;
  readonly epoch: number;
  readonly log: LogRecord[] = [];
  #waiting: (() => void)[] = [];
  #unflushed: { upTo: number; then: () => void }[] = [];
  #flushedUpTo = 0;
  #confirmedUpTo = 0;
  /** Confirms by itself, as an idle Redis does. */
  isOpen: boolean;
  room = true;

  /** What it found unflushed is not in Postgres before the first flush. */
  #owes: boolean;

  constructor(epoch = 1, isOpen = true, owes = false) {
    this.epoch = epoch;
    this.isOpen = isOpen;
    this.#owes = owes;
  }

  hasRoom(): boolean {
    return this.room;
  }

  enter(records: readonly LogRecord[], release: () => void): void {
    this.log.push(...records);
    if (this.isOpen && this.#waiting.length === 0) {
      this.#confirmedUpTo = this.log.length;
      release();
    } else this.#waiting.push(release);
  }

  whenFlushed(then: () => void): void {
    if (this.#flushedUpTo === this.log.length && !this.#owes) then();
    else this.#unflushed.push({ upTo: this.log.length, then });
  }

  /** All that waits is confirmed; what enters while it is released is confirmed as well. */
  confirm(): void {
    for (let release = this.#waiting.shift(); release; release = this.#waiting.shift()) release();
    this.#confirmedUpTo = this.log.length;
  }

  /** What is in the log for sure. */
  confirmed(): readonly LogRecord[] {
    return this.log.slice(0, this.#confirmedUpTo);
  }

  /** Everything confirmed goes to `write`, and to those who wait for that. */
  flush(write: (records: readonly LogRecord[]) => void): void {
    const records = this.log.slice(this.#flushedUpTo, this.#confirmedUpTo);
    this.#flushedUpTo = this.#confirmedUpTo;
    this.#owes = false;
    write(records);
    const due = this.#unflushed.filter(({ upTo }) => upTo <= this.#flushedUpTo);
    this.#unflushed = this.#unflushed.filter(({ upTo }) => upTo > this.#flushedUpTo);
    for (const { then } of due) then();
  }
}

/** Postgres as the actors see it: what `project` got, and nothing else. */
export class HandStore implements ChannelFacts {
  readonly rows = new Map<ChannelId, ChannelRow>();
  readonly members = new Map<string, MemberRow>();
  readonly sends = new Map<string, { message: Message; sentHash: string }>();
  /** Questions asked, in order. */
  readonly trace: string[] = [];
  isAway = false;
  /** Keeps answers back until it is released. */
  #held: (() => void)[] | undefined;

  hold(): void {
    this.#held = [];
  }

  letGo(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const resolve of held) resolve();
  }

  channel(id: ChannelId): Promise<ChannelRow | undefined> {
    return this.#answer(`channel ${id}`, () => this.rows.get(id));
  }

  heads(ids: readonly ChannelId[]): Promise<Map<ChannelId, Position>> {
    const found = ids.flatMap((id) => {
      const row = this.rows.get(id);
      return row ? [[id, [row.channel.seq, row.channel.epoch]] as [ChannelId, Position]] : [];
    });
    return this.#answer(`heads ${ids.length}`, () => new Map(found));
  }

  member(channelId: ChannelId, userId: UserId): Promise<MemberRow | undefined> {
    return this.#answer(`member ${userId}`, () => this.members.get(`${channelId}.${userId}`));
  }

  sent(channelId: ChannelId, authorId: UserId, clientId: ClientId) {
    return this.#answer(`sent ${clientId}`, () => this.sends.get(`${channelId}.${authorId}.${clientId}`));
  }

  ordinalAt(channelId: ChannelId, seq: number): Promise<number> {
    const ofChannel = [...this.sends.values()].filter(
      ({ message }) => message.channelId === channelId && message.seq <= seq,
    );
    return this.#answer(`ordinal ${seq}`, () =>
      Math.max(0, ...ofChannel.map(({ message }) => message.ordinal)),
    );
  }

  /** What was true when the question came is the answer, however late it is given. */
  async #answer<T>(question: string, look: () => T): Promise<T> {
    this.trace.push(question);
    if (this.isAway) throw new StoreAway();
    const seen = structuredClone(look());
    if (this.#held) await new Promise<void>((resolve) => this.#held!.push(resolve));
    return seen;
  }

  /** As the projector does; repeating any part changes nothing. */
  project(records: readonly LogRecord[]): void {
    for (const record of records) {
      if (isEvent(record)) this.#projectEvent(record);
      else this.#mark(record.channelId, record.mark.userId, record.mark);
    }
  }

  #projectEvent({ channelId, epoch, event, sentHash }: EventRecord): void {
    const row = this.rows.get(channelId);
    if (event.seq <= (row?.channel.seq ?? 0)) return;
    const fold = row
      ? { ...unwritten(), ...row.channel, channel: row.channel, messageCount: row.messageCount }
      : unwritten();
    foldChannel(fold, epoch, event);
    const reigns: Position[] = [...(row?.reigns ?? [])];
    if (reigns.at(-1)?.[1] !== epoch) reigns.push([event.seq, epoch]);
    this.rows.set(channelId, {
      channel: channelOf(fold)!,
      messageCount: fold.messageCount,
      lastAtMs: event.atMs,
      reigns: reigns.slice(-32),
    });
    this.#projectMembers(channelId, event, fold.messageCount);
    if (event.type === "message:new") {
      const { message } = event;
      this.sends.set(`${channelId}.${message.authorId}.${message.clientId}`, {
        message,
        sentHash: sentHash!,
      });
    }
  }

  #projectMembers(channelId: ChannelId, event: ChannelEvent, messageCount: number): void {
    if (event.type === "member:joined" || event.type === "member:left" || event.type === "member:updated") {
      this.#memberRow(channelId, event.member).member = event.member;
      if (event.type === "member:joined") {
        this.#mark(channelId, event.member.userId, {
          delivered: event.seq,
          read: event.seq,
          readCount: messageCount,
        });
      }
    } else if (event.type === "message:new") {
      const { authorId, clientId, ordinal } = event.message;
      const row = this.members.get(`${channelId}.${authorId}`)!;
      row.lastSentAtMs = event.atMs;
      if (clientId > (row.lastClientId ?? "")) row.lastClientId = clientId;
      this.#mark(channelId, authorId, { delivered: event.seq, read: event.seq, readCount: ordinal });
    }
  }

  #memberRow(channelId: ChannelId, member: Member): MemberRow {
    const key = `${channelId}.${member.userId}`;
    const row = this.members.get(key) ?? {
      member,
      lastSentAtMs: 0,
      deliveredSeq: 0,
      readSeq: 0,
      readCount: 0,
    };
    this.members.set(key, row);
    return row;
  }

  #mark(
    channelId: ChannelId,
    userId: UserId,
    mark: { delivered?: number; read?: number; readCount?: number },
  ): void {
    const row = this.members.get(`${channelId}.${userId}`);
    if (row === undefined) return;
    row.deliveredSeq = Math.max(row.deliveredSeq, mark.delivered ?? 0);
    row.readSeq = Math.max(row.readSeq, mark.read ?? 0);
    row.readCount = Math.max(row.readCount, mark.readCount ?? 0);
  }
}

/** A world in the test's hands. `trace` tells what left it, in order. */
export class HandWorld implements World {
  readonly facts = new HandStore();
  readonly trace: string[] = [];
  readonly published: { channelId: ChannelId; epoch: number; events: readonly ChannelEvent[] }[] = [];
  readonly alarms: ActorAlarm[] = [];
  readonly crashes: string[] = [];
  rejected = 0;
  /** Unix and monotonic milliseconds at once. */
  time = 1_700_000_000_000;
  #timers = new Set<{ everyMs: number; nextMs: number; run: () => void }>();
  /** Spaces' actors, as far as channels ask them. */
  askSpace: (spaceId: ChannelId, command: ChannelCommand) => Promise<Answer> = async () => ({ ok: true });

  readonly clock = { nowMs: () => this.time };
  readonly timers = {
    nowMs: () => this.time,
    every: (everyMs: number, run: () => void) => {
      const timer = { everyMs, nextMs: this.time + everyMs, run };
      this.#timers.add(timer);
      return () => void this.#timers.delete(timer);
    },
  };
  readonly router = {
    askChannel: (channelId: ChannelId, command: ChannelCommand) => this.askSpace(channelId, command) as never,
  };
  readonly broadcaster = {
    publish: (channelId: ChannelId, epoch: number, events: readonly ChannelEvent[]) => {
      this.published.push({ channelId, epoch, events });
      this.trace.push(`publish ${events.map(({ seq }) => seq).join()}`);
    },
  };
  readonly meter = {
    stage: () => undefined,
    mailboxRejected: () => void this.rejected++,
    crashed: (kind: string) => void this.crashes.push(kind),
    events: () => undefined,
  };
  alarm = (alarm: ActorAlarm) => void this.alarms.push(alarm);

  /** Time passes, and timers run as they fall due. */
  pass(ms: number): void {
    const endMs = this.time + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(({ nextMs }) => nextMs <= endMs)
        .sort((a, b) => a.nextMs - b.nextMs)[0];
      if (due === undefined) break;
      this.time = due.nextMs;
      due.nextMs += due.everyMs;
      due.run();
    }
    this.time = endMs;
  }

  get timersRunning(): number {
    return this.#timers.size;
  }
}
