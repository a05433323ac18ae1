/**
 * Heads on their way to connections (rule H5): the first at once, after it one frame a second at most, with all channels that
 * have moved meanwhile. So a person in 500 busy channels costs a write a second, not 250.
 */
import type { ChannelId } from "../../protocol/ids.ts";
import type { ChannelHead, ChannelHeads } from "../../protocol/signals.ts";
import { encodeEvent, type Frame } from "../adapter/frame.ts";
import type { RoomConnection } from "./listener.ts";

/** Between two frames for one connection, milliseconds. Chosen: a badge that is a second late is not late. */
export const HEADS_EVERY_MS = 1_000;
/** Connections that are written to in one turn of the event loop. Chosen: some 5 ms. */
const WRITES_PER_TURN = 500;

export type HeadPostOptions = {
  /** Is this connection still to be told where the channel stands? */
  wants(connection: RoomConnection, channelId: ChannelId): boolean;
  /** Writes a frame where nothing else waits; false: something does. */
  pass(connection: RoomConnection, frame: Frame): boolean;
};

type Waiting = { readonly dueAtMs: number; readonly heads: Map<ChannelId, ChannelHead> };

export class HeadPost {
  readonly #options: HeadPostOptions;
  /** Who has been written to within the last second, first who may be again first. */
  readonly #waiting = new Map<RoomConnection, Waiting>();
  #encoded: { heads: readonly ChannelHead[]; frame: Frame } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HeadPostOptions) {
    this.#options = options;
  }

  /** The same array for several connections is encoded once. */
  tell(connection: RoomConnection, heads: readonly ChannelHead[]): void {
    if (heads.length === 0 || this.#closed) return;
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined) this.#write(connection, heads);
    else for (const head of heads) waiting.heads.set(head.channelId, head);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  /** What a connection does not take now is tried again with the next. */
  #write(connection: RoomConnection, heads: readonly ChannelHead[]): void {
    const isTaken = this.#options.pass(connection, this.#frameOf(heads));
    const left = isTaken ? [] : heads.map((head) => [head.channelId, head] as const);
    this.#waiting.set(connection, { dueAtMs: performance.now() + HEADS_EVERY_MS, heads: new Map(left) });
  }

  #frameOf(heads: readonly ChannelHead[]): Frame {
    if (this.#encoded?.heads !== heads)
      this.#encoded = {
        heads,
        frame: encodeEvent("channel:heads", { heads: [...heads] } satisfies ChannelHeads),
      };
    return this.#encoded.frame;
  }

  #schedule(): void {
    const [next] = this.#waiting.values();
    if (next === undefined || this.#timer || this.#closed) return;
    const waitMs = Math.max(0, next.dueAtMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#encoded = undefined;
      this.#sweep();
      this.#schedule();
    }, waitMs).unref();
  }

  #sweep(): void {
    const nowMs = performance.now();
    let written = 0;
    for (const [connection, { dueAtMs, heads }] of this.#waiting) {
      if (dueAtMs > nowMs || written === WRITES_PER_TURN) return;
      this.#waiting.delete(connection);
      const wanted = [...heads.values()].filter(({ channelId }) =>
        this.#options.wants(connection, channelId),
      );
      if (wanted.length === 0) continue;
      this.#write(connection, wanted);
      written += 1;
    }
  }
}
