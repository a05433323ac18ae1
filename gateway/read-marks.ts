/**
 * Read marks in large channels (rule H5): who reads along says so with every message, and the owner hears it once a second and
 * person. Only of those who have read everything that this node knows, since their answer needs no owner: nothing is unread.
 */
import type { Router } from "../actors/ports.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { RECEIPTS_MEMBERS_MAX } from "../protocol/signals.ts";
import type { RoomConnection } from "./rooms/listener.ts";
import type { Rooms } from "./rooms/rooms.ts";

/** How long marks are gathered, milliseconds (rule H5). */
export const READ_EVERY_MS = 1_000;
/** Marks that are tried again because the owner was out of reach, for so many rounds: a take-over takes seconds. */
const TRIES = 8;

type Mark = { channelId: ChannelId; userId: UserId; seq: number; triesLeft: number };

export class ReadMarks {
  readonly #router: Pick<Router, "askChannel">;
  readonly #rooms: Pick<Rooms, "get">;
  #marks = new Map<string, Mark>();
  #timer: NodeJS.Timeout | undefined;

  constructor(router: Pick<Router, "askChannel">, rooms: Pick<Rooms, "get">) {
    this.#router = router;
    this.#rooms = rooms;
  }

  /** Is a delivered mark of this listener none of the owner's business? */
  endsHere(connection: RoomConnection, channelId: ChannelId): boolean {
    return this.#largeRoomOf(connection, channelId) !== undefined;
  }

  /** Keeps a read mark that need not go to the owner at once: everything is read. False: ask the owner. */
  keeps(connection: RoomConnection, channelId: ChannelId, seq: number): boolean {
    const room = this.#largeRoomOf(connection, channelId);
    const head = room?.isUpToDate ? room.position : undefined;
    if (head === undefined || seq < head.seq) return false;
    const { userId } = connection;
    this.#keep({ channelId, userId, seq: head.seq, triesLeft: TRIES });
    return true;
  }

  /** How far the person has read who now says `seq`: a mark that is gathered counts, though the owner has not heard of it. */
  furthest({ userId }: RoomConnection, channelId: ChannelId, seq: number): number {
    return Math.max(seq, this.#marks.get(keyOf(channelId, userId))?.seq ?? 0);
  }

  /** Sends what is gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const marks = this.#marks;
    this.#marks = new Map();
    for (const mark of marks.values()) void this.#send(mark);
  }

  close(): void {
    this.flush();
  }

  /** Of more members than receipts are told to; and the listener is known to be one of them. */
  #largeRoomOf(connection: RoomConnection, channelId: ChannelId) {
    const room = this.#rooms.get(channelId);
    if ((room?.about.memberCount ?? 0) <= RECEIPTS_MEMBERS_MAX) return undefined;
    return room?.listener(connection)?.state === "live" ? room : undefined;
  }

  #keep(mark: Mark): void {
    const key = keyOf(mark.channelId, mark.userId);
    const before = this.#marks.get(key);
    if (before === undefined || before.seq < mark.seq) this.#marks.set(key, mark);
    this.#timer ??= setTimeout(() => this.flush(), READ_EVERY_MS).unref();
  }

  async #send({ channelId, userId, seq, triesLeft }: Mark): Promise<void> {
    const answer = await this.#router.askChannel(channelId, { type: "mark", by: userId, read: seq });
    const isLost = !answer.ok && ["unavailable", "overloaded"].includes(answer.error.code);
    if (isLost && triesLeft > 1) this.#keep({ channelId, userId, seq, triesLeft: triesLeft - 1 });
  }
}

function keyOf(channelId: ChannelId, userId: UserId): string {
  return `${channelId}.${userId}`;
}
