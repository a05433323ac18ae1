import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channel, HandWorld } from "../doubles.ts";
import { SIGNALS_EVERY_MS, SignalRounds } from "./signal-rounds.ts";
import { HEADS_EVERY_MS, Signals } from "./signals.ts";

const id = channel(1);
const head = (seq: number) => ({ channelId: id, seq, epoch: 1, messageCount: seq });

describe("rule H5: heads", () => {
  it("law: the first at once, never two within 2 s, nothing twice, and the last one always; then no timer runs", () => {
    const steps = fc.array(fc.nat(3_000), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(steps, (waits) => {
        const world = new HandWorld();
        const told: { atMs: number; seq: number }[] = [];
        world.broadcaster.signal = ({ payload }) =>
          void told.push({ atMs: world.time, seq: (payload as { seq: number }).seq });
        const signals = new Signals(id, { world, rounds: new SignalRounds(world.timers) });
        const startMs = world.time;
        for (const [i, ms] of waits.entries()) {
          signals.stands(head(i + 1));
          world.pass(ms);
        }
        world.pass(2 * HEADS_EVERY_MS);
        expect(told[0]).toEqual({ atMs: startMs, seq: 1 });
        expect(told.at(-1)?.seq).toBe(waits.length);
        for (const [i, { atMs, seq }] of told.entries()) {
          const before = told[i - 1];
          if (before === undefined) continue;
          expect(atMs - before.atMs).toBeGreaterThanOrEqual(HEADS_EVERY_MS);
          expect(seq).toBeGreaterThan(before.seq);
        }
        world.pass(HEADS_EVERY_MS + SIGNALS_EVERY_MS);
        expect(signals.isQuiet()).toBe(true);
        expect(world.timersRunning).toBe(0);
      }),
    );
  });
});
