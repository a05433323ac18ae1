/** Owners over a real Redis that is well; `shard-owner.faults.server.test.ts` has those over one that is not. */
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshPrefix, sharedRedisUrl } from "../../../test/support/servers.ts";
import { LEVEL } from "../../lib/level.ts";
import { parseId, parseRecords, readEntry } from "./entry.ts";
import { logKey } from "./redis-link.ts";
import { RedisLog } from "./redis-log.ts";
import { ReignsInMemory, SHARD, seqOf, TrialOwner } from "./trial-owner.ts";

const WITHIN = { timeout: 15_000, interval: 20 };
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function openLog(url: string, prefix: string): RedisLog {
  const { hostname, port } = new URL(url);
  const log = new RedisLog({
    servers: { kind: "single", redis: { host: hostname, port: Number(port) } },
    prefix,
    logger: pino({ level: process.env.LOG_LEVEL ?? "silent" }),
  });
  closing.push(() => log.close());
  return log;
}

async function serving(trial: TrialOwner): Promise<TrialOwner> {
  closing.push(() => trial.owner.release({ withinMs: 0, flush: false }));
  await vi.waitFor(() => expect(trial.owner.state).toBe("serving"), WITHIN);
  return trial;
}

function client(url: string): Redis {
  const redis = new Redis(url);
  closing.push(() => redis.disconnect());
  return redis;
}

