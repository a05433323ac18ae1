/** The log's adapter: what each answer of a real Redis means, and which connection it came over; standalone and Cluster. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  freshPrefix,
  sharedRedisUrl,
  startRedis,
  startRedisCluster,
  type TestRedisCluster,
} from "../../../test/support/servers.ts";
import type { LogId } from "../../ports.ts";
import { formatId, type LogEntry, parseRecords, readEntry } from "./entry.ts";
import { type AppendOutcome, LogAway, type LogLink, type LogStore } from "./log-store.ts";
import { logKey } from "./redis-link.ts";
import { type LogServers, RedisLog } from "./redis-log.ts";
import { SHARD, seqOf, TrialOwner } from "./trial-owner.ts";

const WITHIN = { timeout: 15_000, interval: 20 };
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const endpoint = (url: string) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });

function open(servers: LogServers, prefix = freshPrefix()): RedisLog {
  const log = new RedisLog({ servers, prefix, logger: pino({ level: "silent" }) });
  closing.push(() => log.close());
  return log;
}

const openSingle = (url: string, prefix?: string) => open({ kind: "single", redis: endpoint(url) }, prefix);

const linkOf = (log: LogStore, shard = SHARD): Promise<LogLink> =>
  vi.waitFor(() => {
    const link = log.link(shard);
    expect(link?.alive).toBe(true);
    return link!;
  }, WITHIN);

const entry = (id: LogId, prev: LogId = [1, 0]): LogEntry => ({ id, token: "t", prev, records: "[]" });

function append(link: LogLink, id: LogId, shard = SHARD): Promise<AppendOutcome> {
  return new Promise((resolve) => link.append(shard, () => entry(id), resolve));
}

/** Between log and Redis: counts what is written, and swallows answers on demand. */
async function proxyTo(url: string) {
  const { port } = endpoint(url);
  const state = { writes: 0, isDeaf: false, sockets: new Set<Socket>(), url: "" };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      state.sockets.add(socket);
      socket.on("error", () => {});
    }
    near.on("data", (data) => {
      state.writes++;
      far.write(data);
    });
    far.on("data", (data) => void (state.isDeaf || near.write(data)));
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  state.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closing.push(() => server.close());
  const cut = () => {
    for (const socket of state.sockets) socket.destroy();
    state.sockets.clear();
  };
  closing.push(cut);
  return { state, cut };
}

describe("the log over one Redis", () => {
  it("rule L1: an id that is not above the last is refused; a log that is gone is missing, not made anew", async () => {
    const prefix = freshPrefix();
    const link = await linkOf(openSingle(sharedRedisUrl(), prefix));
    expect(await append(link, [1, 1])).toEqual({ kind: "missing" });
    expect(await link.last(SHARD)).toBeUndefined();
    expect(await link.put(SHARD, entry([1, 0], [0, 0]))).toEqual({ kind: "done" });
    expect(await append(link, [1, 1])).toEqual({ kind: "done" });
    expect(await append(link, [1, 1])).toMatchObject({ kind: "refused" });
    expect(await link.put(SHARD, entry([1, 0]))).toMatchObject({ kind: "refused" });
    expect(await link.put(SHARD, entry([1, 1]))).toMatchObject({ kind: "refused" });
    expect(await link.last(SHARD)).toEqual(entry([1, 1]));
    expect(await link.at(SHARD, [1, 0])).toEqual(entry([1, 0], [0, 0]));
    expect(await link.at(SHARD, [1, 2])).toBeUndefined();
    expect((await link.page(SHARD, [1, 0], 10)).map(({ id }) => formatId(id))).toEqual(["1-1"]);
    await link.trim(SHARD, [1, 0]);
    expect((await link.page(SHARD, [0, 0], 10)).map(({ id }) => formatId(id))).toEqual(["1-1"]);
  });

  it("rule L4: a full Redis surely failed; rule L6: its barrier passes", async () => {
    const server = await startRedis({ args: ["--maxmemory", "1"] });
    closing.push(() => server.stop());
    const link = await linkOf(openSingle(server.url));
    expect(await link.put(SHARD, entry([1, 0]))).toEqual({ kind: "done" });
    expect(await append(link, [1, 1])).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("OOM"),
    });
    expect(await link.put(SHARD, entry([1, 1]))).toMatchObject({ kind: "failed" });
    expect(await link.put(SHARD, entry([2, 0]))).toEqual({ kind: "done" });
  });

  it("writes all appends of one turn at once, each with its own answer, and asks for them at the turn's end", async () => {
    const { state } = await proxyTo(sharedRedisUrl());
    const link = await linkOf(openSingle(state.url));
    for (const shard of [1, 2, 3, 4]) await link.put(shard, entry([1, 0]));
    const before = state.writes;
    let composed = 0;
    const answers = [1, 2, 3, 4, 5].map(
      (shard) =>
        new Promise<AppendOutcome>((resolve) => {
          const compose = () => {
            composed++;
            return entry([1, 1]);
          };
          link.append(shard, compose, resolve);
        }),
    );
    expect(composed).toBe(0);
    const kinds = (await Promise.all(answers)).map(({ kind }) => kind);
    expect(kinds).toEqual(["done", "done", "done", "done", "missing"]);
    expect(state.writes).toBe(before + 1);
  });

  it("rule L4: an append whose connection is cut before its answer is unknown, and nothing is sent again by itself", async () => {
    const { state, cut } = await proxyTo(sharedRedisUrl());
    const prefix = freshPrefix();
    const log = openSingle(state.url, prefix);
    const link = await linkOf(log);
    await link.put(SHARD, entry([1, 0]));
    state.isDeaf = true;
    const doubtful = append(link, [1, 1]);
    const redis = new Redis(sharedRedisUrl());
    closing.push(() => redis.disconnect());
    await vi.waitFor(async () => expect(await redis.xlen(logKey(prefix, SHARD))).toBe(2), WITHIN);
    state.isDeaf = false;
    cut();
    expect(await doubtful).toMatchObject({ kind: "unknown" });
    expect(link.alive).toBe(false);
    expect(await append(link, [1, 2])).toMatchObject({ kind: "failed" });
    await expect(link.last(SHARD)).rejects.toThrow(LogAway);
    const next = await linkOf(log);
    expect(next).not.toBe(link);
    expect((await next.last(SHARD))?.id).toEqual([1, 1]);
  });

  it("rule L3: a restarted server is another server, and owners hear of every new link", async () => {
    const server = await startRedis();
    closing.push(() => server.stop());
    const log = openSingle(server.url);
    let changes = 0;
    log.watch(SHARD, () => changes++);
    const link = await linkOf(log);
    const before = changes;
    await server.restart();
    const next = await linkOf(log);
    expect(next.server.runId).not.toBe(link.server.runId);
    expect(link.alive).toBe(false);
    expect(changes).toBeGreaterThan(before + 1);
  });

  it("links to no replica", async () => {
    const server = await startRedis({
      args: ["--replicaof", ...Object.values(endpoint(sharedRedisUrl())).map(String)],
    });
    closing.push(() => server.stop());
    const redis = new Redis(server.url);
    closing.push(() => redis.disconnect());
    const log = openSingle(server.url);
    await vi.waitFor(
      async () => expect(await redis.info("clients")).toMatch(/connected_clients:[1-9]/),
      WITHIN,
    );
    expect(log.link(SHARD)).toBeUndefined();
    await redis.replicaof("NO", "ONE");
    await linkOf(log);
  });
});

