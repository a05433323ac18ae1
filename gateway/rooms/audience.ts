/** The listeners of one room, by what they may be sent now, and the writing to them. */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { encodeEvent, type Frame } from "../adapter/frame.ts";
import { CROWD_MIN, Crowd } from "./crowd.ts";
import type { Listener, Outlet, RoomConnection } from "./listener.ts";
import { isBeyond, lastPlace, type Place, type Run, runAfter } from "./position.ts";

export type AudienceMeter = {
  /** A run was written to so many. */
  delivered(frames: number, run: Run): void;
  /** Events that were not written to someone. */
  skipped(events: number): void;
};

export class Audience {
  readonly #channelId: ChannelId;
  readonly #outlet: Outlet;
  readonly #meter: AudienceMeter;
  readonly #crowd = new Crowd(() => this.release());
  readonly #all = new Map<string, Listener>();
  readonly #live = new Set<Listener>();
  readonly #ahead = new Set<Listener>();

  constructor(channelId: ChannelId, outlet: Outlet, meter: AudienceMeter) {
    this.#channelId = channelId;
    this.#outlet = outlet;
    this.#meter = meter;
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

  /** Has been given everything up to `place`, where the room stands: from now on it gets what follows. */
  goLive(listener: Listener, place: Place): void {
    listener.upTo = place;
    this.set(listener, this.#crowd.waits ? "ahead" : "live");
  }

  /** Left behind, and told so. */
  leaveBehind(listener: Listener): void {
    this.set(listener, "behind");
    this.#outlet.tellBehind(listener.connection, this.#channelId);
  }

  /** Everyone who is being sent what the room relays, and has not been told of more than `place`. */
  leaveAllBehind(place?: Place): void {
    this.release();
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

  /** Gives a run to all who may have it: at once, or in a crowd to those who only listen a little later. */
  deliver(run: Run): void {
    const crowd = this.#crowd;
    if (this.#live.size < CROWD_MIN) {
      this.release();
      this.#writeTo(this.#live, run);
      return;
    }
    // Before they count as such: who begins to speak is given what waits like the others.
    if (run.events.some(({ by }) => !crowd.hasSpoken(by))) this.release();
    crowd.heardFrom(run);
    if (!crowd.gathers) {
      crowd.begin();
      this.#writeTo(this.#live, run);
      return;
    }
    const speakers = [...crowd.speakers()].flatMap((userId) => this.ofUser(userId));
    this.#write(
      speakers.filter((listener) => this.#live.has(listener)),
      run,
    );
    if (crowd.gather(run)) this.release();
  }

  /** What waits for those who only listen is written now. */
  release(): void {
    if (!this.#crowd.waits) return;
    const runs = this.#crowd.take();
    const listening = [...this.#live].filter(({ connection }) => !this.#crowd.hasSpoken(connection.userId));
    for (const run of runs) this.#writeTo(listening, run);
    this.#crowd.begin();
  }

  close(): void {
    this.#crowd.close();
  }

  /** To these, and to those who have been told of more than they were given, the rest. */
  #writeTo(listeners: Iterable<Listener>, run: Run): void {
    this.#write(listeners, run);
    const place = lastPlace(run);
    for (const listener of this.#ahead) {
      const rest = runAfter(run, listener.upTo!.seq);
      if (rest) this.give(listener, [rest]);
      if (listener.state === "ahead" && !isBeyond(listener.upTo!, place)) this.set(listener, "live");
    }
  }

  #write(listeners: Iterable<Listener>, run: Run): void {
    let frame: Frame | undefined;
    let frames = 0;
    for (const listener of listeners) {
      frame ??= this.#encode(run);
      // Whom an earlier run has left behind gets nothing more.
      if (listener.state !== "live") continue;
      if (this.#outlet.offer(listener.connection, frame)) frames += 1;
      else this.#skip(listener, run);
    }
    this.#meter.delivered(frames, run);
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
    this.#meter.skipped(run.events.length);
    this.leaveBehind(listener);
  }
}
