/** A channel as one client holds it: the page that it opened with, and every event since, folded as any client folds them. */
import type { ChannelEvent } from "../../protocol/events.ts";
import { foldChannel, foldMessages, type ReaderFold, unwritten } from "../../protocol/fold.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { ChannelOpened } from "../../protocol/requests.ts";

export class Reader {
  fold: ReaderFold;
  /** Everything outside threads from here on is held. */
  fromSeq = 1;
  /** Every reply after this position is held. */
  repliesAfterSeq = 0;
  /** The reader's own mark, and how many messages lie up to it (rule E6). */
  readSeq = 0;
  #readCount = 0;

  constructor(me: UserId) {
    this.fold = { ...unwritten(), me, messages: new Map() };
  }

  /** Begins anew from the page of `channel:join` or `channel:open`: what was held before is let go. */
  open({ channel, recent, seq, epoch }: Pick<ChannelOpened, "channel" | "recent" | "seq" | "epoch">): void {
    const { me } = this.fold;
    const messages = new Map(recent.messages.map((message) => [message.id, message]));
    const messageCount = recent.messages.at(-1)?.ordinal ?? 0;
    this.fold = { channel, seq, epoch, memberCount: channel.memberCount, messageCount, me, messages };
    this.fromSeq = recent.older === undefined ? 1 : recent.messages[0]!.seq;
    this.repliesAfterSeq = seq;
  }

  /** Whoever joins has read what was there. */
  joined(): void {
    this.#mark(this.fold.seq, this.fold.messageCount);
  }

  /** The next event in order; `epoch` is no older than the one before. */
  take(epoch: number, event: ChannelEvent): void {
    const { me, messages, messageCount } = this.fold;
    foldChannel(this.fold, epoch, event);
    foldMessages(messages, event, me);
    if (event.type !== "message:new" || event.by !== me) return;
    const isReply = event.message.threadId !== undefined;
    this.#mark(event.seq, isReply ? messageCount : event.message.ordinal);
  }

  /** The server has taken a read mark of this reader. */
  read(seq: number): void {
    this.#mark(seq, this.#ordinalAt(seq));
  }

  /** How many messages outside threads lie behind the mark. */
  get unread(): number {
    return this.fold.messageCount - this.#readCount;
  }

  get messages(): Message[] {
    return [...this.fold.messages.values()].sort((a, b) => a.seq - b.seq);
  }

  /** The last message of someone, or of anyone, for which `fits` holds. */
  last(fits: (message: Message) => boolean): Message | undefined {
    return this.messages.findLast(fits);
  }

  #ordinalAt(seq: number): number {
    return this.last((message) => message.threadId === undefined && message.seq <= seq)?.ordinal ?? 0;
  }

  #mark(seq: number, count: number): void {
    this.readSeq = Math.max(this.readSeq, seq);
    this.#readCount = Math.max(this.#readCount, count);
  }
}
