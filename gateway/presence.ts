/**
 * Who on this node has whom on screen (row P4). Each watched person's session actor is told the list of viewers here, as a
 * whole; what it says of the person goes to those viewers. A word that was lost is found by comparing the answer to the next
 * repetition with what each viewer was told last.
 */
import type { SessionAnswers } from "../actors/commands.ts";
import type { Router } from "../actors/ports.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { Presence } from "../protocol/signals.ts";
import { encodeEvent, type Frame } from "./adapter/frame.ts";
import type { Connection, Connections } from "./connections.ts";
import { Repeats, ROUND_MS } from "./repeats.ts";

/** People whom one connection may watch: two full lists of `presence:watch`, since one screen follows another. Chosen. */
export const WATCHED_MAX = 1_000;
/** A list of n viewers (37 bytes each) is not said again within n of these: 37 KB/s for one person at most. */
const LIST_MS_PER_VIEWER = 1;
/** The owner could not be asked: sooner again than it would be repeated. */
const RETRY_MS = 5_000;

export type WatchesOptions = {
  router: Pick<Router, "askUser">;
  connections: Connections;
  /** This node's incarnation. */
  node: string;
  /** Writes to a connection that can take it now: presence may be missed by one that cannot. */
  offer(connection: Connection, frame: Frame): void;
};

/** `connections`: how many of theirs here have the person on screen. */
type Viewer = { connections: number; told: Presence | undefined };
type Watched = {
  readonly viewers: Map<UserId, Viewer>;
  /** Monotonic milliseconds at which the list was last said. */
  listedAtMs: number;
  /** How often the session actor has spoken: an answer that it has overtaken may be the older word. */
  words: number;
};

export class Watches {
  readonly #options: WatchesOptions;
  readonly #watched = new Map<UserId, Watched>();
  readonly #repeats = new Repeats((userId) => void this.#list(userId));

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#repeats.start();
  }

  close(): void {
    this.#repeats.close();
  }

  /**
   * The connection has these people on its screen as well, from now on. Answers how they are now, each once; `offline` for
   * those whose session actor cannot be asked, which is put right by a signal later. Undefined: more than `WATCHED_MAX`.
   */
  async watch(connection: Connection, userIds: readonly UserId[]): Promise<Presence[] | undefined> {
    const distinct = new Set(userIds);
    if (new Set([...connection.watching, ...distinct]).size > WATCHED_MAX) return undefined;
    return Promise.all([...distinct].map((userId) => this.#look(connection, userId)));
  }

  /** They have left its screen. */
  unwatch(connection: Connection, userIds: Iterable<UserId>): void {
    for (const userId of userIds) this.#leave(connection, userId);
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.unwatch(connection, [...connection.watching]);
  }

  /** From the person's session actor. */
  tell(viewers: readonly UserId[], presence: Presence): void {
    const watched = this.#watched.get(presence.userId);
    if (watched === undefined) return;
    watched.words++;
    const frame = encodeEvent("presence", presence);
    for (const userId of viewers) {
      const viewer = watched.viewers.get(userId);
      if (viewer && !(viewer.told && isSame(viewer.told, presence)))
        this.#show(userId, viewer, presence, frame);
    }
  }

  /** The session actors of these users have another owner, who knows nothing of their watchers. */
  moved(isMoved: (userId: UserId) => boolean): void {
    this.#repeats.moved(isMoved);
  }

  async #look(connection: Connection, userId: UserId): Promise<Presence> {
    const viewer = this.#enter(connection, userId);
    if (viewer.told !== undefined) return viewer.told;
    const waitMs = this.#listWaitMs(this.#watched.get(userId)!);
    if (waitMs <= 0) await this.#list(userId);
    else {
      this.#repeats.within(userId, waitMs);
      await this.#ask(userId, connection.userId, viewer);
    }
    viewer.told ??= { userId, status: "offline" };
    return viewer.told;
  }

  #enter(connection: Connection, userId: UserId): Viewer {
    const watched: Watched = this.#watched.get(userId) ?? {
      viewers: new Map(),
      listedAtMs: Number.NEGATIVE_INFINITY,
      words: 0,
    };
    this.#watched.set(userId, watched);
    const viewer = watched.viewers.get(connection.userId) ?? { connections: 0, told: undefined };
    watched.viewers.set(connection.userId, viewer);
    if (!connection.watching.has(userId)) viewer.connections++;
    connection.watching.add(userId);
    return viewer;
  }

  /** Its list is said without them in a round: someone who scrolls may be back by then. */
  #leave(connection: Connection, userId: UserId): void {
    if (!connection.watching.delete(userId)) return;
    const watched = this.#watched.get(userId)!;
    const viewer = watched.viewers.get(connection.userId)!;
    if (--viewer.connections > 0) return;
    watched.viewers.delete(connection.userId);
    this.#repeats.within(userId, Math.max(ROUND_MS, this.#listWaitMs(watched)));
  }

  /** Until its list may be said again: who is on everyone's screen is not told each newcomer by a list of all. */
  #listWaitMs({ viewers, listedAtMs }: Watched): number {
    return listedAtMs + viewers.size * LIST_MS_PER_VIEWER - performance.now();
  }

  /** How the person looks to one viewer who is not on the list yet. */
  async #ask(userId: UserId, viewerId: UserId, viewer: Viewer): Promise<void> {
    const answer = await this.#options.router.askUser(userId, { type: "presence", viewer: viewerId });
    if (answer.ok && !answer.unsure) viewer.told ??= answer.presence;
  }

  /** Says who watches; nobody: the person is forgotten here. */
  async #list(userId: UserId): Promise<void> {
    const { router, node } = this.#options;
    const watched = this.#watched.get(userId);
    const viewers = [...(watched?.viewers.keys() ?? [])];
    if (watched && viewers.length > 0) {
      watched.listedAtMs = performance.now();
      this.#repeats.said(userId);
    } else {
      this.#watched.delete(userId);
      this.#repeats.forget(userId);
    }
    const words = watched?.words;
    const answer = await router.askUser(userId, { type: "watch", node, viewers });
    if (!answer.ok) this.#repeats.within(userId, RETRY_MS);
    else if (watched) this.#heard(answer, watched, viewers, watched.words !== words);
  }

  /** `overtaken`: the actor has spoken since the list was said, and before this answer or after it. It is asked once more. */
  #heard(
    { presence, unsure, hiddenFrom }: Answer<SessionAnswers["watch"]> & { ok: true },
    watched: Watched,
    viewers: readonly UserId[],
    overtaken: boolean,
  ): void {
    if (unsure) return;
    if (overtaken) this.#repeats.within(presence.userId, ROUND_MS);
    const hidden = new Set(hiddenFrom);
    const offline: Presence = { userId: presence.userId, status: "offline" };
    for (const userId of viewers) {
      const viewer = watched.viewers.get(userId);
      if (viewer === undefined) continue;
      const seen = hidden.has(userId) ? offline : presence;
      // Who asked just now hears it by the answer.
      if (viewer.told === undefined) viewer.told = seen;
      else if (!overtaken && !isSame(viewer.told, seen))
        this.#show(userId, viewer, seen, encodeEvent("presence", seen));
    }
  }

  #show(viewerId: UserId, viewer: Viewer, presence: Presence, frame: Frame): void {
    viewer.told = presence;
    const { connections, offer } = this.#options;
    for (const connection of connections.ofUser(viewerId))
      if (connection.watching.has(presence.userId)) offer(connection, frame);
  }
}

function isSame(a: Presence, b: Presence): boolean {
  return a.status === b.status && a.text === b.text && a.lastSeenAtMs === b.lastSeenAtMs;
}
