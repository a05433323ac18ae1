/** The order of a node's requests, shard by shard: first in, first out, over moves of the shard and repeats (rule B1). */
import type { ChannelCommand, SessionCommand } from "../../actors/commands.ts";
import type { Trace } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import { WAITING_MAX } from "./intake.ts";

export type Asked =
  | { type: "channel"; actor: ChannelId; command: ChannelCommand }
  | { type: "user"; actor: UserId; command: SessionCommand };

/** One request of this node until it is answered. Ids grow: they are the order. */
export type Request = Asked & {
  readonly id: number;
  readonly shard: number;
  readonly trace: Trace | undefined;
  /** Monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly resolve: (answer: Answer) => void;
  /** The node that has it; undefined while it waits here. */
  sentTo: string | undefined;
};

/** All requests of this node for one shard. Only one owner has any at a time: the next gets none before the last has answered. */
export class Lane {
  #owner: string | undefined;
  #sent = 0;
  readonly #waiting: Request[] = [];
  #pausedUntilMs = 0;

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** May a request go to this owner now? */
  leadsTo(owner: string): boolean {
    if (owner !== this.#owner) return this.#sent === 0;
    return this.#pausedUntilMs === 0 || performance.now() >= this.#pausedUntilMs;
  }

  /** The present owner gets nothing before this monotonic time; another may. */
  pauseUntil(ms: number): void {
    this.#pausedUntilMs = ms;
  }

  /** It goes to this owner. */
  sent(request: Request, owner: string): void {
    this.#owner = owner;
    this.#pausedUntilMs = 0;
    this.#sent++;
    request.sentTo = owner;
  }

  /** Behind all that wait. False: too many do. */
  wait(request: Request): boolean {
    if (this.#waiting.length >= WAITING_MAX) return false;
    this.#waiting.push(request);
    return true;
  }

  /** Sent, and surely not handled: back to its place among those that wait. */
  returned(request: Request): void {
    this.#sent--;
    request.sentTo = undefined;
    const behind = this.#waiting.findIndex((other) => other.id > request.id);
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, request);
  }

  /** Answered, or its deadline has passed. */
  ended(request: Request): void {
    if (request.sentTo !== undefined) this.#sent--;
    else {
      const at = this.#waiting.indexOf(request);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
    request.sentTo = undefined;
  }

  /** Takes the first that waits. */
  next(): Request | undefined {
    return this.#waiting.shift();
  }

  /** It could not go: first again. */
  unshift(request: Request): void {
    this.#waiting.unshift(request);
  }
}
