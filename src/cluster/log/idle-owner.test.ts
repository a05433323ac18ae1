import { expect, it } from "vitest";
import { ModelledRedis } from "./modelled-log.ts";
import { ModelledTimers, seeded } from "./modelled-time.ts";
import { TRIM_INTERVAL_MS } from "./retention.ts";
import { ReignsInMemory, TrialOwner } from "./trial-owner.ts";

it("rule L3: an owner that writes nothing finds out that another has reigned meanwhile, and gone", async () => {
  const timers = new ModelledTimers();
  const redis = new ModelledRedis(timers, seeded(1));
  const reigns = new ReignsInMemory();
  const idle = new TrialOwner({ store: redis.store(), reigns, timers });
  await timers.runUntil(1_000);
  idle.decide(1);
  await timers.runUntil(2_000);
  const other = new TrialOwner({ store: redis.store(), reigns, timers });
  await timers.runUntil(3_000);
  await Promise.all([other.owner.release({ withinMs: 500, flush: false }), timers.runUntil(4_000)]);
  expect([idle.owner.state, other.ended]).toEqual(["serving", "released"]);
  await timers.runUntil(4_000 + 2 * TRIM_INTERVAL_MS);
  expect(idle.ended).toBe("fenced");
});

it("rule L3: an owner that is looked after goes on where nobody else has reigned", async () => {
  const timers = new ModelledTimers();
  const redis = new ModelledRedis(timers, seeded(2));
  const idle = new TrialOwner({ store: redis.store(), timers });
  await timers.runUntil(1_000);
  idle.decide(3);
  await timers.runUntil(5 * TRIM_INTERVAL_MS);
  idle.decide(1);
  await timers.runUntil(6 * TRIM_INTERVAL_MS);
  expect([idle.owner.state, idle.released]).toEqual(["serving", [1, 2, 3, 4]]);
});
