/** The listeners of one room, by what they may be sent now, and the writing to them. */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { encodeEvent, type Frame } from "../adapter/frame.ts";
import type { Listener, Outlet, RoomConnection } from "./listener.ts";
import { isBeyond, lastPlace, type Place, type Run, runAfter } from "./position.ts";

export class Audience {
  readonly #channelId: ChannelId;
  readonly #outlet: Outlet;
  readonly #skipped: (events: number) => void;
  readonly #all = new Map<string, Listener>();
  readonly #live = new Set<Listener>();
  readonly #ahead = new Set<Listener>();

  constructor(channelId: ChannelId, outlet: Outlet, skipped: (events: number) => void) {
    this.#channelId = channelId;
    this.#outlet = outlet;
    this.#skipped = skipped;
  }

  get size(): number {
    return this.#all.size;
  }

  get(connection: RoomConnection): Listener | undefined {
    return this.#all.get(connection.id);
  }

  holds(listener: Listener): boolean {
    return this.#all.get(listener.connection.id) === listener;
  }

  /** A new listener, muted. */
  add(connection: RoomConnection): Listener {
    const listener: Listener = {
      connection,
      state: "muted",
      asking: 0,
      before: undefined,
      upTo: undefined,
      takenAt: undefined,
    };
    this.#all.set(connection.id, listener);
    this.#outlet.entered(connection, this.#channelId);
    return listener;
  }

  remove(listener: Listener): void {
    this.#all.delete(listener.connection.id);
    this.#live.delete(listener);
    this.#ahead.delete(listener);
    this.#outlet.left(listener.connection, this.#channelId);
  }

  set(listener: Listener, state: Listener["state"]): void {
    listener.state = state;
    if (state === "live") this.#live.add(listener);
    else this.#live.delete(listener);
    if (state === "ahead") this.#ahead.add(listener);
    else this.#ahead.delete(listener);
  }

  /** Left behind, and told so. */
  leaveBehind(listener: Listener): void {
    this.set(listener, "behind");
    this.#outlet.tellBehind(listener.connection, this.#channelId);
  }

  /** Everyone who is being sent what the room relays, and has not been told of more than `place`. */
  leaveAllBehind(place?: Place): void {
    for (const listener of [...this.#live]) this.leaveBehind(listener);
    for (const listener of [...this.#ahead])
      if (!place || !isBeyond(listener.upTo!, place)) this.leaveBehind(listener);
  }

  /** Someone whom the owner has allowed to read. */
  reader(): UserId | undefined {
    for (const { state, before, takenAt, connection } of this.#all.values())
      if (state !== "muted" || (before && !takenAt)) return connection.userId;
    return undefined;
  }

  /** This user's listeners here. */
  ofUser(userId: UserId): Listener[] {
    return [...this.#outlet.connectionsOf(userId)].flatMap((connection) => this.get(connection) ?? []);
  }

  /** Writes a run to all who may have it; answers how many frames went out. */
  deliver(run: Run): number {
    let frames = 0;
    if (this.#live.size > 0) {
      const frame = this.#encode(run);
      for (const listener of this.#live) {
        if (this.#outlet.offer(listener.connection, frame)) frames += 1;
        else this.#skip(listener, run);
      }
    }
    const place = lastPlace(run);
    for (const listener of this.#ahead) {
      const rest = runAfter(run, listener.upTo!.seq);
      if (rest) this.give(listener, [rest]);
      if (listener.state === "ahead" && !isBeyond(listener.upTo!, place)) this.set(listener, "live");
    }
    return frames;
  }

  /** Writes a signal to all who hear what the room relays now, and can take it at once. */
  signal(frame: Frame): void {
    for (const { connection } of this.#live) this.#outlet.pass(connection, frame);
  }

  /** Writes runs to one listener; false when it was left behind. */
  give(listener: Listener, runs: readonly Run[]): boolean {
    return runs.every((run) => {
      if (this.#outlet.offer(listener.connection, this.#encode(run))) return true;
      this.#skip(listener, run);
      return false;
    });
  }

  #encode({ epoch, events }: Run): Frame {
    return encodeEvent("channel:events", { channelId: this.#channelId, epoch, events });
  }

  #skip(listener: Listener, run: Run): void {
    this.#skipped(run.events.length);
    this.leaveBehind(listener);
  }
}
