/**
 * What this node holds for a person, said to their session actor again and again (rule E4): on every change, every 30 s, and
 * after their shard has moved. A word that is lost is made up for by the next one.
 */
import type { UserId } from "../protocol/ids.ts";

const REPEAT_MS = 30_000;
/** How often those that are due are looked for. */
export const ROUND_MS = 500;
/** Users of one round: a move of many shards at once is spread over seconds. */
const ROUND_USERS_MAX = 1_000;

export class Repeats {
  readonly #say: (userId: UserId) => void;
  /** When each user is due again, monotonic milliseconds; who waits longest first. */
  readonly #dueAtMs = new Map<UserId, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `say` calls `said` or `forget`. */
  constructor(say: (userId: UserId) => void) {
    this.#say = say;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#round(), ROUND_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** It was said just now. */
  said(userId: UserId): void {
    this.#dueAtMs.delete(userId);
    this.#dueAtMs.set(userId, performance.now() + REPEAT_MS);
  }

  /** There is nothing to say any more. */
  forget(userId: UserId): void {
    this.#dueAtMs.delete(userId);
  }

  /** It is said again after `ms`, in a round, if not before. */
  within(userId: UserId, ms: number): void {
    const atMs = performance.now() + ms;
    if ((this.#dueAtMs.get(userId) ?? Number.POSITIVE_INFINITY) > atMs) this.#dueAtMs.set(userId, atMs);
  }

  /** The session actors of these users have another owner, who knows nothing of what was said. */
  moved(isMoved: (userId: UserId) => boolean): void {
    for (const userId of this.#dueAtMs.keys()) if (isMoved(userId)) this.#dueAtMs.set(userId, 0);
  }

  #round(): void {
    const nowMs = performance.now();
    let said = 0;
    for (const [userId, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > nowMs) continue;
      this.#say(userId);
      if (++said === ROUND_USERS_MAX) return;
    }
  }
}
