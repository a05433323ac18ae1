/**
 * One user's session over all devices and nodes: who is connected, what the person chose, who watches. Soft: nothing of it is
 * logged; gateways say it anew when a shard moves, and what was chosen is a row in Postgres (rule E4).
 */
import type { ConnectionId, UserId } from "../../protocol/ids.ts";
import type { Presence } from "../../protocol/signals.ts";
import type { Connection } from "../commands.ts";
import type { PersonRow } from "../ports.ts";

/**
 * Gateways repeat what they hold every 30 s; one that missed it three times is gone, and what it held with it. The second wall:
 * a gateway whose node has no lease any more is gone at once (rule E4), if that is heard.
 */
export const SILENCE_MAX_MS = 90_000;

export type SessionState = {
  readonly userId: UserId;
  /** Row P6: the newest connection ends the others. */
  readonly isSingle: boolean;
  /** Until then, Unix milliseconds, gateways may not have said yet who is connected: nobody is declared offline. */
  readonly doubtUntilMs: number;
  /** By node: the connections there, never none, and when it last said so. */
  readonly gateways: Map<string, { connections: readonly Connection[]; heardAtMs: number }>;
  /** By node: who there has the user on screen, never nobody. */
  readonly watchers: Map<string, Watching>;
  /** As Postgres knew them, with what they did since. Undefined: not known yet, and nothing may be shown; null: there is no such person. */
  person: Person | null | undefined;
  /** When the person last did something on any device; 0: not known. */
  activeAtMs: number;
  /** When they were last known to be connected; undefined: never since the actor came into memory. */
  connectedAtMs: number | undefined;
  /** Time has been judged up to here. */
  settledAtMs: number;
  /** Do they look like anything but offline? */
  isVisible: boolean;
};

/** `told`: what the viewers who may see the user were told last; undefined: nothing yet. */
export type Watching = { viewers: readonly UserId[]; heardAtMs: number; told: Presence | undefined };

export type Person = Omit<PersonRow, "blocked" | "blockedBy"> & {
  readonly blocked: Set<UserId>;
  readonly blockedBy: Set<UserId>;
};

/** What leaves a session, in order. */
export type Outgoing =
  | { to: "viewers"; node: string; viewers: readonly UserId[]; presence: Presence }
  | { to: "devices"; node: string; event: "unread" | "notification"; payload: object }
  /** Connections whose place another has taken. */
  | { to: "replaced"; node: string; connectionIds: readonly ConnectionId[] }
  /** Postgres keeps when the person was last seen. */
  | { to: "store"; seenAtMs: number };

/** Nothing is known of anyone yet. */
export function newSession(userId: UserId, doubtUntilMs: number, isSingle = false): SessionState {
  return {
    userId,
    isSingle,
    doubtUntilMs,
    gateways: new Map(),
    watchers: new Map(),
    person: undefined,
    activeAtMs: 0,
    connectedAtMs: undefined,
    settledAtMs: 0,
    isVisible: false,
  };
}

/** Takes in what Postgres says. */
export function learnPerson(state: SessionState, row: PersonRow | undefined): void {
  state.person = row ? { ...row, blocked: new Set(row.blocked), blockedBy: new Set(row.blockedBy) } : null;
}

/** Is there a block between the user and this other, either way (row P7)? */
export function isHiddenFrom({ person }: SessionState, userId: UserId): boolean {
  return person != null && (person.blocked.has(userId) || person.blockedBy.has(userId));
}

/** Forgets gateways that have not repeated themselves. */
export function dropSilent({ gateways, watchers }: SessionState, nowMs: number): void {
  for (const held of [gateways, watchers])
    for (const [node, { heardAtMs }] of held) if (nowMs >= heardAtMs + SILENCE_MAX_MS) held.delete(node);
}
