/** Connections over all gateways: what each says, and in one-connection mode which of them stays (row P6). */
import type { Connection, SessionAnswers, SessionCommand } from "../commands.ts";
import type { Outgoing, SessionState } from "./state.ts";

type Placed = Connection & { node: string };

/** A gateway says what it holds now; that replaces what it said before. */
export function attach(
  state: SessionState,
  { node, connections }: SessionCommand & { type: "attach" },
  nowMs: number,
): Outgoing[] {
  const { gateways } = state;
  const wasKnown = gateways.has(node);
  if (connections.length === 0) gateways.delete(node);
  else gateways.set(node, { connections, heardAtMs: nowMs });
  if (wasKnown || connections.length > 0) state.connectedAtMs = nowMs;
  // A gateway of 0.1.0 does not say when they were active: since they came, as far as anyone knows.
  const active = connections.map(({ sinceMs, activeAtMs = sinceMs }) => activeAtMs);
  state.activeAtMs = Math.max(state.activeAtMs, ...active);
  return state.isSingle ? replaceOlder(state) : [];
}

export function connectionsOf({ gateways }: SessionState): SessionAnswers["connections"] {
  const placed = ([node, { connections }]: [string, { connections: readonly Connection[] }]): Placed[] =>
    connections.map((connection) => ({ ...connection, node }));
  return { connections: [...gateways].flatMap(placed) };
}

/** The newest stays; of two that came in one millisecond the one with the greater id. Whoever judges, and in whatever order. */
function replaceOlder(state: SessionState): Outgoing[] {
  const { connections } = connectionsOf(state);
  const newest = connections.reduce<Placed | undefined>(
    (best, one) => (best === undefined || isNewer(one, best) ? one : best),
    undefined,
  );
  const older = connections.filter(({ connectionId }) => connectionId !== newest?.connectionId);
  const byNode = Map.groupBy(older, ({ node }) => node);
  return [...byNode].map(([node, ended]) => ({
    to: "replaced",
    node,
    connectionIds: ended.map(({ connectionId }) => connectionId),
  }));
}

function isNewer(one: Connection, other: Connection): boolean {
  if (one.sinceMs !== other.sinceMs) return one.sinceMs > other.sinceMs;
  return one.connectionId > other.connectionId;
}
