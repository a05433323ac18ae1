/** One user's connections on all gateways. Soft: nothing of it is logged, and gateways tell it anew when a shard moves (rule E4). */
import { unreachable } from "../../src/lib/assert.ts";
import type { Connection, SessionAnswers, SessionCommand } from "../commands.ts";

/** Gateways repeat what they hold every 30 s; one that missed it three times is gone, and its connections with it. */
export const ATTACHMENT_AGE_MAX_MS = 90_000;

export type SessionState = {
  /** By node: what it said last, and when, Unix milliseconds. */
  readonly gateways: Map<string, { connections: readonly Connection[]; heardAtMs: number }>;
};

export function disconnected(): SessionState {
  return { gateways: new Map() };
}

/** Takes in what a gateway says, in place, or tells what all of them said. */
export function handle<C extends SessionCommand>(
  state: SessionState,
  command: C,
  nowMs: number,
): SessionAnswers[C["type"]];
export function handle(state: SessionState, command: SessionCommand, nowMs: number): object {
  dropSilent(state, nowMs);
  switch (command.type) {
    case "attach":
      if (command.connections.length === 0) state.gateways.delete(command.node);
      else state.gateways.set(command.node, { connections: command.connections, heardAtMs: nowMs });
      return {};
    case "connections":
      return { connections: connectionsOf(state) };
    default:
      return unreachable(command);
  }
}

/** Forgets gateways that have not repeated themselves. */
export function dropSilent(state: SessionState, nowMs: number): void {
  for (const [node, { heardAtMs }] of state.gateways) {
    if (nowMs - heardAtMs > ATTACHMENT_AGE_MAX_MS) state.gateways.delete(node);
  }
}

function connectionsOf({ gateways }: SessionState): SessionAnswers["connections"]["connections"] {
  return [...gateways].flatMap(([node, { connections }]) =>
    connections.map((connection) => ({ ...connection, node })),
  );
}
