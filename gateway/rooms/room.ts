/**
 * One channel with listeners on this node (rules H1, H2): follows its events, gives them to listeners in order and once,
 * and answers from its ring those who missed some.
 */
import type { Clock, Router } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { ChannelSynced } from "../../protocol/requests.ts";
import { assert } from "../../src/lib/assert.ts";
import { encodeEvent } from "../adapter/frame.ts";
import { About } from "./about.ts";
import { Audience } from "./audience.ts";
import type { Listener, Outlet, RoomConnection } from "./listener.ts";
import { isBeyond, lastPlace, type Place, type Run } from "./position.ts";
import { cutAtRemovals, removedBy } from "./removals.ts";
import { Repair } from "./repair.ts";
import { RING_EVENTS_MAX, Ring, type RingBudget } from "./ring.ts";
import { Sequence } from "./sequence.ts";

/** Bytes of events in one answer from the ring, about: the rest comes with the next (`more`). */
export const SYNC_BYTES_MAX = 262_144;

/** What a room tells an operator. */
export interface RoomMeter {
  delivered(frames: number, run: Run): void;
  skipped(events: number): void;
  duplicate(): void;
  gap(): void;
  /** Asked the owner for history. */
  asked(): void;
}

export type RoomOptions = {
  router: Router;
  clock: Clock;
  outlet: Outlet;
  meter: RoomMeter;
  budget: RingBudget;
  /** Milliseconds that a frame waits behind a gap at most (rule S2). */
  gapGraceMs: number;
  /** The room's subscription did not bring what it should have. */
  renew(channelId: ChannelId): void;
  /** The last listener has gone. */
  emptied(room: Room): void;
};

export class Room {
  readonly channelId: ChannelId;
  readonly about = new About();
  readonly #options: RoomOptions;
  readonly #sequence = new Sequence();
  readonly #ring: Ring;
  readonly #repair: Repair;
  readonly #audience: Audience;
  #closed = false;

  constructor(channelId: ChannelId, options: RoomOptions) {
    this.channelId = channelId;
    this.#options = options;
    this.#audience = new Audience(channelId, options.outlet, options.meter);
    this.#ring = new Ring({ seq: 0, epoch: 0 }, options.budget);
    this.#repair = this.#createRepair();
  }

  get size(): number {
    return this.#audience.size;
  }

  /** Where the room stands; undefined before the owner has told anyone. */
  get position(): Place | undefined {
    return this.#sequence.position;
  }

  /** Does the room know of everything that it has heard of? */
  get isUpToDate(): boolean {
    return this.position !== undefined && !this.#sequence.isBehind;
  }

  listener(connection: RoomConnection): Listener | undefined {
    return this.#audience.get(connection);
  }

  /** A frame, from this node's actors or another's. */
  hear(run: Run): void {
    const { relay, duplicate } = this.#sequence.hear(run);
    if (duplicate) this.#options.meter.duplicate();
    this.#relay(relay);
    this.#repair.attendGap();
  }

  /** The owner said where the channel stands; frames up to there may still be on their way. */
  heardHead(place: Place): void {
    this.#sequence.heardHead(place);
    this.#repair.attendHead();
  }

  /** Whoever listens has been given all that the room relayed. */
  release(): void {
    this.#audience.release();
  }

  /** What passes through the channel and is not kept: nobody waits for it, and it is not repeated. */
  signal(event: string, payload: object): void {
    this.#audience.signal(encodeEvent(event, payload));
  }

  /** Out of the room whatever the owner has answered meanwhile: not in the channel's space any more (rule E1). */
  putOut(userId: UserId): void {
    this.#takeAway(userId, { seq: Number.POSITIVE_INFINITY, epoch: Number.POSITIVE_INFINITY });
  }

  /** Into the room, muted, before the owner is asked (rule H2). */
  enter(connection: RoomConnection): Listener {
    const listener = this.#audience.get(connection) ?? this.#audience.add(connection);
    if (listener.state !== "muted") {
      this.#audience.release();
      listener.before = this.#standOf(listener);
      listener.takenAt = undefined;
      this.#audience.set(listener, "muted");
    }
    listener.asking += 1;
    return listener;
  }

  /** Was the listener, since it entered, taken away by an event behind `answered`? */
  isTaken(listener: Listener, answered: Place): boolean {
    return listener.takenAt !== undefined && isBeyond(listener.takenAt, answered);
  }

