/** The people of this node and their session actors, wherever those live: what they are told, and what they say. */
import type { Router } from "../actors/ports.ts";
import type { UserId } from "../protocol/ids.ts";
import type { LocalDevices } from "../src/ports.ts";
import { encodeEvent, type Frame } from "./adapter/frame.ts";
import { Attachments } from "./attachments.ts";
import { closeConnection } from "./closing.ts";
import type { Connection, Connections } from "./connections.ts";
import { tellInTurn } from "./early.ts";
import { Watches } from "./presence.ts";

export type LocalPeopleOptions = {
  router: Pick<Router, "askUser">;
  connections: Connections;
  /** This node's incarnation. */
  node: string;
  /** Unix milliseconds of the cluster. */
  nowMs(): number;
  /** Bytes that may wait for a slow reader. Over it, a count is dropped: it comes again with the next `session:ready`. */
  budgetBytes: number;
};

export class LocalPeople implements LocalDevices {
  readonly attachments: Attachments;
  readonly watches: Watches;
  readonly #connections: Connections;
  readonly #budgetBytes: number;

  constructor(options: LocalPeopleOptions) {
    this.#connections = options.connections;
    this.#budgetBytes = options.budgetBytes;
    this.attachments = new Attachments(options);
    this.watches = new Watches({
      ...options,
      offer: (connection, frame) => this.#offer(connection, frame),
    });
  }

  start(): void {
    this.attachments.start();
    this.watches.start();
  }

  close(): void {
    this.attachments.close();
    this.watches.close();
  }

  /** The session actors of these users have another owner. */
  moved(isMoved: (userId: UserId) => boolean): void {
    this.attachments.moved(isMoved);
    this.watches.moved(isMoved);
  }

  tellUser(...[userId, event, payload]: Parameters<LocalDevices["tellUser"]>): void {
    const mine = this.#connections.ofUser(userId);
    if (mine.size === 0) return;
    const frame = encodeEvent(event, payload);
    for (const connection of mine) tellInTurn(connection, event, frame, this.#budgetBytes);
  }

  tellViewers(...[viewers, presence]: Parameters<LocalDevices["tellViewers"]>): void {
    this.watches.tell(viewers, presence);
  }

  replace(...[userId, connectionIds]: Parameters<LocalDevices["replace"]>): void {
    for (const connection of [...this.#connections.ofUser(userId)])
      if (connectionIds.includes(connection.id)) closeConnection(connection, { reason: "replaced" });
  }

  #offer(connection: Connection, frame: Frame): void {
    if (!connection.closing) connection.lane.offer(frame, this.#budgetBytes);
  }
}
