/** What a session does about a command, and about time that passes. Pure: state changes in place, and what leaves is answered. */
import { unreachable } from "../../src/lib/assert.ts";
import type { SessionAnswers, SessionCommand } from "../commands.ts";
import { attach, connectionsOf } from "./connections.ts";
import { endOfSight, lookChangesAtMs, lookOf } from "./presence.ts";
import { dropSilent, isHiddenFrom, type Outgoing, type SessionState, SILENCE_MAX_MS } from "./state.ts";
import { block, presenceFor, tellWatchers, watch } from "./watchers.ts";

/** What the time up to now has changed is told first; then the command is obeyed, and what that changed is told. */
export function handle<C extends SessionCommand>(
  state: SessionState,
  command: C,
  nowMs: number,
): { answer: SessionAnswers[C["type"]]; out: Outgoing[] };
export function handle(
  state: SessionState,
  command: SessionCommand,
  nowMs: number,
): { answer: object; out: Outgoing[] } {
  const before = settle(state, nowMs);
  const { answer = {}, out = [] } = obey(state, command, nowMs);
  return { answer, out: [...before, ...out, ...settle(state, nowMs)] };
}

/** Brings what others were told in line with how the user looks now. */
export function settle(state: SessionState, nowMs: number): Outgoing[] {
  state.settledAtMs = nowMs;
  dropSilent(state, nowMs);
  const look = lookOf(state, nowMs);
  if (look === undefined) return [];
  const seenAtMs = endOfSight(state, look, nowMs);
  if (seenAtMs === undefined) return tellWatchers(state, look);
  return [{ to: "store", seenAtMs }, ...tellWatchers(state, lookOf(state, nowMs)!)];
}

/** When `settle` may have something to do next, if nothing is asked until then; undefined: never. */
export function settlesAtMs(state: SessionState): number | undefined {
  const heardAtMs = [...state.gateways.values(), ...state.watchers.values()].map((held) => held.heardAtMs);
  const atMs = Math.min(lookChangesAtMs(state), ...heardAtMs.map((heard) => heard + SILENCE_MAX_MS));
  return atMs === Number.POSITIVE_INFINITY ? undefined : atMs;
}

function obey(
  state: SessionState,
  command: SessionCommand,
  nowMs: number,
): { answer?: object; out?: Outgoing[] } {
  switch (command.type) {
    case "attach":
      return { out: attach(state, command, nowMs) };
    case "connections":
      return { answer: connectionsOf(state) };
    case "choose":
      choose(state, command);
      return {};
    case "presence":
      return { answer: presenceFor(state, command.viewer, nowMs) };
    case "watch":
      return { answer: watch(state, command, nowMs) };
    case "block":
      return { out: block(state, command) };
    case "notify":
      return { out: notify(state, command) };
    default:
      return unreachable(command);
  }
}

/** Who is not known yet is fetched later, with this. */
function choose({ person }: SessionState, { status, text }: SessionCommand & { type: "choose" }): void {
  if (person == null) return;
  person.status = status;
  person.text = text;
}

/** To every device. Who does not want to be disturbed hears what moved, and not why they might look. */
function notify(state: SessionState, { notice, unread }: SessionCommand & { type: "notify" }): Outgoing[] {
  const out: Outgoing[] = [];
  const isWanted = notice && state.person?.status !== "dnd" && !isHiddenFrom(state, notice.by);
  for (const node of state.gateways.keys()) {
    if (unread) out.push({ to: "devices", node, event: "unread", payload: unread });
    if (isWanted) out.push({ to: "devices", node, event: "notification", payload: notice });
  }
  return out;
}
