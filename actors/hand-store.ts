/** Postgres as the actors see it, in memory, for their tests: it has what was projected into it. */
import type { ChannelKind, Member, Position } from "../protocol/channel.ts";
import type { ChannelEvent } from "../protocol/events.ts";
import { channelOf, foldChannel, foldMessages, unwritten } from "../protocol/fold.ts";
import {
  type ChannelId,
  type ClientId,
  type MessageId,
  messageId,
  parseMessageId,
  type UserId,
} from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import {
  type ChannelFacts,
  type ChannelRow,
  type EventRecord,
  type FollowRecord,
  isEvent,
  isMark,
  type LogRecord,
  type MemberRow,
  StoreAway,
} from "./ports.ts";

/** What `project` got, and nothing else. */
export class HandStore implements ChannelFacts {
  readonly rows = new Map<ChannelId, ChannelRow>();
  readonly members = new Map<string, MemberRow>();
  readonly sends = new Map<string, { id: MessageId; sentHash: string }>();
  readonly messages = new Map<MessageId, Message>();
  /** `<message id>.<user id>`: what they put on it. */
  readonly reacted = new Map<string, Set<string>>();
  /** `<message id>.<user id>`: the thread that they follow, or not. */
  readonly follows = new Map<string, { following: boolean; readCount: number; atMs: number }>();
  /** One of each message for everyone (without a person), else for each person whom it names; deletion leaves them. */
  readonly #mentions: { channelId: ChannelId; seq: number; userId?: UserId }[] = [];
  /** `<user id> <blocked id>`. */
  readonly blocks = new Set<string>();
  /** Questions asked, in order. */
  readonly trace: string[] = [];
  isAway = false;
  /** Keeps answers back until it is released. */
  #held: (() => void)[] | undefined;

  hold(): void {
    this.#held ??= [];
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
    return this.#answer(`member ${userId}`, () => this.memberRow(channelId, userId));
  }

  /** A member's row as it is now. */
  memberRow(channelId: ChannelId, userId: UserId): MemberRow | undefined {
    const row = this.members.get(`${channelId}.${userId}`);
    if (row === undefined) return undefined;
    return { ...row, ...this.mentionsRow(channelId, userId, row.readSeq) };
  }

  mentionsAfter(channelId: ChannelId, userId: UserId, seq: number) {
    return this.#answer(`mentions ${seq} ${userId}`, () => this.mentionsRow(channelId, userId, seq));
  }

  mentionsRow(channelId: ChannelId, userId: UserId, seq: number): { mentions: number; asOfSeq: number } {
    const mentions = this.#mentions.filter(
      (each) =>
        each.channelId === channelId &&
        each.seq > seq &&
        (each.userId === undefined || each.userId === userId),
    );
    return { mentions: mentions.length, asOfSeq: this.#seqOf(channelId) };
  }

