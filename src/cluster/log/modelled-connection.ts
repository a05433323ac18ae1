/**
 * A connection to the modelled Redis: commands arrive in order and late, are executed even where nobody hears the answer, and
 * fail as those of a real client do. Everything that a node does or hears goes through the timers of that node.
 */
import type { ServerIdentity } from "./log-store.ts";
import type { ModelledRedis } from "./modelled-log.ts";
import { SILENCE_MAX_MS } from "./redis-link.ts";
import type { Timers } from "./timers.ts";

/** A node learns within this that its connection is cut, milliseconds. */
const LEARNS_WITHIN_MS = 20;
/** What was on its way when the connection was cut arrives within this, if at all, milliseconds. */
const LATE_WITHIN_MS = 1_500;

export type ConnectionOptions = {
  redis: ModelledRedis;
  /** Of the node that holds the connection. */
  node: Timers;
  /** Without an answer for so long a command has failed, milliseconds. */
  timeoutMs: number;
  /** The node has learnt that the connection is gone. */
  onEnd: () => void;
};

export class ModelledConnection {
  readonly server: ServerIdentity;
  /** As the node knows. */
  alive = true;
  readonly #options: ConnectionOptions;
  /** What the node sends from now on arrives nowhere. */
  #isCut = false;
  /** What was on its way when it was cut arrives all the same. */
  #isLate = false;
  readonly #pending = new Set<() => void>();
  #lastMs = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.server = options.redis.server;
    options.redis.connections.add(this);
  }

  /** The connection breaks, which the node learns a moment later. */
  cut(late: boolean): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#isLate = late;
    const { redis, node } = this.#options;
    redis.connections.delete(this);
    node.after(redis.random() * LEARNS_WITHIN_MS, () => this.#end());
  }

  /** The node itself gives it up. */
  close(): void {
    if (!this.#isCut) {
      this.#isCut = true;
      this.#isLate = true;
      this.#options.redis.connections.delete(this);
    }
    this.#end();
  }

  #end(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const fail of [...this.#pending]) fail();
    this.#options.onEnd();
  }

  /** `answer` gets undefined when nobody knows: time-out or cut. In order, and at most once. */
  command<T>(run: () => T, answer: (found: { value: T } | undefined) => void): void {
    const { redis, node, timeoutMs } = this.#options;
    const settle = (found: { value: T } | undefined) => {
      if (!this.#pending.delete(fail)) return;
      stopWaiting();
      answer(found);
    };
    const fail = () => settle(undefined);
    this.#pending.add(fail);
    const stopWaiting = node.after(timeoutMs, fail);
    if (!this.alive) fail();
    if (this.#isCut) return;
    const sentAtMs = redis.timers.nowMs();
    this.#lastMs = Math.max(this.#lastMs, sentAtMs + redis.lagMs());
    redis.timers.after(this.#lastMs - sentAtMs, () => this.#execute(run, settle, sentAtMs));
  }

  #execute<T>(run: () => T, settle: (found: { value: T }) => void, sentAtMs: number, wasLate = false): void {
    const { redis, node } = this.#options;
    const { timers, frozenUntilMs, random } = redis;
    if (redis.server !== this.server || (this.#isCut && !this.#isLate)) return;
    if (frozenUntilMs > timers.nowMs()) {
      if (frozenUntilMs > sentAtMs + SILENCE_MAX_MS) node.after(SILENCE_MAX_MS, () => this.cut(true));
      timers.after(frozenUntilMs - timers.nowMs(), () => this.#execute(run, settle, sentAtMs, wasLate));
    } else if (this.#isCut && !wasLate) {
      timers.after(random() * LATE_WITHIN_MS, () => this.#execute(run, settle, sentAtMs, true));
    } else {
      const value = run();
      if (!this.#isCut) node.after(redis.lagMs(), () => this.#answer(() => settle({ value })));
    }
  }

  /** An answer that is on its way when the connection is cut is not heard. */
  #answer(settle: () => void): void {
    if (this.alive && !this.#isCut) settle();
  }
}