  /** The answer allows it, and has been sent: unmuted, and given what follows `answered`. */
  open(listener: Listener, answered: Place): void {
    if (!this.#isLastAnswer(listener)) return;
    if (this.isTaken(listener, answered)) this.#remove(listener);
    else this.#goOnFrom(listener, answered);
  }

  /** The answer allows it, but there is more to be fetched first, or another history. */
  openBehind(listener: Listener, answered: Place): void {
    if (!this.#isLastAnswer(listener)) return;
    if (this.isTaken(listener, answered)) this.#remove(listener);
    else this.#audience.set(listener, "behind");
  }

  /** The owner said no. Another question that is on its way may be answered better: a join behind an open. */
  refuse(listener: Listener): void {
    listener.before = undefined;
    if (this.#isLastAnswer(listener)) this.#remove(listener);
  }

  /** The owner could not be reached: back to where the listener was, or out again. */
  withdraw(listener: Listener): void {
    if (!this.#isLastAnswer(listener)) return;
    if (listener.before === undefined || listener.takenAt) this.#remove(listener);
    else if (listener.before === "behind") this.#audience.set(listener, "behind");
    else this.#goOnFrom(listener, listener.before);
  }

  /** Who was left behind has fetched everything up to `answered`. */
  caughtUp(connection: RoomConnection, answered: Place): void {
    const listener = this.#audience.get(connection);
    if (listener?.state === "behind") this.#goOnFrom(listener, answered);
  }

  /** Out of the room. */
  drop(connection: RoomConnection): void {
    const listener = this.#audience.get(connection);
    if (listener) this.#remove(listener);
  }

  /** What follows a position, from the ring; undefined when the owner must be asked. */
  sync(
    afterSeq: number,
    epoch: number | undefined,
    limit: number,
    maxBytes = SYNC_BYTES_MAX,
  ): ChannelSynced | undefined {
    // Behind a gap the owner knows more than the ring.
    if (!this.position || this.#sequence.doubtsReign || this.#sequence.waits) return undefined;
    const known = this.#ring.epochAt(afterSeq);
    if (known === undefined || (epoch !== undefined && epoch !== known)) return undefined;
    const runs = this.#ring.after(afterSeq, limit, maxBytes);
    if (!runs) return undefined;
    const last = runs.at(-1);
    const end = last ? lastPlace(last) : { seq: afterSeq, epoch: known };
    return { events: runs.flatMap((run) => run.events), ...end, more: end.seq < this.#ring.head.seq };
  }

  /** Does everything since `knownAt`, where Postgres saw this user as a member, say that they still are? */
  vouchesFor(userId: UserId, knownAt: Place): boolean {
    if (!this.position || this.#sequence.doubtsReign) return false;
    if (this.#ring.epochAt(knownAt.seq) !== knownAt.epoch) return false;
    const since = this.#ring.after(knownAt.seq, RING_EVENTS_MAX, Number.POSITIVE_INFINITY) ?? [];
    return !since.some((run) => run.events.some((event) => removedBy(event) === userId));
  }

  expire(nowMs: number): void {
    this.#ring.expire(nowMs);
  }

  close(): void {
    this.#closed = true;
    this.#repair.close();
    this.#audience.close();
    this.#ring.restart(this.#ring.head);
  }

  #createRepair(): Repair {
    const { router, meter, gapGraceMs, renew } = this.#options;
    return new Repair(this.#sequence, {
      ask: (by, { seq, epoch }, limit) => {
        meter.asked();
        return router.askChannel(this.channelId, { type: "sync", by, afterSeq: seq, epoch, limit });
      },
      reader: () => this.#audience.reader(),
      lostAccess: (userId) => this.#takeAway(userId, this.#ring.head),
      relay: (runs) => this.#relay(runs),
      jumped: (place, runs) => {
        this.#ring.restart(place);
        this.#audience.leaveAllBehind(place);
        this.#relay(runs);
      },
      renamed: (place) => this.#ring.restart(place),
      graceOver: () => this.#audience.leaveAllBehind(),
      gap: () => meter.gap(),
      renew: () => renew(this.channelId),
      gapGraceMs,
    });
  }

  #relay(runs: readonly Run[]): void {
    for (const run of runs) {
      // The removal of the last listener ends the room.
      if (this.#closed) return;
      this.#ring.push(run, this.#options.clock.nowMs());
      for (const piece of cutAtRemovals(run)) {
        this.#audience.deliver(piece.run);
        this.about.follow(piece.run);
        if (piece.removed) this.#takeAway(piece.removed, lastPlace(piece.run));
      }
    }
  }

  /** One question less is open; false while another is, or when the listener has gone. */
  #isLastAnswer(listener: Listener): boolean {
    listener.asking -= 1;
    assert(listener.asking >= 0, "an answer belongs to a question");
    return listener.asking === 0 && this.#audience.holds(listener);
  }

  #standOf(listener: Listener): "behind" | Place | undefined {
    if (listener.state === "behind") return "behind";
    return listener.state === "ahead" ? listener.upTo : this.#sequence.position;
  }

  /** The listener knows everything up to `place`: gives it what the room has beyond, or waits for the room to get there. */
  #goOnFrom(listener: Listener, place: Place): void {
    if (!this.#sequence.position) {
      this.#ring.restart(place);
      this.#relay(this.#sequence.begin(place));
    }
    if (isBeyond(place, this.#sequence.position!)) {
      listener.upTo = place;
      this.#audience.set(listener, "ahead");
      this.heardHead(place);
      return;
    }
    const known = this.#ring.epochAt(place.seq) === place.epoch;
    const runs = known ? this.#ring.after(place.seq, RING_EVENTS_MAX, Number.POSITIVE_INFINITY) : undefined;
    if (!runs) this.#audience.leaveBehind(listener);
    else if (this.#audience.give(listener, runs)) this.#audience.goLive(listener, this.#sequence.position!);
    this.#repair.attendGap();
  }

  #takeAway(userId: UserId, at: Place): void {
    this.#audience.release();
    for (const listener of this.#audience.ofUser(userId)) {
      if (listener.state !== "muted") this.#remove(listener);
      else if (!listener.takenAt || isBeyond(at, listener.takenAt)) listener.takenAt = at;
    }
  }

  #remove(listener: Listener): void {
    this.#audience.remove(listener);
    if (this.#audience.size === 0) this.#options.emptied(this);
  }
}