  message(channelId: ChannelId, seq: number) {
    return this.#answer(`message ${seq}`, () => {
      const message = this.messages.get(messageId(channelId, seq));
      return message && { message, asOfSeq: this.#seqOf(channelId) };
    });
  }

  reactions(channelId: ChannelId, seq: number, userId: UserId) {
    return this.#answer(`reactions ${seq} ${userId}`, () => ({
      emojis: [...(this.reacted.get(`${messageId(channelId, seq)}.${userId}`) ?? [])],
      asOfSeq: this.#seqOf(channelId),
    }));
  }

  pins(channelId: ChannelId) {
    return this.#answer("pins", () => {
      const pinned = [...this.messages.values()].filter((m) => m.channelId === channelId && m.pinned);
      return { seqs: pinned.map(({ seq }) => seq), asOfSeq: this.#seqOf(channelId) };
    });
  }

  follow(channelId: ChannelId, seq: number, userId: UserId) {
    return this.#answer(`follow ${seq} ${userId}`, () => {
      const known = this.follows.get(`${messageId(channelId, seq)}.${userId}`);
      return known;
    });
  }

  followers(channelId: ChannelId, seq: number, max: number): Promise<UserId[]> {
    return this.#answer(`followers ${seq}`, () => {
      const start = `${messageId(channelId, seq)}.`;
      const ids = [...this.follows].filter(([key, { following }]) => following && key.startsWith(start));
      return ids
        .map(([key]) => key.slice(start.length) as UserId)
        .sort()
        .slice(0, max);
    });
  }

  blockBetween(userId: UserId, other: UserId): Promise<boolean> {
    return this.#answer(
      `block ${userId} ${other}`,
      () => this.blocks.has(`${userId} ${other}`) || this.blocks.has(`${other} ${userId}`),
    );
  }

  #seqOf(channelId: ChannelId): number {
    return this.rows.get(channelId)?.channel.seq ?? 0;
  }

  sent(channelId: ChannelId, authorId: UserId, clientId: ClientId) {
    return this.#answer(`sent ${clientId}`, () => this.sentRow(channelId, authorId, clientId));
  }

  /** A send's message as it is now. */
  sentRow(channelId: ChannelId, authorId: UserId, clientId: ClientId) {
    const send = this.sends.get(`${channelId}.${authorId}.${clientId}`);
    return send && { message: this.messages.get(send.id)!, sentHash: send.sentHash };
  }

  ordinalAt(channelId: ChannelId, seq: number): Promise<number> {
    return this.#answer(`ordinal ${seq}`, () => this.ordinalRow(channelId, seq));
  }

  ordinalRow(channelId: ChannelId, seq: number): number {
    const upTo = [...this.messages.values()].filter(
      (message) => message.channelId === channelId && message.seq <= seq && message.threadId === undefined,
    );
    return Math.max(0, ...upTo.map(({ ordinal }) => ordinal));
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
      else if (isMark(record)) this.#mark(record.channelId, record.mark.userId, record.mark);
      else this.#follow(record);
    }
  }

  #follow({ channelId, follow: { userId, seq, atMs, following, readCount = 0 } }: FollowRecord): void {
    const key = `${messageId(channelId, seq)}.${userId}`;
    const known = this.follows.get(key) ?? { following: false, readCount: 0, atMs: 0 };
    if (following !== undefined && atMs >= known.atMs) Object.assign(known, { following, atMs });
    known.readCount = Math.max(known.readCount, readCount);
    this.follows.set(key, known);
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
      lastMessageAtMs: event.type === "message:new" ? event.atMs : (row?.lastMessageAtMs ?? 0),
      reigns: reigns.slice(-32),
      pair: pairAfter(row?.pair, fold.channel!.kind, event),
    });
    this.#projectMembers(channelId, event, fold.messageCount);
    foldMessages(this.messages, event, undefined);
    if (event.type === "reaction:added" || event.type === "reaction:removed") {
      const key = `${event.messageId}.${event.by}`;
      const mine = this.reacted.get(key) ?? new Set();
      if (event.type === "reaction:added") mine.add(event.emoji);
      else mine.delete(event.emoji);
      this.reacted.set(key, mine);
    }
    if (event.type === "message:new") {
      this.#projectMentions(event.message);
      this.#projectReply(event);
      const { message } = event;
      this.sends.set(`${channelId}.${message.authorId}.${message.clientId}`, {
        id: message.id,
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
      const { authorId, clientId, ordinal, threadId } = event.message;
      const row = this.members.get(`${channelId}.${authorId}`)!;
      row.lastSentAtMs = event.atMs;
      if (clientId > (row.lastClientId ?? "")) row.lastClientId = clientId;
      const readCount = threadId === undefined ? ordinal : 0;
      this.#mark(channelId, authorId, { delivered: event.seq, read: event.seq, readCount });
    }
  }

  #projectMentions({ channelId, seq, mentions }: Message): void {
    const isForAll = mentions.some(({ kind }) => kind !== "user");
    const people = new Set(mentions.map(({ userId }) => userId));
    for (const userId of isForAll ? [undefined] : people) this.#mentions.push({ channelId, seq, userId });
  }

  /** Who replies, who has read up to there, and who began the thread follow it, unless they said otherwise. */
  #projectReply({ message, thread }: Extract<ChannelEvent, { type: "message:new" }>): void {
    if (thread === undefined) return;
    const { channelId, authorId, ordinal: readCount } = message;
    const common = { seq: parseMessageId(thread.id).seq, atMs: 0, following: true };
    this.#follow({ channelId, follow: { userId: authorId, ...common, readCount } });
    this.#follow({ channelId, follow: { userId: thread.authorId, ...common } });
  }

  #memberRow(channelId: ChannelId, member: Member): MemberRow {
    const key = `${channelId}.${member.userId}`;
    const row = this.members.get(key) ?? {
      member,
      lastSentAtMs: 0,
      deliveredSeq: 0,
      readSeq: 0,
      readCount: 0,
      mentions: 0,
      asOfSeq: 0,
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

/** The two people of a dm come in with its first events. */
function pairAfter(pair: ChannelRow["pair"], kind: ChannelKind, event: ChannelEvent): ChannelRow["pair"] {
  if (kind !== "dm" || event.type !== "member:joined") return pair;
  return [pair?.[0] ?? event.member.userId, event.member.userId];
}
