/**
 * Connected members who do not listen (rule H5): who is told where which channel stands. Filled from Postgres at connect, kept
 * by the moves that every node hears; where something may have been missed, Postgres is read again.
 */
import { StoreAway } from "../../actors/ports.ts";
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { PRESENT_LISTED_MAX } from "../../protocol/present.ts";
import type { ChannelHead } from "../../protocol/signals.ts";
import type { Move } from "../adapter/bulletin.ts";
import type { Connected } from "../ports.ts";
import { Lately } from "./lately.ts";
import type { RoomConnection } from "./listener.ts";
import { isBeyond } from "./position.ts";
import type { Standing } from "./spaces.ts";

/** Postgres may be so far behind what was heard, milliseconds; what is older is in it. Chosen: the projector takes less than a second. */
const LATELY_MS = 60_000;
/** Channels, and people, of whom that is remembered: beyond them the oldest are not. */
const LATELY_MAX = 20_000;
/** People whose channels are read again at once after a doubt, and the wait before the others, milliseconds. */
const AT_ONCE = 50;
const ROUND_MS = 500;

/** One channel of a person. */
export type Place = Pick<Channel, "id" | "spaceId" | "seq" | "epoch">;

export type BystandersOptions = {
  /** The person's channels, as Postgres has them. Rejects with `StoreAway`. */
  channelsOf(userId: UserId): Promise<readonly Place[]>;
  /** Asks the owner what a channel is, in the name of a member; undefined: they are none, or it does not answer. */
  channelFor(channelId: ChannelId, userId: UserId): Promise<Channel | undefined>;
  standing(spaceId: ChannelId, userId: UserId): Promise<Standing>;
  /** The person's connections here. */
  connectionsOf(userId: UserId): Iterable<RoomConnection>;
  listens(connection: RoomConnection, channelId: ChannelId): boolean;
  /** Tells a connection where channels stand; the same array for all who are told the same. */
  tell(connection: RoomConnection, heads: readonly ChannelHead[]): void;
};

type Known = { spaceId: ChannelId | undefined; readonly userIds: Set<UserId> };

