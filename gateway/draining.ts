/** Letting clients go in waves, each told when to come back, so that the other nodes meet them one by one. */
import { setTimeout as pause } from "node:timers/promises";
import { closeConnection, FAREWELL_MS } from "./closing.ts";
import type { Connections } from "./connections.ts";

const POLL_MS = 20;
const WAVES_MIN = 5;
/** Clients of one wave at most: more waves go instead. What another node lets in within a second or two. Chosen. */
const WAVE_MAX = 1_000;
const WAVE_EVERY_MS = 1_000;
/** Clients of one wave come back spread over as long. */
const RECONNECT_SPREAD_MS = 2_000;

export type DrainOptions = {
  /** How many waves; 0 connections need none. Default 5, and more for more than 5,000 connections. */
  waves?: number;
  /** Milliseconds from one wave to the next. Default 1,000. */
  everyMs?: number;
};

/** Ends every connection that is open now. Resolves when all have gone, 3 s after the last wave at the latest. */
export async function drainConnections(connections: Connections, options: DrainOptions = {}): Promise<void> {
  const all = [...connections.all()];
  const { waves = Math.max(WAVES_MIN, Math.ceil(all.length / WAVE_MAX)), everyMs = WAVE_EVERY_MS } = options;
  const size = Math.max(1, Math.ceil(all.length / Math.max(1, waves)));
  for (let from = 0; from < all.length; from += size) {
    if (from > 0) await pause(everyMs);
    for (const connection of all.slice(from, from + size)) {
      const reconnectAfterMs = Math.floor(Math.random() * RECONNECT_SPREAD_MS);
      closeConnection(connection, { reason: "drain", reconnectAfterMs });
    }
  }
  // A polling client hears it with its next poll.
  const untilMs = performance.now() + FAREWELL_MS;
  while (connections.size > 0 && performance.now() < untilMs) await pause(POLL_MS);
}
