/** Owners whose Redis is killed in the middle of appends, frozen, filled, emptied, and put back in time: standalone and Cluster. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import keySlot from "cluster-key-slot";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { findUnflushed } from "../../../actors/replay.ts";
import { freshPrefix, startRedis, startRedisCluster, type TestRedis } from "../../../test/support/servers.ts";
import { BEFORE_ALL, entryFields, formatId, type LogEntry, parseRecords, readEntry } from "./entry.ts";
import { type LogStore, pagesOf } from "./log-store.ts";
import { logKey } from "./redis-link.ts";
import { type LogServers, RedisLog } from "./redis-log.ts";
import { ReignsInMemory, SHARD, seqOf, TrialOwner } from "./trial-owner.ts";

const WITHIN = { timeout: 15_000, interval: 20 };
/** Where a server keeps its append-only file, and a copy of an earlier moment. */
const [AOF, EARLIER] = ["appendonlydir", "earlier"];

type Place = {
  servers: LogServers;
  /** Holds the log of `SHARD`. */
  server: TestRedis;
  stop: () => Promise<void>;
};

const endpoint = (url: string) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function onOne(): Promise<Place> {
  const server = await startRedis();
  return {
    server,
    servers: { kind: "single", redis: endpoint(server.url) },
    stop: () => server.stop(),
  };
}

async function onCluster(): Promise<Place> {
  const cluster = await startRedisCluster();
  const slot = keySlot(logKey("any", SHARD));
  const served = await Promise.all(cluster.nodes.map((url) => servesSlot(url, slot)));
  return {
    server: cluster.servers[served.indexOf(true)]!,
    servers: { kind: "cluster", nodes: cluster.nodes.map(endpoint) },
    stop: () => cluster.stop(),
  };
}

async function servesSlot(url: string, slot: number): Promise<boolean> {
  const redis = new Redis(url);
  try {
    const ranges = (await redis.call("CLUSTER", "SLOTS")) as [number, number, [string, number]][];
    return ranges.some(([from, to, [, port]]) => from <= slot && slot <= to && port === endpoint(url).port);
  } finally {
    redis.disconnect();
  }
}

