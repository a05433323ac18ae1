/** Laws of presence over any run of commands and time. The test is the gateways: it keeps what each viewer was told last. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import type { Presence } from "../../protocol/signals.ts";
import type { SessionCommand } from "../commands.ts";
import { user } from "../doubles.ts";
import { handle, settle, settlesAtMs } from "./handle.ts";
import { GRACE_MS } from "./presence.ts";
import { learnPerson, newSession, type Outgoing, type SessionState } from "./state.ts";
import { presenceFor } from "./watchers.ts";

const ada = user(1);
const viewers = [user(2), user(3), user(4)];
const nodes = ["a", "b", "c"];
const startMs = 1_700_000_000_000;

type Step = { afterMs: number; command: SessionCommand | "learn"; activeAgoMs?: number };

const node = fc.constantFrom(...nodes);
const viewer = fc.constantFrom(...viewers);
const command: fc.Arbitrary<Step["command"]> = fc.oneof(
  fc.record({
    type: fc.constant("attach" as const),
    node,
    connections: fc.array(
      fc.record({
        connectionId: fc.constantFrom("x", "y", "z") as fc.Arbitrary<never>,
        sinceMs: fc.nat(9),
        activeAtMs: fc.integer({ min: -400_000, max: 600_000 }).map((ms) => startMs + ms),
      }),
      { maxLength: 2 },
    ),
  }),
  fc.record({ type: fc.constant("watch" as const), node, viewers: fc.uniqueArray(viewer) }),
  fc.record({
    type: fc.constant("choose" as const),
    status: fc.constantFrom("online", "away", "dnd", "invisible"),
    text: fc.constantFrom("busy", undefined),
  }),
  fc.record({
    type: fc.constant("block" as const),
    userId: viewer,
    blocked: fc.boolean(),
    byThem: fc.constantFrom(true as const, undefined),
  }),
  fc.constant("learn" as const),
);
const waits = fc.oneof(fc.constant(0), fc.nat(6_000), fc.nat(40_000), fc.nat(320_000));
const steps: fc.Arbitrary<Step[]> = fc.array(fc.record({ afterMs: waits, command }), { maxLength: 40 });

/** Gateways that hear what the session says. */
class Played {
  readonly state: SessionState = newSession(ada, startMs + 10_000);
  readonly told = new Map<string, Presence>();
  /** What was said to viewers, with its time. */
  readonly said: { atMs: number; viewer: UserId; presence: Presence }[] = [];
  readonly seen: number[] = [];
  nowMs = startMs;
  /** When a gateway last said that it holds a connection, or that the last there has gone. */
  connectedAtMs = Number.NEGATIVE_INFINITY;

  /** Time passes; the session is woken exactly when it wants to be. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const dueMs = settlesAtMs(this.state);
      if (dueMs === undefined || dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.hear(settle(this.state, this.nowMs));
    }
    this.nowMs = endMs;
  }

  do(what: Step["command"]): void {
    if (what === "learn") {
      // Postgres is asked once; what it says is what was chosen so far, and nothing was.
      if (this.state.person !== undefined) return;
      learnPerson(this.state, { status: "online", blocked: [], blockedBy: [] });
      this.hear(settle(this.state, this.nowMs));
      return;
    }
    if (what.type === "attach" && (what.connections.length > 0 || this.state.gateways.has(what.node)))
      this.connectedAtMs = this.nowMs;
    const { answer, out } = handle(this.state, what, this.nowMs);
    this.hear(out);
    if (what.type === "watch") this.listed(what, answer as never);
  }

  /** As `Watches` does with the answer to a list. */
  listed(
    { node, viewers: listed }: { node: string; viewers: UserId[] },
    answer: { presence: Presence; unsure?: boolean; hiddenFrom?: UserId[] },
  ): void {
    for (const each of viewers) if (!listed.includes(each)) this.told.delete(`${node} ${each}`);
    for (const each of listed) {
      if (answer.unsure && this.told.has(`${node} ${each}`)) continue;
      const isHidden = answer.unsure || answer.hiddenFrom?.includes(each);
      const presence: Presence = isHidden ? { userId: ada, status: "offline" } : answer.presence;
      this.told.set(`${node} ${each}`, presence);
      if (!answer.unsure) this.said.push({ atMs: this.nowMs, viewer: each, presence });
    }
  }

  hear(out: readonly Outgoing[]): void {
    for (const one of out) {
      if (one.to === "store") this.seen.push(one.seenAtMs);
      if (one.to === "viewers") for (const each of one.viewers) this.tell(one.node, each, one.presence);
    }
  }

  tell(at: string, to: UserId, presence: Presence): void {
    this.told.set(`${at} ${to}`, presence);
    this.said.push({ atMs: this.nowMs, viewer: to, presence });
  }
}

function play(run: Step[], check: (played: Played, said: Played["said"]) => void): void {
  const played = new Played();
  for (const { afterMs, command: what } of run) {
    for (const move of [() => played.pass(afterMs), () => played.do(what)]) {
      const before = played.said.length;
      move();
      check(played, played.said.slice(before));
    }
  }
}

const property = (check: Parameters<typeof play>[1]) =>
  fc.assert(
    fc.property(steps, (run) => play(run, check)),
    { numRuns: 400 },
  );

describe("rows P3, P4: whatever happens,", () => {
  it("what a viewer was told last is what the state says, though it is woken only when it asked to be", () => {
    property(({ state, told, nowMs }) => {
      for (const [at, { viewers: watching }] of state.watchers)
        for (const each of watching) {
          const { presence, unsure } = presenceFor(state, each, nowMs);
          if (!unsure) expect(told.get(`${at} ${each}`)).toEqual(presence);
        }
    });
  });

  it("nobody is told offline within the grace after a connection, unless the person hides", () => {
    property(({ state, connectedAtMs }, said) => {
      if (state.person?.status === "invisible") return;
      for (const { atMs, viewer: to, presence } of said) {
        const hides = state.person?.blocked.has(to) || state.person?.blockedBy.has(to);
        if (presence.status === "offline" && !hides)
          expect(atMs - connectedAtMs).toBeGreaterThanOrEqual(GRACE_MS);
      }
    });
  });

  it("row P7: who blocks or is blocked hears `offline` and nothing more", () => {
    property(({ state }, said) => {
      for (const { viewer: to, presence } of said)
        if (state.person?.blocked.has(to) || state.person?.blockedBy.has(to))
          expect(presence).toEqual({ userId: ada, status: "offline" });
    });
  });

  it("last seen is the latest of what was kept, and nobody hears what someone invisible wrote", () => {
    property(({ state, seen }, said) => {
      if (state.person?.status === "invisible")
        for (const { presence } of said.slice(-1)) expect(presence).not.toHaveProperty("text");
      if (seen.length > 0) expect(state.person?.lastSeenAtMs).toBe(Math.max(...seen));
    });
  });

  it("once all gateways are silent, it wants nothing of time any more", () => {
    fc.assert(
      fc.property(steps, (run) => {
        const played = new Played();
        for (const { afterMs, command: what } of run) {
          played.pass(afterMs);
          played.do(what);
        }
        // Clocks of gateways may be ahead: someone was active ten minutes from now.
        played.pass(1_000_000);
        expect(settlesAtMs(played.state)).toBeUndefined();
        expect(played.state.watchers.size).toBe(0);
      }),
    );
  });
});
