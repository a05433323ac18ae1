/**
 * What holds for every Engine.IO connection, whoever is behind it and whatever it sends. The libraries answer some of it
 * by themselves (WebSocket pings, CONNECTs to other namespaces), past our requests, their rates and their budget.
 */
import type { Server } from "socket.io";
import { type EngineConnection, type Lane, laneOf } from "./adapter/lane.ts";

/** How often backlogs are looked at, milliseconds: between two looks one grows by what its client can send. */
const SWEEP_MS = 1_000;

export type EngineGuardOptions = {
  /** Bytes that may wait for a connection which does not read. */
  backlogMaxBytes: number;
  /** Packets of any kind in one second; more end the connection. `Infinity`: not counted. */
  packetsPerSecond: number;
  /** Called with each connection, right before it is cut: `slow` for its backlog, `policy` for its packets. */
  cut(lane: Lane, reason: "slow" | "policy"): void;
};

/**
 * Watches the server's connections: cuts who sends more packets than anyone needs, and who lets more bytes than the
 * maximum wait without reading on. To be called once the server is attached.
 */
export function guardEngine(io: Server, options: EngineGuardOptions): { close(): void } {
  /** Bytes that waited at the last look. */
  const waited = new Map<Lane, number>();
  io.engine.on("connection", (connection: EngineConnection) => {
    const lane = laneOf(connection);
    waited.set(lane, 0);
    connection.once("close", () => waited.delete(lane));
    countPackets(connection, lane, options);
  });
  const timer = setInterval(() => {
    for (const [lane, before] of waited) {
      const bytes = lane.backlogBytes();
      waited.set(lane, bytes);
      // Who reads a large answer slowly is none of those: their backlog shrinks.
      if (bytes <= options.backlogMaxBytes || bytes < before) continue;
      options.cut(lane, "slow");
      lane.terminate();
    }
  }, SWEEP_MS).unref();
  return { close: () => clearInterval(timer) };
}

function countPackets(
  connection: EngineConnection,
  lane: Lane,
  { packetsPerSecond, cut }: EngineGuardOptions,
): void {
  if (packetsPerSecond === Number.POSITIVE_INFINITY) return;
  let second = 0;
  let packets = 0;
  connection.on("packet", () => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) {
      second = now;
      packets = 0;
    }
    packets += 1;
    if (packets !== packetsPerSecond + 1) return;
    cut(lane, "policy");
    lane.terminate();
  });
}
