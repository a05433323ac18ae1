/**
 * What every node should know of every channel, in small: where it stands, and who came and went (rules H5, E1). One Redis
 * channel for the cluster; each node numbers its frames and repeats the last number every second, so that whoever missed one
 * knows it within a second or so, and asks.
 */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { ChannelHead } from "../../protocol/signals.ts";
import { Numbers } from "./numbers.ts";
import type { RedisClient, Subscriptions } from "./subscriptions.ts";

/** A person came into a channel, or went: left, was removed, or banned. */
export type Move = { channelId: ChannelId; userId: UserId; isIn: boolean };

/** How long news are gathered for one frame to the other nodes, milliseconds. Chosen: ten frames a second and node at most. */
export const GATHER_MS = 100;
/** Between two repetitions of the last number (rule E1: a ban is heard of within 2 s even when its frame is lost). */
export const REPEAT_MS = 1_000;
/** News in one frame: 60 KB of heads; what is beyond goes with the next, at once. */
const FRAME_NEWS_MAX = 1_000;

export type BulletinOptions = {
  publisher: RedisClient;
  subscriber: RedisClient;
  subscriptions: Pick<Subscriptions, "add" | "remove">;
  /** The Redis channel. */
  channel: string;
  /** This node's incarnation. */
  node: string;
  /** News of this node's actors, and of the others'. */
  heardHead(head: ChannelHead): void;
  heardMove(move: Move): void;
  /** News may have been missed. */
  doubt(): void;
};

type HeadEntry = [id: ChannelId, seq: number, epoch: number, messageCount: number];
type MoveEntry = [id: ChannelId, userId: UserId, isIn: 0 | 1];
/** As it crosses Redis. Without `heads` and `moves` it repeats the number of the last frame that had them. */
type Frame = { from: string; n: number; heads?: HeadEntry[]; moves?: MoveEntry[] };

export class Bulletin {
  readonly #options: BulletinOptions;
  readonly #name: Buffer;
  readonly #numbers = new Numbers();
  #n = 0;
  #heads: HeadEntry[] = [];
  #moves: MoveEntry[] = [];
  #gathering: NodeJS.Timeout | undefined;
  readonly #repeating: NodeJS.Timeout;
  readonly #onMessage = (channel: Buffer, message: Buffer) => {
    if (this.#name.equals(channel)) this.#read(message.toString());
  };

  /** It posts from now on; it hears after `listen`. */
  constructor(options: BulletinOptions) {
    this.#options = options;
    this.#name = Buffer.from(options.channel);
    this.#repeating = setInterval(() => this.#repeat(), REPEAT_MS).unref();
  }

  /** Begins to hear the other nodes. */
  listen(): void {
    this.#options.subscriber.on("smessageBuffer", this.#onMessage);
    void this.#options.subscriptions.add(this.#options.channel);
  }

  /** Redis has confirmed the subscription, for the first time or again: what was said meanwhile was not heard. */
  subscribed(): void {
    this.#numbers.skip();
    this.#options.doubt();
  }

  postHead(head: ChannelHead): void {
    this.#options.heardHead(head);
    this.#heads.push([head.channelId, head.seq, head.epoch, head.messageCount]);
    this.#gather();
  }

  postMove(move: Move): void {
    this.#options.heardMove(move);
    this.#moves.push([move.channelId, move.userId, move.isIn ? 1 : 0]);
    this.#gather();
  }

  /** Sends what is gathered. */
  flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#heads.length + this.#moves.length === 0) return;
    this.#n += 1;
    this.#publish({ from: this.#options.node, n: this.#n, heads: this.#heads, moves: this.#moves });
    this.#heads = [];
    this.#moves = [];
  }

  close(): void {
    this.flush();
    clearInterval(this.#repeating);
    this.#options.subscriber.off("smessageBuffer", this.#onMessage);
    void this.#options.subscriptions.remove(this.#options.channel);
  }

  #gather(): void {
    if (this.#heads.length + this.#moves.length >= FRAME_NEWS_MAX) this.flush();
    else this.#gathering ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Who has told nothing has nothing that could be missed. */
  #repeat(): void {
    if (this.#n > 0) this.#publish({ from: this.#options.node, n: this.#n });
  }

  #publish(frame: Frame): void {
    const { publisher, channel } = this.#options;
    // What Redis did not take is missed by the others, who see it by the next number.
    publisher.spublish(channel, JSON.stringify(frame)).catch(() => {});
  }

  #read(text: string): void {
    try {
      this.#take(JSON.parse(text) as Frame);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // Not ours, or not whole: whatever it was to say was not heard.
      this.#options.doubt();
    }
  }

  #take({ from, n, heads, moves }: Frame): void {
    if (from === this.#options.node) return;
    const isNews = heads !== undefined || moves !== undefined;
    const heard = this.#numbers.hear(from, n, isNews, performance.now());
    if (heard === "known") return;
    for (const [channelId, userId, isIn] of moves ?? [])
      this.#options.heardMove({ channelId, userId, isIn: isIn === 1 });
    for (const [channelId, seq, epoch, messageCount] of heads ?? [])
      this.#options.heardHead({ channelId, seq, epoch, messageCount });
    if (heard === "gap") this.#options.doubt();
  }
}
