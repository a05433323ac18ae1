/** Messages between nodes: one inbox per node by sharded pub/sub, and all of one event-loop turn to one node in one publish (rule B2). */
import type { Logger } from "pino";
import type { ChannelCommand, SessionCommand } from "../../actors/commands.ts";
import type { Trace } from "../../actors/ports.ts";
import type { Connected } from "../../gateway/ports.ts";
import type { ChannelId, ConnectionId, UserId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { Presence } from "../../protocol/signals.ts";
import type { Hearing, Placement, PlannedMove } from "../ports.ts";
import type { ClusterKeys } from "./keys.ts";
import { certainlyNotDone, type RedisClient } from "./redis.ts";
import { Subscription } from "./subscription.ts";

/** `table` is the sender's table version: who is behind reads before it answers (rule B1). Ids are the sender's own. */
export type Ask =
  | { type: "channel"; id: number; table: number; actor: ChannelId; command: ChannelCommand; trace?: Trace }
  | { type: "user"; id: number; table: number; actor: UserId; command: SessionCommand; trace?: Trace };

/** What one node knows of a channel, for `hubbub channel`. `listeners`: on that node. */
export type Found = { listeners: number; epoch?: number; seq?: number; mailbox?: number };

/** What an operator wants of the leader; see `Placement`. */
export type Wish = { to: "plan" } | { to: "rebalance" } | { to: "move"; shard: number; node: string };

/** What became of it. `full`: as many shards as may be are on the move already; `failed`: Redis did not answer the leader. */
export type Granted =
  | { moves: PlannedMove[] }
  | { moved: Awaited<ReturnType<Placement["move"]>> | "full" }
  | { failed: string };

/** A shard as the node that serves it knows it; see `ShardStatus`. */
export type ShardHere = { shard: number; epoch: number; channels: number; load: number };

/** From a session actor to the gateway of the receiving node; nobody answers, and nobody repeats it. */
export type ToDevices =
  | { type: "tell_user"; userId: UserId; event: "unread" | "notification"; payload: object }
  | { type: "tell_viewers"; viewers: readonly UserId[]; presence: Presence }
  | { type: "replace"; userId: UserId; connectionIds: readonly ConnectionId[] };

/** Everything that nodes say to each other. */
export type BusMessage =
  | Ask
  | ToDevices
  | { type: "answer"; id: number; answer: Answer }
  /** Not here: carries nothing but the version of the table that says so. */
  | { type: "moved"; id: number; table: number }
  | { type: "heads"; id: number; table: number; channelIds: ChannelId[] }
  | { type: "stands"; id: number; heads: [id: ChannelId, seq: number, epoch: number][] }
  /** The sender owns the shard no more (rule P3). `version`: of the row that says so. */
  | { type: "released"; shard: number; version: number }
  /** The sender serves other shards than before, and its lease says so: the leader need not wait to look. */
  | { type: "look" }
  | { type: "wish"; id: number; wish: Wish }
  /** `later`: the node that was asked does not lead. */
  | { type: "granted"; id: number; granted: Granted | "later" }
  | { type: "which_shards"; id: number }
  | { type: "these_shards"; id: number; shards: ShardHere[] }
  | { type: "drain" }
  /** The person is out of the space: `confirmed` when that holds here (rule E1). */
  | { type: "out_of_space"; id: number; spaceId: ChannelId; userId: UserId }
  | { type: "confirmed"; id: number }
  /** The leader has found this node without a lease (rule E4). */
  | { type: "gone"; node: string }
  | { type: "where"; id: number; channelId: ChannelId }
  | { type: "found"; id: number; found: Found }
  /** Who of a channel is connected to the receiver: `connected` says it (row P4). */
  | { type: "who_is_connected"; id: number; channelId: ChannelId }
  | { type: "connected"; id: number; connected: Connected }
  /** To oneself (rule P4). */
  | { type: "beat"; sentAtMs: number };

type Envelope = { from: string; messages: BusMessage[] };

/** One publish; more goes into the next. A single message may exceed it, up to `MESSAGE_MAX_BYTES`. */
const PUBLISH_MAX_BYTES = 1_048_576;
/** A quarter of Redis's hard limit for a subscriber's output buffer, which cuts it off. */
const MESSAGE_MAX_BYTES = 8 * 1_048_576;
/** No beat for this long although one was sent: the subscription is made anew. Two renewals. */
const SILENCE_MS = 4_000;

/** What waits for the end of the turn, for one node. */
type Batch = { parts: string[]; messages: BusMessage[]; bytes: number };

export type BusOptions = {
  publisher: RedisClient;
  subscriber: RedisClient;
  keys: ClusterKeys;
  incarnation: string;
  onMessage: (from: string, message: BusMessage) => void;
  /** Nobody heard these; they may be sent again. Silence after a publish is never told. */
  onUnheard: (to: string, messages: readonly BusMessage[]) => void;
  onAnnounced: (version: number) => void;
  onSubscribed: () => void;
  logger: Logger;
};

export class Bus implements Hearing {
  readonly #options: BusOptions;
  readonly #outbox = new Map<string, Batch[]>();
  readonly #subscription: Subscription;
  #flush: NodeJS.Immediate | undefined;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  /** When silence is counted from: the first beat, the last one heard, the last repair. */
  #patientFromMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: BusOptions) {
    this.#options = options;
    const { subscriber, keys, incarnation, onAnnounced, onSubscribed, logger } = options;
    options.publisher.on("error", (error: Error) => logger.debug({ err: error }, "bus: connection error"));
    this.#subscription = new Subscription({
      subscriber,
      inbox: keys.inbox(incarnation),
      announcements: keys.announcements,
      onInbox: (text) => this.#receive(text),
      onAnnounced: (text) => onAnnounced(Number(text)),
      onSubscribed,
      logger,
    });
  }

  /** Queues a message for the end of this turn. False: it is too large to be sent. */
  send(to: string, message: BusMessage): boolean {
    const text = JSON.stringify(message);
    const bytes = Buffer.byteLength(text) + 1;
    if (bytes > MESSAGE_MAX_BYTES) return false;
    const batch = this.#batchFor(to, bytes);
    batch.parts.push(text);
    batch.messages.push(message);
    batch.bytes += bytes;
    this.#flush ??= setImmediate(() => this.#publishAll());
    return true;
  }

  speak(): void {
    if (this.#stopped) return;
    const nowMs = performance.now();
    if (nowMs - this.#patientFromMs > SILENCE_MS) {
      this.#options.logger.warn("bus: this node does not hear itself; subscribing anew");
      this.#subscription.repair();
      this.#patientFromMs = nowMs;
    }
    if (this.#patientFromMs === Number.POSITIVE_INFINITY) this.#patientFromMs = nowMs;
    this.send(this.#options.incarnation, { type: "beat", sentAtMs: nowMs });
  }

  lastHeardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Hears to the end what was said before, then sends what waits. */
  async stop(): Promise<void> {
    await this.#subscription.stop();
    this.#stopped = true;
    if (this.#flush !== undefined) clearImmediate(this.#flush);
    this.#publishAll();
  }

  #batchFor(to: string, bytes: number): Batch {
    const batches = this.#outbox.get(to) ?? [];
    const last = batches.at(-1);
    if (last !== undefined && last.bytes + bytes <= PUBLISH_MAX_BYTES) return last;
    const batch: Batch = { parts: [], messages: [], bytes: 0 };
    this.#outbox.set(to, [...batches, batch]);
    return batch;
  }

  #publishAll(): void {
    this.#flush = undefined;
    for (const [to, batches] of this.#outbox) for (const batch of batches) this.#publish(to, batch);
    this.#outbox.clear();
  }

  #publish(to: string, { parts, messages }: Batch): void {
    const { publisher, keys, incarnation, onUnheard, logger } = this.#options;
    const text = `{"from":"${incarnation}","messages":[${parts.join()}]}`;
    publisher.spublish(keys.inbox(to), text).then(
      (receivers) => {
        if (receivers === 0) onUnheard(to, messages);
      },
      (error: unknown) => {
        if (certainlyNotDone(error)) onUnheard(to, messages);
        else logger.debug({ err: error, to }, "bus: a publish was not answered");
      },
    );
  }

  #receive(text: string): void {
    const { incarnation, onMessage, logger } = this.#options;
    let envelope: Envelope;
    try {
      envelope = JSON.parse(text) as Envelope;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      logger.error({ bytes: text.length }, "bus: something that is not ours in the inbox");
      return;
    }
    const { from, messages } = envelope;
    for (const message of messages) {
      if (message.type !== "beat") onMessage(from, message);
      else if (from === incarnation) {
        this.#heardAtMs = Math.max(this.#heardAtMs, message.sentAtMs);
        this.#patientFromMs = performance.now();
      }
    }
  }
}
