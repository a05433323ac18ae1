/** `session:ready`: what a client is told first, once per connection. */
import { setTimeout as pause } from "node:timers/promises";
import { StoreAway } from "../actors/ports.ts";
import type { ResumePoints } from "../protocol/requests.ts";
import type { Limits, SessionReady } from "../protocol/session.ts";
import type { Connection } from "./connections.ts";
import { tellEarly } from "./early.ts";
import type { Membership, Memberships } from "./ports.ts";
import { type ResumeOptions, resume } from "./resuming.ts";
import type { Bystanders } from "./rooms/bystanders.ts";

/**
 * For the owners of the channels that are resumed, milliseconds: one that died answers nobody until it is replaced, and the
 * other channels do not wait for it. Chosen: many times what an owner takes that is there.
 */
const OWNERS_WITHIN_MS = 1_000;
/** Between two tries while Postgres is away; jittered, since everyone waits. */
const RETRY_MS = 1_000;

export type ReadyOptions = ResumeOptions & {
  memberships: Memberships;
  bystanders: Pick<Bystanders, "connected">;
  node: string;
  heartbeatMs: number;
  limits: Limits;
};

/**
 * Sends `session:ready`, with `resumed` when the handshake brought positions. It does not wait for the session actor
 * (rule E4), nor long for owners. `known` is called when Postgres has answered. While Postgres is away it waits: half a list of channels would read as "you have left the others"; requests
 * are taken meanwhile, `session:resume` among them. Ends quietly when the connection does.
 */
export async function sayReady(
  connection: Connection,
  points: ResumePoints | undefined,
  options: ReadyOptions & { known(): void },
): Promise<void> {
  const memberships = await membershipsOf(connection, options.memberships);
  options.known();
  if (!memberships) return;
  const trace = { requestId: `${connection.id}:0` };
  const withinMs = OWNERS_WITHIN_MS;
  const back = points && (await resume(connection, points, memberships, { ...options, trace, withinMs }));
  const ready: SessionReady = {
    userId: connection.userId,
    connectionId: connection.id,
    node: options.node,
    heartbeatMs: options.heartbeatMs,
    limits: options.limits,
    channels: memberships.map(({ channel: { id, seq, epoch }, unread, mentions }) => ({
      id,
      seq,
      epoch,
      unread,
      mentions,
    })),
    ...(back && { resumed: back.resumed }),
  };
  connection.socket.emit("session:ready", ready);
  tellEarly(connection);
  back?.afterwards();
  await options.bystanders.connected(
    connection,
    memberships.map(({ channel }) => channel),
  );
}

async function membershipsOf(
  connection: Connection,
  memberships: Memberships,
): Promise<Membership[] | undefined> {
  for (;;) {
    try {
      const mine = await memberships.ofUser(connection.userId);
      return isOpen(connection) ? mine : undefined;
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      await pause(RETRY_MS * (0.5 + Math.random()), undefined, { ref: false });
      if (!isOpen(connection)) return undefined;
    }
  }
}

function isOpen({ socket, closing }: Connection): boolean {
  return socket.connected && !closing;
}
