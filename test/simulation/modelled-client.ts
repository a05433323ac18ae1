/** A client of the modelled Redis for commands, publishing and subscribing: it connects again by itself, and its messages may come late, or not. */
import { EventEmitter } from "node:events";
import { ModelledConnection } from "../../src/cluster/log/modelled-connection.ts";
import type { ModelledRedis } from "../../src/cluster/log/modelled-log.ts";
import type { Timers } from "../../src/cluster/log/timers.ts";

/** As `redis.ts` has it. */
const COMMAND_TIMEOUT_MS = 1_500;
const CONNECT_EVERY_MS = 20;

/** Who has subscribed to what, and how messages reach them. */
export class ModelledNetwork {
  readonly redis: ModelledRedis;
  /** Share of the messages between nodes that nobody hears. */
  lost: number;
  /** Share of the messages between nodes that come late, by up to `LATE_MS`. */
  late: number;
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  constructor(redis: ModelledRedis, { lost, late }: { lost: number; late: number }) {
    this.redis = redis;
    this.lost = lost;
    this.late = late;
  }

  subscribe(channel: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(channel) ?? new Set();
    subscribers.add(subscriber);
    this.#subscribers.set(channel, subscribers);
  }

  unsubscribe(channel: string, connection: ModelledConnection): void {
    const subscribers = this.#subscribers.get(channel) ?? new Set();
    for (const subscriber of subscribers)
      if (subscriber.connection === connection) subscribers.delete(subscriber);
  }

  /** Answers how many connections it was written to; whether it arrives is another question. */
  publish(channel: string, text: string): number {
    const { redis, lost, late } = this;
    let receivers = 0;
    for (const subscriber of this.#subscribers.get(channel) ?? []) {
      if (!redis.connections.has(subscriber.connection)) continue;
      receivers++;
      if (redis.random() >= lost)
        subscriber.deliver(
          channel,
          text,
          redis.lagMs() + (redis.random() < late ? redis.random() * LATE_MS : 0),
        );
    }
    return receivers;
  }
}

const LATE_MS = 3_000;

type Subscriber = {
  readonly connection: ModelledConnection;
  deliver(channel: string, text: string, inMs: number): void;
};

export type ClientOptions = {
  network: ModelledNetwork;
  /** Of the node whose client it is. */
  node: Timers;
  /** Whether the node's network lets new connections through. */
  isOpen: () => boolean;
};

export class ModelledClient extends EventEmitter {
  readonly network: ModelledNetwork;
  status: "connecting" | "ready" | "end" = "connecting";
  readonly #options: ClientOptions;
  #connection: ModelledConnection | undefined;
  /** Messages over one connection overtake each other not. */
  #lastDeliveryMs = 0;

  constructor(options: ClientOptions) {
    super();
    this.network = options.network;
    this.#options = options;
    options.node.after(1, () => this.#connect());
  }

  #connect(): void {
    const { network, node, isOpen } = this.#options;
    const { redis } = network;
    if (this.status === "end") return;
    if (!redis.canConnect() || !isOpen()) {
      node.after(CONNECT_EVERY_MS, () => this.#connect());
      return;
    }
    const connection = new ModelledConnection({
      redis,
      node,
      timeoutMs: COMMAND_TIMEOUT_MS,
      onEnd: () => this.#ended(connection),
    });
    this.#connection = connection;
    this.status = "ready";
    this.emit("ready");
  }

  #ended(connection: ModelledConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (this.status !== "end") this.status = "connecting";
    this.emit("close");
    this.#options.node.after(5 + this.network.redis.random() * 100, () => this.#connect());
  }

  cut(late: boolean): void {
    this.#connection?.cut(late);
  }

  /** One command: what it does at the server, and its answer. */
  run<T>(work: () => T): Promise<T> {
    const connection = this.#connection;
    if (connection === undefined)
      return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    return new Promise((resolve, reject) => {
      connection.command(work, (found) => {
        if (found) resolve(found.value);
        else reject(new Error(connection.alive ? "Command timed out" : "Connection is closed."));
      });
    });
  }

  spublish(channel: string, text: string): Promise<number> {
    return this.run(() => this.network.publish(channel, text));
  }

  ssubscribe(channel: string): Promise<unknown> {
    return this.#subscribe(channel, "smessage");
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#subscribe(channel, "message");
  }

  #subscribe(channel: string, event: "smessage" | "message"): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(new Error("Connection is closed."));
    const { node, network } = this.#options;
    const { timers } = network.redis;
    const deliver = (at: string, text: string, inMs: number) => {
      this.#lastDeliveryMs = Math.max(this.#lastDeliveryMs, timers.nowMs() + inMs);
      node.after(this.#lastDeliveryMs - timers.nowMs(), () => {
        if (this.#connection === connection) this.emit(event, at, text);
      });
    };
    return this.run(() => network.subscribe(channel, { connection, deliver }));
  }

  sunsubscribe(channel: string): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(new Error("Connection is closed."));
    return this.run(() => this.network.unsubscribe(channel, connection));
  }

  disconnect(again = false): void {
    if (!again) this.status = "end";
    this.#connection?.close();
  }

  quit(): Promise<"OK"> {
    this.disconnect();
    return Promise.resolve("OK");
  }
}
