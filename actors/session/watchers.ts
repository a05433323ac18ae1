/** Who has the user on screen, and what they were told: a change is told once per node, whoever they are there (row P4). */
import type { UserId } from "../../protocol/ids.ts";
import type { Presence } from "../../protocol/signals.ts";
import type { SeenPresence, SessionAnswers, SessionCommand } from "../commands.ts";
import { lookOf, noLook } from "./presence.ts";
import { isHiddenFrom, type Outgoing, type SessionState } from "./state.ts";

/** A gateway says who watches there; that replaces what it said before. Nobody is remembered for a person that is none. */
export function watch(
  state: SessionState,
  { node, viewers }: SessionCommand & { type: "watch" },
  nowMs: number,
): SessionAnswers["watch"] {
  const { watchers, person } = state;
  const look = lookOf(state, nowMs);
  if (viewers.length === 0 || person === null) watchers.delete(node);
  else watchers.set(node, { viewers, heardAtMs: nowMs, told: look });
  const hiddenFrom = viewers.filter((viewer) => isHiddenFrom(state, viewer));
  return { ...seenAs(state, look), ...(hiddenFrom.length > 0 && { hiddenFrom }) };
}

/** As one viewer sees the user. */
export function presenceFor(state: SessionState, viewer: UserId, nowMs: number): SeenPresence {
  const look = isHiddenFrom(state, viewer) ? noLook(state) : lookOf(state, nowMs);
  return seenAs(state, look);
}

/** Tells every node that was told something else last. */
export function tellWatchers(state: SessionState, look: Presence): Outgoing[] {
  const out: Outgoing[] = [];
  for (const [node, watching] of state.watchers) {
    if (watching.told && isSame(watching.told, look)) continue;
    watching.told = look;
    const viewers = watching.viewers.filter((viewer) => !isHiddenFrom(state, viewer));
    if (viewers.length > 0) out.push({ to: "viewers", node, viewers, presence: look });
  }
  return out;
}

/** A block begins or ends (row P7): the other sees the user no longer, or again. */
export function block(
  state: SessionState,
  { userId, blocked, byThem }: SessionCommand & { type: "block" },
): Outgoing[] {
  if (state.person == null) return [];
  const wasHidden = isHiddenFrom(state, userId);
  const list = byThem ? state.person.blockedBy : state.person.blocked;
  if (blocked) list.add(userId);
  else list.delete(userId);
  const isHidden = isHiddenFrom(state, userId);
  if (isHidden === wasHidden) return [];
  const out: Outgoing[] = [];
  for (const [node, { viewers, told }] of state.watchers)
    if (told && viewers.includes(userId))
      out.push({ to: "viewers", node, viewers: [userId], presence: isHidden ? noLook(state) : told });
  return out;
}

function seenAs(state: SessionState, look: Presence | undefined): SeenPresence {
  return look ? { presence: look } : { presence: noLook(state), unsure: true };
}

function isSame(a: Presence, b: Presence): boolean {
  return a.status === b.status && a.text === b.text && a.lastSeenAtMs === b.lastSeenAtMs;
}
