/** Postgres as the actors see it, in memory, for their tests: it has what was projected into it. */
import type { Member, Position } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import { channelOf, foldChannel, unwritten } from "../protocol/fold.ts";
import type { ChannelId, ClientId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import {
  type ChannelFacts,
  type ChannelRow,
  type EventRecord,
  isEvent,
  type LogRecord,
  type MemberRow,
  StoreAway,
} from "./ports.ts";

/** What `project` got, and nothing else. */
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
