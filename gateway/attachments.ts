/** Tells each user's session actor which connections they have here, and when they last did something there (rule E4). */
import type { Router } from "../actors/ports.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Connection, Connections } from "./connections.ts";
import { Repeats } from "./repeats.ts";

/** Activity is told at once when the last that was told is older than this; else it goes with the next repetition. */
const ACTIVITY_EVERY_MS = 60_000;
/** The owner could not be asked: sooner again than it would be repeated. */
const RETRY_MS = 5_000;

export type AttachmentsOptions = {
  router: Pick<Router, "askUser">;
  connections: Connections;
  /** This node's incarnation. */
  node: string;
  /** Unix milliseconds of the cluster. */
  nowMs(): number;
};

export class Attachments {
  readonly #options: AttachmentsOptions;
  readonly #repeats = new Repeats((userId) => void this.#attach(userId));

  constructor(options: AttachmentsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#repeats.start();
  }

  close(): void {
    this.#repeats.close();
  }

  /** The user's connections here have changed. */
  changed(userId: UserId): void {
    void this.#attach(userId);
  }

  /** The person did something on this connection. */
  active(connection: Connection): void {
    connection.activeAtMs = this.#options.nowMs();
    if (connection.activeAtMs - connection.activeToldAtMs >= ACTIVITY_EVERY_MS)
      this.changed(connection.userId);
  }

  /** The session actors of these users have another owner, who knows nothing of their connections. */
  moved(isMoved: (userId: UserId) => boolean): void {
    this.#repeats.moved(isMoved);
  }

  async #attach(userId: UserId): Promise<void> {
    const { router, node } = this.#options;
    const mine = [...this.#options.connections.ofUser(userId)];
    for (const connection of mine) connection.activeToldAtMs = connection.activeAtMs;
    const connections = mine.map(({ id, device, sinceMs, activeAtMs }) => ({
      connectionId: id,
      ...(device !== undefined && { device }),
      sinceMs,
      activeAtMs,
    }));
    if (connections.length > 0) this.#repeats.said(userId);
    else this.#repeats.forget(userId);
    const answer = await router.askUser(userId, { type: "attach", node, connections });
    if (!answer.ok) this.#repeats.within(userId, RETRY_MS);
  }
}
