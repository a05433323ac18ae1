/** How a user looks to others (row P3): from who is connected, what they chose, when they last did something, and the time. */
import type { Presence } from "../../protocol/signals.ts";
import type { Person, SessionState } from "./state.ts";

/** Without activity on any device for so long, who is online looks away. */
export const AWAY_AFTER_MS = 300_000;
/** From the last connection's end to `offline`: a page that is loaded again, a phone that changes its network. */
export const GRACE_MS = 5_000;

/** To everyone whom no block keeps from seeing it; undefined: not known yet. */
export function lookOf(state: SessionState, nowMs: number): Presence | undefined {
  const { userId, person } = state;
  if (person === undefined) return undefined;
  if (person === null) return noLook(state);
  if (person.status === "invisible") return offlineLook(state, person);
  const isThere = isConnected(state, nowMs);
  if (isThere === undefined) return undefined;
  if (!isThere) return offlineLook(state, person);
  const status = person.status === "online" && nowMs >= awayAtMs(state) ? "away" : person.status;
  return { userId, status, ...(person.text !== undefined && { text: person.text }) };
}

/** What is shown where nothing may be, or can be, told. */
export function noLook({ userId }: SessionState): Presence {
  return { userId, status: "offline" };
}

/**
 * From visible to offline: when the person was last seen, which Postgres keeps; else undefined. Who turned invisible was
 * seen last at that moment, however long they stay.
 */
export function endOfSight(state: SessionState, look: Presence, nowMs: number): number | undefined {
  const wasVisible = state.isVisible;
  state.isVisible = look.status !== "offline";
  if (!wasVisible || state.isVisible || state.person == null) return undefined;
  const seenAtMs = state.gateways.size > 0 ? nowMs : (state.connectedAtMs ?? nowMs);
  state.person.lastSeenAtMs = Math.max(state.person.lastSeenAtMs ?? 0, seenAtMs);
  return seenAtMs;
}

/** When time alone may change the look next; Infinity: never. */
export function lookChangesAtMs(state: SessionState): number {
  if (state.person == null) return Number.POSITIVE_INFINITY;
  const graceEndsAtMs = (state.connectedAtMs ?? Number.NEGATIVE_INFINITY) + GRACE_MS;
  const times = state.gateways.size > 0 ? [awayAtMs(state)] : [graceEndsAtMs, state.doubtUntilMs];
  if (awayAtMs(state) < graceEndsAtMs) times.push(awayAtMs(state));
  return Math.min(...times.filter((atMs) => atMs > state.settledAtMs));
}

/** A connection that has just gone counts until the grace is over; undefined: gateways may not have said yet. */
function isConnected(state: SessionState, nowMs: number): boolean | undefined {
  const { gateways, connectedAtMs, doubtUntilMs } = state;
  if (gateways.size > 0) return true;
  if (connectedAtMs !== undefined && nowMs < connectedAtMs + GRACE_MS) return true;
  return nowMs < doubtUntilMs ? undefined : false;
}

function awayAtMs({ activeAtMs }: SessionState): number {
  return activeAtMs + AWAY_AFTER_MS;
}

function offlineLook(state: SessionState, { lastSeenAtMs }: Person): Presence {
  return { ...noLook(state), ...(lastSeenAtMs !== undefined && { lastSeenAtMs }) };
}
