/** Two servers that both call themselves the log's: what the one we left says does not count any more. */
import { describe, expect, it } from "vitest";
import { type LogEntry, parseRecords } from "./entry.ts";
import type { LogStore } from "./log-store.ts";
import { ModelledRedis } from "./modelled-log.ts";
import { ModelledTimers } from "./modelled-time.ts";
import { SHARD, seqOf, TrialOwner } from "./trial-owner.ts";

const steady = () => 0.5;

/** An owner that serves over `first`; `failOver` leads it to `second`, which holds what `first` held then. */
async function twoServers() {
  const timers = new ModelledTimers();
  const accepted: LogEntry[] = [];
  const first = new ModelledRedis(timers, steady, {
    onAccepted: (_shard, entry) => void accepted.push(entry),
  });
  const second = new ModelledRedis(timers, steady);
  second.server = { runId: "run-of-second", replId: "repl-of-second" };
  const stores = [first.store(), second.store()] as const;
  let current: LogStore = stores[0];
  let changed = () => {};
  const store: LogStore = {
    link: (shard) => current.link(shard),
    watch: (_shard, then) => {
      changed = then;
      return () => {};
    },
  };
  const trial = new TrialOwner({ store, timers });
  await timers.runUntil(1_000);
  expect(trial.owner.state).toBe("serving");
  const failOver = () => {
    current = stores[1];
    changed();
  };
  const copy = () =>
    second.streams.set(SHARD, { ...first.stream(SHARD), entries: [...first.stream(SHARD).entries] });
  const seqsOfSecond = () => second.stream(SHARD).entries.flatMap((entry) => parseRecords(entry).map(seqOf));
  return { timers, trial, first, accepted, failOver, copy, seqsOfSecond };
}

describe("rule L3: an owner whose log has moved to another server", () => {
  it("does not take the yes of the server that it has left", async () => {
    const { timers, trial, accepted, failOver, copy, seqsOfSecond } = await twoServers();
    copy();
    trial.decide(1);
    while (accepted.length < 2) await timers.runUntil(timers.nowMs() + 1); // the first server has it, its answer is on the way
    expect(trial.released).toEqual([]);
    failOver();
    while (trial.released.length === 0) await timers.runUntil(timers.nowMs() + 1);
    expect(seqsOfSecond()).toEqual([1]);
  });

  it("asks Postgres, and puts back what the other server lacks before it appends", async () => {
    const { timers, trial, failOver, copy, seqsOfSecond } = await twoServers();
    copy();
    trial.decide(2);
    await timers.runUntil(2_000);
    expect(trial.released).toEqual([1, 2]);
    expect(trial.reigns.asked).toBe(0);
    failOver();
    trial.decide(1);
    await timers.runUntil(4_000);
    expect(trial.released).toEqual([1, 2, 3]);
    expect(seqsOfSecond()).toEqual([1, 2, 3]);
    expect(trial.reigns.asked).toBe(1);
  });

  it("is fenced by a foreign end of the log, whatever its number", async () => {
    const { timers, trial, first, failOver, copy, seqsOfSecond } = await twoServers();
    trial.decide(2);
    await timers.runUntil(2_000);
    copy();
    const foreign = { id: [1, 1] as const, token: "foreign", prev: [1, 0] as const, records: "[]" };
    first.streams.clear();
    first.stream(SHARD).entries.push(foreign);
    copy();
    failOver();
    trial.decide(1);
    await timers.runUntil(4_000);
    expect(trial.ended).toBe("fenced");
    expect(trial.released).toEqual([1, 2]);
    expect(trial.salvaged).toEqual([1, 2]);
    expect(seqsOfSecond()).toEqual([]);
  });
});