describe("the log over a Redis Cluster of three masters", () => {
  let cluster: TestRedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  const openCluster = (prefix?: string) =>
    open({ kind: "cluster", nodes: cluster.nodes.map(endpoint) }, prefix);

  it("keeps each shard's log on the master of its slot", async () => {
    const log = openCluster();
    const runIds = new Set<string>();
    for (let shard = 0; shard < 32; shard++) {
      const link = await linkOf(log, shard);
      expect(await link.put(shard, entry([1, 0]))).toEqual({ kind: "done" });
      expect(await append(link, [1, 1], shard)).toEqual({ kind: "done" });
      runIds.add(link.server.runId);
    }
    expect(runIds.size).toBe(3);
  });

  it("rule L4: follows a slot that moves to another master, with every event once and in order", async () => {
    const prefix = freshPrefix();
    const trial = new TrialOwner({ store: openCluster(prefix) });
    closing.push(() => trial.owner.release({ withinMs: 0, flush: false }));
    await vi.waitFor(() => expect(trial.owner.state).toBe("serving"), WITHIN);
    const feed = setInterval(() => trial.reign!.hasRoom() && trial.decide(2), 2);
    closing.push(() => clearInterval(feed));
    await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(50), WITHIN);
    const target = new Redis(await cluster.moveSlot(logKey(prefix, SHARD)));
    closing.push(() => target.disconnect());
    const soFar = trial.released.length;
    await vi.waitFor(() => expect(trial.released.length).toBeGreaterThan(soFar + 50), WITHIN);
    clearInterval(feed);
    await vi.waitFor(async () => {
      const found = await target.xrange(logKey(prefix, SHARD), "-", "+");
      const seqs = found.flatMap(([id, fields]) => parseRecords(readEntry(id, fields)).map(seqOf));
      expect(seqs).toEqual(trial.released);
    }, WITHIN);
    expect(trial.ended).toBeUndefined();
  });

  it("rule L4: goes on after the death and return of a master", async () => {
    const prefix = freshPrefix();
    const trial = new TrialOwner({ store: openCluster(prefix) });
    closing.push(() => trial.owner.release({ withinMs: 0, flush: false }));
    await vi.waitFor(() => expect(trial.owner.state).toBe("serving"), WITHIN);
    trial.decide(3);
    await vi.waitFor(() => expect(trial.released).toHaveLength(3), WITHIN);
    for (const server of cluster.servers) {
      await server.kill();
      trial.decide(1);
      await server.restart();
    }
    await vi.waitFor(() => expect(trial.released).toEqual([1, 2, 3, 4, 5, 6]), WITHIN);
    expect(trial.ended).toBeUndefined();
  });
});
