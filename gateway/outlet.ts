/**
 * Writing to connections within their byte budget (row D9): who is over it is skipped forward, told `channel:behind` when it
 * can take it, and ended when it stays stuck. Nothing is ever queued for it beyond the budget.
 */
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { encodeEvent, type Frame } from "./adapter/frame.ts";
import { closeConnection } from "./closing.ts";
import type { Connection, Connections } from "./connections.ts";
import type { Outlet, RoomConnection } from "./rooms/listener.ts";
import type { Place } from "./rooms/position.ts";

/** How often lagging connections are looked at, milliseconds. */
const SWEEP_MS = 250;
/** A connection is out of trouble at this share of its budget: not at all of it, else it would be in it again at once. */
const RELIEVED_SHARE = 0.5;
/** Times the budget: above it requests are refused, since every answer would wait as well … */
const REFUSE_FACTOR = 4;
/** … and above this one the connection is ended: it asks, and does not read. */
export const CUT_FACTOR = 32;

export type BudgetOptions = {
  /** Bytes that may wait for one connection before frames are skipped. */
  budgetBytes: number;
  /** Milliseconds over the budget after which a connection is ended (`slow`). */
  slowCutMs: number;
};

export type BudgetMeter = {
  lagging(connections: number): void;
  waitingBytes(bytes: number): void;
};

export class BudgetedOutlet implements Outlet {
  readonly #connections: Connections;
  readonly #options: BudgetOptions;
  readonly #meter: BudgetMeter;
  readonly #positionOf: (channelId: ChannelId) => Place | undefined;
  readonly #lagging = new Set<Connection>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    connections: Connections,
    options: BudgetOptions & { meter: BudgetMeter; positionOf(channelId: ChannelId): Place | undefined },
  ) {
    this.#connections = connections;
    this.#options = options;
    this.#meter = options.meter;
    this.#positionOf = options.positionOf;
  }

  offer(to: RoomConnection, frame: Frame): boolean {
    const connection = to as Connection;
    if (connection.closing) return true;
    if (connection.lane.offer(frame, this.#options.budgetBytes)) return true;
    this.#lags(connection);
    return false;
  }

  pass(to: RoomConnection, frame: Frame): boolean {
    const { closing, lane } = to as Connection;
    return closing !== undefined || lane.offer(frame, 0);
  }

  tellBehind(to: RoomConnection, channelId: ChannelId): void {
    const connection = to as Connection;
    if (connection.laggingSinceMs === undefined) this.#sayBehind(connection, channelId);
    else connection.owedBehind.add(channelId);
  }

  connectionsOf(userId: UserId): Iterable<RoomConnection> {
    return this.#connections.ofUser(userId);
  }

  entered(to: RoomConnection, channelId: ChannelId): void {
    const { listening, socket } = to as Connection;
    listening.add(channelId);
    void socket.join(channelId);
  }

  left(to: RoomConnection, channelId: ChannelId): void {
    const { listening, owedBehind, socket } = to as Connection;
    listening.delete(channelId);
    owedBehind.delete(channelId);
    void socket.leave(channelId);
  }

  /** May this connection ask for something whose answer would join what already waits? Ends one that never reads. */
  maySpeakTo(connection: Connection): boolean {
    const backlog = connection.lane.backlogBytes();
    if (backlog <= this.#options.budgetBytes) return true;
    this.#lags(connection);
    if (backlog > CUT_FACTOR * this.#options.budgetBytes) closeConnection(connection, { reason: "slow" });
    return backlog <= REFUSE_FACTOR * this.#options.budgetBytes;
  }

  forget(connection: Connection): void {
    this.#lagging.delete(connection);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #lags(connection: Connection): void {
    connection.laggingSinceMs ??= performance.now();
    this.#lagging.add(connection);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  #sweep(): void {
    const nowMs = performance.now();
    let waitingBytes = 0;
    for (const connection of this.#lagging) {
      const backlog = connection.lane.backlogBytes();
      waitingBytes += backlog;
      if (backlog <= this.#options.budgetBytes * RELIEVED_SHARE) this.#relieve(connection);
      else if (nowMs - connection.laggingSinceMs! > this.#options.slowCutMs) {
        this.#lagging.delete(connection);
        closeConnection(connection, { reason: "slow" });
      }
    }
    this.#meter.lagging(this.#lagging.size);
    this.#meter.waitingBytes(waitingBytes);
    if (this.#lagging.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #relieve(connection: Connection): void {
    this.#lagging.delete(connection);
    connection.laggingSinceMs = undefined;
    for (const channelId of connection.owedBehind) this.#sayBehind(connection, channelId);
    connection.owedBehind.clear();
  }

  #sayBehind(connection: Connection, channelId: ChannelId): void {
    const place = this.#positionOf(channelId);
    if (place && !connection.closing)
      connection.lane.write(encodeEvent("channel:behind", { channelId, seq: place.seq, epoch: place.epoch }));
  }
}