/** Ids and seqs of everything in the log. */
async function logOf(redis: Redis, prefix: string): Promise<{ ids: string[]; seqs: number[] }> {
  const found = await redis.xrange(logKey(prefix, SHARD), "-", "+");
  const entries = found.map(([id, fields]) => readEntry(id, fields));
  return { ids: found.map(([id]) => id), seqs: entries.flatMap((entry) => parseRecords(entry).map(seqOf)) };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("an owner over a real Redis", () => {
  it("rule L1: writes everything of a turn into one entry under its reign's next id, and releases in order", async () => {
    const prefix = freshPrefix();
    const trial = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), prefix) }));
    trial.decide(3);
    trial.ask();
    expect(trial.released).toEqual([]);
    await vi.waitFor(() => expect(trial.released).toEqual([1, 2, 3, "?3"]), WITHIN);
    trial.decide(2);
    await vi.waitFor(() => expect(trial.released).toHaveLength(6), WITHIN);
    expect(await logOf(client(sharedRedisUrl()), prefix)).toEqual({
      ids: ["1-0", "1-1", "1-2"],
      seqs: [1, 2, 3, 4, 5],
    });
    expect(trial.owner.backlog().events).toBe(5);
  });

  it("rule L2: a new owner replays the retained log, hands on what is unflushed, and fences the old one", async () => {
    const prefix = freshPrefix();
    const reigns = new ReignsInMemory();
    const old = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), prefix), reigns }));
    old.decide(4);
    await vi.waitFor(() => expect(old.released).toHaveLength(4), WITHIN);
    old.projector.flushAll(reigns);
    old.decide(3);
    await vi.waitFor(() => expect(old.released).toHaveLength(7), WITHIN);
    const heir = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), prefix), reigns }));
    expect(heir.retained).toEqual(range(1, 7));
    expect(heir.projector.flushAll(reigns)).toEqual([5, 6, 7]);
    old.decide(2);
    old.ask();
    heir.decide(1);
    await vi.waitFor(() => expect(old.ended).toBe("fenced"), WITHIN);
    await vi.waitFor(() => expect(heir.released).toEqual([8]), WITHIN);
    expect(old.released).toEqual(range(1, 7));
    expect(old.salvaged).toEqual([5, 6, 7]);
    expect(await logOf(client(sharedRedisUrl()), prefix)).toEqual({
      ids: ["1-0", "1-1", "1-2", "2-0", "2-1"],
      seqs: range(1, 8),
    });
  });

  it("rule L2: of owners that race for a shard one serves, and nothing of an older reign stands behind a barrier", async () => {
    const prefix = freshPrefix();
    const reigns = new ReignsInMemory();
    const stores = range(1, 3).map(() => openLog(sharedRedisUrl(), prefix));
    const trials = stores.map((store) => new TrialOwner({ store, reigns }));
    for (const trial of trials) closing.push(() => trial.owner.release({ withinMs: 0, flush: false }));
    const redis = client(sharedRedisUrl());
    await vi.waitFor(() => {
      for (const trial of trials) if (trial.owner.state === "serving") trial.decide(1);
      expect(trials.filter(({ ended }) => ended === "fenced")).toHaveLength(2);
      expect(trials.filter(({ owner }) => owner.state === "serving")).toHaveLength(1);
    }, WITHIN);
    const winner = trials.find(({ owner }) => owner.state === "serving")!;
    expect(winner.owner.epoch).toBe(reigns.epoch);
    const epochs = (await logOf(redis, prefix)).ids.map((id) => parseId(id)[0]);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  });

  it("rule G1: a refusal or a duplicate's answer waits behind what was applied before it; an empty gate costs nothing", async () => {
    const trial = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), freshPrefix()) }));
    trial.ask();
    expect(trial.released).toEqual(["?0"]);
    trial.decide(1);
    trial.ask();
    expect(trial.released).toEqual(["?0"]);
    await vi.waitFor(() => expect(trial.released).toEqual(["?0", 1, "?1"]), WITHIN);
    trial.ask();
    expect(trial.released.at(-1)).toBe("?1");
    expect(trial.released).toHaveLength(4);
  });

  it("rules G2, P0: a lapsed lease holds what is confirmed and forgets nothing", async () => {
    const prefix = freshPrefix();
    const trial = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), prefix) }));
    trial.lease.held = false;
    trial.decide(2);
    trial.ask();
    const redis = client(sharedRedisUrl());
    await vi.waitFor(async () => expect((await logOf(redis, prefix)).seqs).toEqual([1, 2]), WITHIN);
    expect(trial.released).toEqual([]);
    trial.lease.held = true;
    await vi.waitFor(() => expect(trial.released).toEqual([1, 2, "?2"]), WITHIN);
  });

  it("rule S3: who waits for Postgres hears when it has everything entered before", async () => {
    const reigns = new ReignsInMemory();
    const trial = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), freshPrefix()), reigns }));
    trial.decide(2);
    trial.reign!.whenFlushed(() => trial.released.push("flushed"));
    await vi.waitFor(() => expect(trial.released).toEqual([1, 2]), WITHIN);
    expect(trial.projector.atOnce).toBeGreaterThan(0);
    trial.projector.flushAll(reigns);
    expect(trial.released).toEqual([1, 2, "flushed"]);
    trial.reign!.whenFlushed(() => trial.released.push("at once"));
    expect(trial.released.at(-1)).toBe("at once");
  });

  it("rule P3: a planned release lets everything out first, and with `flush` waits for Postgres", async () => {
    const reigns = new ReignsInMemory();
    const trial = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), freshPrefix()), reigns }));
    trial.decide(3);
    const released = trial.owner.release({ withinMs: 10_000, flush: true });
    expect(trial.owner.actors).toBeUndefined();
    await vi.waitFor(() => expect(trial.projector.atOnce).toBeGreaterThan(0), WITHIN);
    expect(trial.ended).toBeUndefined();
    trial.projector.flushAll(reigns);
    await released;
    expect(trial.released).toEqual([1, 2, 3]);
    expect(trial.ended).toBe("released");
    expect(trial.salvaged).toEqual([]);
    expect(trial.budget.bytes).toBe(0);
  });

  it("rule P1: projects the retained log again when Postgres went back", async () => {
    const reigns = new ReignsInMemory();
    const trial = await serving(new TrialOwner({ store: openLog(sharedRedisUrl(), freshPrefix()), reigns }));
    for (const count of [2, 3, 4]) {
      trial.decide(count);
      await vi.waitFor(() => expect(trial.owner.backlog().events).toBe(count), WITHIN);
      trial.projector.flushAll(reigns);
    }
    trial.decide(1);
    await vi.waitFor(() => expect(trial.owner.backlog().events).toBe(1), WITHIN);
    trial.projector.source!.rewound([1, 1]);
    const seqs: number[] = [];
    await vi.waitFor(() => {
      seqs.push(...trial.projector.flushAll(reigns));
      expect(seqs).toEqual(range(3, 10));
    }, WITHIN);
  });

  it("rule L5: drops what is flushed and old, keeps what is unflushed and the newest", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"], shouldAdvanceTime: true });
    closing.push(() => vi.useRealTimers());
    const prefix = freshPrefix();
    const reigns = new ReignsInMemory();
    const trial = await serving(
      new TrialOwner({ store: openLog(sharedRedisUrl(), prefix), reigns, keepForMs: 20_000 }),
    );
    const redis = client(sharedRedisUrl());
    for (const seq of [1, 2, 3]) {
      trial.decide(1);
      await vi.waitFor(() => expect(trial.released).toContain(seq), WITHIN);
      vi.advanceTimersByTime(11_000);
    }
    await vi.waitFor(async () => expect((await logOf(redis, prefix)).seqs).toEqual([1, 2, 3]), WITHIN);
    vi.advanceTimersByTime(40_000);
    expect((await logOf(redis, prefix)).seqs).toEqual([1, 2, 3]);
    trial.projector.flushAll(reigns);
    await vi.waitFor(async () => {
      vi.advanceTimersByTime(5_000);
      expect((await logOf(redis, prefix)).seqs).toEqual([3]);
    }, WITHIN);
  });

  it("rule L5: has no room while the node's unflushed bytes are spent", async () => {
    const reigns = new ReignsInMemory();
    const store = openLog(sharedRedisUrl(), freshPrefix());
    const trial = await serving(new TrialOwner({ store, reigns, budgetBytes: 2_000 }));
    expect(trial.reign!.hasRoom()).toBe(true);
    trial.decide(3, 1_000);
    await vi.waitFor(() => expect(trial.released).toHaveLength(3), WITHIN);
    expect(trial.reign!.hasRoom()).toBe(false);
    trial.projector.flushAll(reigns);
    expect(trial.reign!.hasRoom()).toBe(true);
  });

  it.each([
    ["an entry of a level that it does not know", String(LEVEL + 1), "[]"],
    ["a record of a kind that it does not know", String(LEVEL), '[{"channelId":"c","poll":{"seq":1}}]'],
    [
      "an event that it does not know",
      String(LEVEL),
      '[{"channelId":"c","epoch":1,"event":{"type":"poll:ended"}}]',
    ],
  ])("rule E7: stops before harm at %s, says so and counts it", async (_what, level, records) => {
    const prefix = freshPrefix();
    const redis = client(sharedRedisUrl());
    const entry = ["v", level, "token", "t", "prev", "0-0", "records", records];
    await redis.xadd(logKey(prefix, SHARD), "9-1", ...entry);
    const trial = new TrialOwner({ store: openLog(sharedRedisUrl(), prefix) });
    closing.push(() => trial.owner.release({ withinMs: 0, flush: false }));
    await vi.waitFor(() => expect(trial.lines.join()).toContain("this version cannot read"), WITHIN);
    expect(trial.owner.state).toBe("claiming");
    expect(trial.owner.actors).toBeUndefined();
    expect((await trial.metrics.logUnreadable.get()).values[0]!.value).toBeGreaterThan(0);
  });
});