describe.each([
  ["one Redis", onOne],
  ["a Redis Cluster", onCluster],
])("an owner over %s that fails", (_name, start) => {
  let place: Place;
  let redis: Redis;
  let prefix: string;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    place = await start();
    redis = new Redis(place.server.url, { retryStrategy: () => 50 });
    redis.on("error", () => {});
  });
  beforeEach(() => {
    prefix = freshPrefix();
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    redis?.disconnect();
    await place?.stop();
  });

  function openLog(): RedisLog {
    const log = new RedisLog({ servers: place.servers, prefix, logger: pino({ level: "silent" }) });
    closing.push(() => log.close());
    return log;
  }

  async function serving(options: { reigns?: ReignsInMemory; store?: LogStore } = {}): Promise<TrialOwner> {
    const trial = new TrialOwner({ store: openLog(), ...options });
    closing.push(() => trial.owner.release({ withinMs: 0, flush: false }));
    await vi.waitFor(() => expect(trial.owner.state).toBe("serving"), WITHIN);
    return trial;
  }

  /** Ids and seqs of everything in the log. */
  async function logged(): Promise<{ ids: string[]; seqs: number[] }> {
    const found = await redis.xrange(logKey(prefix, SHARD), "-", "+");
    const entries = found.map(([id, fields]) => readEntry(id, fields));
    return { ids: found.map(([id]) => id), seqs: entries.flatMap((entry) => parseRecords(entry).map(seqOf)) };
  }

  /** Decides without a pause until the answer is called. */
  function feed(trial: TrialOwner, count: number): () => void {
    const timer = setInterval(() => trial.reign!.hasRoom() && trial.decide(count), 1);
    closing.push(() => clearInterval(timer));
    return () => clearInterval(timer);
  }

  const releasedUpTo = (trial: TrialOwner, seq: number) =>
    vi.waitFor(() => expect(trial.released.at(-1)).toBe(seq), WITHIN);

  /** The server dies and comes back with what its append-only file held when `keepMoment` was called. */
  const keepMoment = () => {
    const { dir } = place.server;
    rmSync(join(dir, EARLIER), { recursive: true, force: true });
    cpSync(join(dir, AOF), join(dir, EARLIER), { recursive: true });
  };
  async function backToMoment(): Promise<void> {
    const { server } = place;
    await server.kill();
    rmSync(join(server.dir, AOF), { recursive: true });
    cpSync(join(server.dir, EARLIER), join(server.dir, AOF), { recursive: true });
    await server.restart();
  }
  /** As by an operator who lost the disk: a member of a cluster keeps its name and slots. */
  async function restartEmpty(): Promise<void> {
    await place.server.kill();
    rmSync(join(place.server.dir, AOF), { recursive: true });
    await place.server.restart();
  }

  it("rule L4: loses nothing and repeats nothing when Redis is killed in the middle of appends", async () => {
    const trial = await serving();
    const stop = feed(trial, 5);
    const doubts = () => trial.lines.filter((line) => line.includes("append not confirmed")).length;
    for (let round = 1; round <= 3; round++) {
      const soFar = trial.released.length;
      await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(soFar + 200), WITHIN);
      // Stopped first, so that the next append is surely on its way when the server dies.
      place.server.freeze();
      await vi.waitFor(() => expect(trial.reign!.hasRoom()).toBe(false), WITHIN);
      await place.server.restart();
      expect(doubts()).toBeGreaterThanOrEqual(round);
    }
    const soFar = trial.released.length;
    await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(soFar + 200), WITHIN);
    stop();
    await vi.waitFor(async () => expect((await logged()).seqs).toEqual(trial.released), WITHIN);
    expect(trial.released).toEqual(range(1, trial.released.length));
    expect(trial.ended).toBeUndefined();
    expect(trial.reigns.asked).toBeGreaterThanOrEqual(3);
  });

  it("rule L4: finds an append again that a frozen Redis applied late, under the same id", async () => {
    const trial = await serving();
    trial.decide(1);
    await releasedUpTo(trial, 1);
    place.server.freeze();
    trial.decide(2);
    await vi.waitFor(() => expect(trial.lines.join()).toContain("append not confirmed"), WITHIN);
    expect(trial.released).toEqual([1]);
    place.server.thaw();
    await releasedUpTo(trial, 3);
    expect(await logged()).toEqual({ ids: ["1-0", "1-1", "1-2"], seqs: [1, 2, 3] });
    expect(trial.reigns.asked).toBe(0);
  });

  it("rules L4, L6: keeps its batch while Redis is full, and a barrier gets in all the same", async () => {
    const reigns = new ReignsInMemory();
    const old = await serving({ reigns });
    await redis.config("SET", "maxmemory", "1mb");
    closing.push(() => redis.config("SET", "maxmemory", "0"));
    old.decide(1);
    await vi.waitFor(() => expect(old.lines.join()).toContain("OOM"), WITHIN);
    const heir = await serving({ reigns });
    await vi.waitFor(() => expect(old.ended).toBe("fenced"), WITHIN);
    heir.decide(2);
    heir.ask();
    for (const _ of range(1, 1_100)) if (heir.reign!.hasRoom()) heir.decide(1);
    expect(heir.reign!.hasRoom()).toBe(false);
    await vi.waitFor(() => expect(heir.lines.join()).toContain("OOM"), WITHIN);
    expect([...old.released, ...heir.released]).toEqual([]);
    expect(await logged()).toEqual({ ids: ["1-0", "2-0"], seqs: [] });
    await redis.config("SET", "maxmemory", "0");
    await vi.waitFor(() => expect(heir.released.slice(0, 4)).toEqual([1, 2, "?2", 3]), WITHIN);
    expect(heir.reign!.hasRoom()).toBe(true);
    await vi.waitFor(async () => expect((await logged()).seqs).toEqual(range(1, 1_000)), WITHIN);
  });

  it("rule L4: an owner that Redis turned away when full goes on with the same batch, under the same id", async () => {
    const trial = await serving();
    trial.decide(1);
    await releasedUpTo(trial, 1);
    await redis.config("SET", "maxmemory", "1mb");
    closing.push(() => redis.config("SET", "maxmemory", "0"));
    trial.decide(2);
    const tries = () => trial.lines.filter((line) => line.includes("OOM")).length;
    await vi.waitFor(() => expect(tries()).toBeGreaterThanOrEqual(2), WITHIN);
    expect(trial.released).toEqual([1]);
    await redis.config("SET", "maxmemory", "0");
    await releasedUpTo(trial, 3);
    expect(await logged()).toEqual({ ids: ["1-0", "1-1", "1-2"], seqs: [1, 2, 3] });
  });

  it("rule L3: puts its history back into a Redis emptied under its hands, barrier first, on the word of Postgres", async () => {
    const reigns = new ReignsInMemory();
    const trial = await serving({ reigns });
    trial.decide(2);
    await releasedUpTo(trial, 2);
    trial.projector.flushAll(reigns);
    trial.decide(3);
    await releasedUpTo(trial, 5);
    await redis.flushall();
    trial.decide(1);
    await releasedUpTo(trial, 6);
    expect(reigns.asked).toBe(1);
    expect(await logged()).toEqual({ ids: ["1-0", "1-2", "1-3"], seqs: [3, 4, 5, 6] });
    expect(await trial.reappended()).toBe(2);
  });

  it("rule L3: an idle owner puts its history back into a Redis that restarts empty", async () => {
    const reigns = new ReignsInMemory();
    const trial = await serving({ reigns });
    trial.decide(2);
    await releasedUpTo(trial, 2);
    await restartEmpty();
    await vi.waitFor(
      async () => expect(await logged()).toEqual({ ids: ["1-0", "1-1"], seqs: [1, 2] }),
      WITHIN,
    );
    expect(reigns.asked).toBeGreaterThan(0);
    expect(trial.ended).toBeUndefined();
  });

  it("rule L3: is fenced by an emptied Redis when Postgres knows a later reign", async () => {
    const reigns = new ReignsInMemory();
    const trial = await serving({ reigns });
    trial.decide(2);
    await releasedUpTo(trial, 2);
    await reigns.claim(SHARD, 0);
    await restartEmpty();
    await vi.waitFor(() => expect(trial.ended).toBe("fenced"), WITHIN);
    expect(trial.salvaged).toEqual([1, 2]);
    await vi.waitFor(async () => expect((await logged()).ids).toEqual([]), WITHIN);
  });

  it("rule L3: an idle owner puts the missing tail back when Redis comes back without its last second", async () => {
    const trial = await serving();
    trial.decide(2);
    await releasedUpTo(trial, 2);
    keepMoment();
    for (const last of [3, 4]) {
      trial.decide(1);
      await releasedUpTo(trial, last);
    }
    await backToMoment();
    await vi.waitFor(async () => {
      expect(await logged()).toEqual({ ids: ["1-0", "1-1", "1-2", "1-3"], seqs: [1, 2, 3, 4] });
    }, WITHIN);
    await vi.waitFor(async () => expect(await trial.reappended()).toBe(2), WITHIN);
    expect(trial.ended).toBeUndefined();
  });

  it("rule L3: a busy owner puts the missing tail back before it goes on", async () => {
    const trial = await serving();
    const stop = feed(trial, 3);
    await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(100), WITHIN);
    keepMoment();
    const kept = trial.released.length;
    await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(kept + 300), WITHIN);
    await backToMoment();
    const soFar = trial.released.length;
    await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(soFar + 100), WITHIN);
    stop();
    await vi.waitFor(async () => expect((await logged()).seqs).toEqual(trial.released), WITHIN);
    expect(trial.released).toEqual(range(1, trial.released.length));
    expect(await trial.reappended()).toBeGreaterThan(0);
    expect(trial.ended).toBeUndefined();
  });

  it("rule L2: a reign whose Redis forgot its barrier is told by the next owner, whose claim is the higher", async () => {
    const reigns = new ReignsInMemory();
    const first = await serving({ reigns });
    first.decide(2);
    await releasedUpTo(first, 2);
    keepMoment();
    const second = await serving({ reigns });
    second.decide(2);
    await releasedUpTo(second, 4);
    second.projector.flushAll(reigns);
    await backToMoment();
    const third = await serving({ reigns });
    expect(third.owner.epoch).toBe(3);
    // It may have looked before the third came, and put its barrier back: then its next append tells.
    second.decide(1);
    await vi.waitFor(() => expect(second.ended).toBe("fenced"), WITHIN);
    expect(second.released).toEqual([3, 4]);
    third.decide(1);
    await releasedUpTo(third, 5);
    expect(third.released).toEqual([5]);
    expect((await logged()).seqs.filter((seq) => seq === 5)).toEqual([5]);
  });

  it("rule I2: whoever reads the log takes events by channel and seq, under whatever ids they stand", async () => {
    const record = (seq: number) => ({ channelId: "c", epoch: 1, event: { type: "message:new", seq } });
    const entry = (epoch: number, n: number, ...seqs: number[]): LogEntry => ({
      id: [epoch, n],
      token: `t${epoch}`,
      prev: BEFORE_ALL,
      records: JSON.stringify(seqs.map(record)),
    });
    // 2 and 3 were lost, and are put back by a later reign, under its own ids and beside what it had already.
    const entries = [
      entry(1, 0),
      entry(1, 1, 1),
      entry(3, 0),
      entry(3, 1, 1, 2),
      entry(3, 2, 2, 3),
      entry(3, 3, 4),
    ];
    for (const each of entries) {
      await redis.xadd(logKey(prefix, SHARD), formatId(each.id), ...entryFields(each));
    }
    const log = openLog();
    const link = await vi.waitFor(() => {
      const found = log.link(SHARD);
      expect(found?.alive).toBe(true);
      return found!;
    }, WITHIN);
    const records = [];
    for await (const page of pagesOf(link, SHARD, BEFORE_ALL)) records.push(...page.flatMap(parseRecords));
    const rows = new Map([["c" as never, [1, 1] as [number, number]]]);
    expect(findUnflushed(records, rows).unflushed.map(seqOf)).toEqual([2, 3, 4]);
    expect(findUnflushed(records, new Map()).unflushed.map(seqOf)).toEqual([1, 2, 3, 4]);
  });
});