export class Bystanders {
  readonly #options: BystandersOptions;
  readonly #channels = new Map<ChannelId, Known>();
  readonly #users = new Map<UserId, Set<ChannelId>>();
  readonly #heads = new Lately<ChannelId, ChannelHead>(LATELY_MS, LATELY_MAX);
  readonly #moves = new Lately<UserId, Map<ChannelId, boolean>>(LATELY_MS, LATELY_MAX);
  readonly #doubtful = new Set<UserId>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: BystandersOptions) {
    this.#options = options;
  }

  /** Channels that someone here is told of. */
  get size(): number {
    return this.#channels.size;
  }

  /** A connection has been told of these channels, as Postgres had them: from now on it is told where they stand. */
  async connected(connection: RoomConnection, places: readonly Place[]): Promise<void> {
    await this.#set(connection.userId, places);
    const nowMs = performance.now();
    const moved = places.flatMap((place) => {
      const head = this.#heads.get(place.id, nowMs);
      return head && isBeyond(head, place) && this.isTold(connection, place.id) ? [head] : [];
    });
    if (moved.length > 0) this.#options.tell(connection, moved);
  }

  /** Is this connection told where the channel stands? Not where it listens: there it is told everything. */
  isTold(connection: RoomConnection, channelId: ChannelId): boolean {
    const isTheirs = this.#users.get(connection.userId)?.has(channelId) ?? false;
    return isTheirs && !this.#options.listens(connection, channelId);
  }

  /** Members who are connected here, those who listen too. Of a space: who is in one of its channels. */
  connectedTo(channelId: ChannelId): Connected {
    const userIds = this.#channels.get(channelId)?.userIds ?? this.#inSpace(channelId);
    return { userIds: [...userIds].slice(0, PRESENT_LISTED_MAX), count: userIds.size };
  }

  /** The person's last connection here has gone. */
  gone(userId: UserId): void {
    this.#doubtful.delete(userId);
    for (const channelId of this.#users.get(userId) ?? []) this.#leave(channelId, userId);
    this.#users.delete(userId);
  }

  /** Somewhere a person came into a channel, or went. */
  moved({ channelId, userId, isIn }: Move): void {
    const nowMs = performance.now();
    const moves = this.#moves.get(userId, nowMs) ?? new Map<ChannelId, boolean>();
    this.#moves.set(userId, moves.set(channelId, isIn), nowMs);
    if (!this.#users.has(userId)) return;
    if (!isIn) this.#remove(channelId, userId);
    else if (this.#channels.has(channelId)) this.#add(userId, { id: channelId });
    else void this.#learn(channelId, userId);
  }

  /** The person is not in this space any more: its channels are none of theirs. */
  outOfSpace(spaceId: ChannelId, userId: UserId): void {
    for (const channelId of [...(this.#users.get(userId) ?? [])])
      if (this.#channels.get(channelId)?.spaceId === spaceId) this.#remove(channelId, userId);
  }

  /** A channel stands there: who does not listen is told. */
  heard(head: ChannelHead): void {
    this.#heads.set(head.channelId, head, performance.now());
    const known = this.#channels.get(head.channelId);
    if (known === undefined) return;
    const heads = [head];
    for (const userId of known.userIds)
      for (const connection of this.#options.connectionsOf(userId))
        if (this.isTold(connection, head.channelId)) this.#options.tell(connection, heads);
  }

  /** Moves may have been missed in some of these channels. */
  doubt(isDoubtful: (channelId: ChannelId) => boolean): void {
    for (const [userId, channelIds] of this.#users)
      if (channelIds.size === 0 || [...channelIds].some(isDoubtful)) this.#doubtful.add(userId);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** These are the person's channels, but for what was heard lately, and spaces that they are not in. */
  async #set(userId: UserId, places: readonly Place[]): Promise<void> {
    const spaceIds = [...new Set(places.flatMap(({ spaceId }) => spaceId ?? []))];
    const standings = await Promise.all(
      spaceIds.map(async (id) => [id, await this.#options.standing(id, userId)] as const),
    );
    if (this.#closed || [...this.#options.connectionsOf(userId)].length === 0) return;
    const inSpace = new Map(standings);
    if (standings.some(([, standing]) => standing === "unknown")) this.#doubtful.add(userId);
    const moves = this.#moves.get(userId, performance.now());
    const mine = places.filter(
      ({ id, spaceId }) =>
        moves?.get(id) !== false && (spaceId === undefined || inSpace.get(spaceId) === "member"),
    );
    const kept = new Set(mine.map(({ id }) => id));
    for (const channelId of this.#users.get(userId) ?? [])
      if (!kept.has(channelId) && !moves?.get(channelId)) this.#leave(channelId, userId);
    this.#users.set(userId, this.#users.get(userId) ?? new Set());
    for (const place of mine) this.#add(userId, place);
    for (const [channelId, isIn] of moves ?? [])
      if (isIn && !kept.has(channelId)) void this.#learn(channelId, userId);
    this.#schedule();
  }

  /** Someone here came into a channel of which nobody here was a member. */
  async #learn(channelId: ChannelId, userId: UserId): Promise<void> {
    const channel = await this.#options.channelFor(channelId, userId);
    const isStillIn = this.#moves.get(userId, performance.now())?.get(channelId) !== false;
    if (channel === undefined || !isStillIn || !this.#users.has(userId)) return;
    if (channel.kind !== "space") return this.#add(userId, channel);
    // Who came back into a space has its channels again.
    this.#doubtful.add(userId);
    this.#schedule();
  }

  #add(userId: UserId, { id, spaceId }: { id: ChannelId; spaceId?: ChannelId }): void {
    const known: Known = this.#channels.get(id) ?? { spaceId, userIds: new Set() };
    known.spaceId ??= spaceId;
    known.userIds.add(userId);
    this.#channels.set(id, known);
    this.#users.get(userId)?.add(id);
  }

  #remove(channelId: ChannelId, userId: UserId): void {
    this.#users.get(userId)?.delete(channelId);
    this.#leave(channelId, userId);
  }

  #leave(channelId: ChannelId, userId: UserId): void {
    const known = this.#channels.get(channelId);
    known?.userIds.delete(userId);
    if (known?.userIds.size === 0) this.#channels.delete(channelId);
  }

  #inSpace(spaceId: ChannelId): Set<UserId> {
    const found = new Set<UserId>();
    for (const known of this.#channels.values())
      if (known.spaceId === spaceId) for (const userId of known.userIds) found.add(userId);
    return found;
  }

  #schedule(): void {
    if (this.#timer || this.#closed || this.#doubtful.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const some = [...this.#doubtful].slice(0, AT_ONCE);
      void Promise.all(some.map((userId) => this.#read(userId))).then(() => this.#schedule());
    }, ROUND_MS).unref();
  }

  async #read(userId: UserId): Promise<void> {
    this.#doubtful.delete(userId);
    try {
      await this.#set(userId, await this.#options.channelsOf(userId));
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      this.#doubtful.add(userId);
    }
  }
}
