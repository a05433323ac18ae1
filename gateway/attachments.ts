/**
 * Tells each user's session actor which connections they have here (rule E4): on every change, every 30 s, and again after
 * their shard has moved. An answer that does not come is made up for by the next round.
 */
import type { Router } from "../actors/ports.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Connections } from "./connections.ts";

const REPEAT_MS = 30_000;
/** How often those that are due are looked for. */
const ROUND_MS = 500;
/** Users told in one round: a move of many shards at once is spread over seconds. */
const ROUND_USERS_MAX = 1_000;

export class Attachments {
  readonly #router: Router;
  readonly #connections: Connections;
  readonly #node: string;
  /** When each user is due again, monotonic milliseconds. */
  readonly #dueAtMs = new Map<UserId, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(router: Router, connections: Connections, node: string) {
    this.#router = router;
    this.#connections = connections;
    this.#node = node;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#round(), ROUND_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** The user's connections here have changed. */
  changed(userId: UserId): void {
    this.#attach(userId);
  }

  /** The session actors of these users have another owner, who knows nothing of their connections. */
  moved(isMoved: (userId: UserId) => boolean): void {
    for (const userId of this.#connections.users()) if (isMoved(userId)) this.#dueAtMs.set(userId, 0);
  }

  #round(): void {
    const nowMs = performance.now();
    let told = 0;
    for (const [userId, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > nowMs) continue;
      this.#attach(userId);
      if (++told === ROUND_USERS_MAX) return;
    }
  }

  #attach(userId: UserId): void {
    const connections = [...this.#connections.ofUser(userId)].map(({ id, device, sinceMs }) => ({
      connectionId: id,
      ...(device !== undefined && { device }),
      sinceMs,
    }));
    if (connections.length > 0) this.#dueAtMs.set(userId, performance.now() + REPEAT_MS);
    else this.#dueAtMs.delete(userId);
    void this.#router.askUser(userId, { type: "attach", node: this.#node, connections });
  }
}
