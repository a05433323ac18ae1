/** The models of the simulation and the servers that they stand for give the same answers to the same random questions. */
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, describe, expect, it } from "vitest";
import { ada, create, OneShard, room, send } from "../../actors/one-shard.ts";
import { isEvent, type LogRecord } from "../../actors/ports.ts";
import { Control } from "../../src/cluster/control.ts";
import { clusterKeys } from "../../src/cluster/keys.ts";
import type { LogEntry } from "../../src/cluster/log/entry.ts";
import type { AppendOutcome, LogLink } from "../../src/cluster/log/log-store.ts";
import { ModelledRedis } from "../../src/cluster/log/modelled-log.ts";
import { seeded } from "../../src/cluster/log/modelled-time.ts";
import { logKey, RedisLink } from "../../src/cluster/log/redis-link.ts";
import type { LogId } from "../../src/ports.ts";
import { openPool } from "../../src/store/pools.ts";
import { TestSource } from "../../src/store/projector/test-source.ts";
import { type Share, writeBatch } from "../../src/store/projector/write-batch.ts";
import { createReigns } from "../../src/store/reigns.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { freshPrefix, migratedDatabase, sharedRedisUrl } from "../support/servers.ts";
import { ModelledClient, ModelledNetwork } from "./modelled-client.ts";
import { ModelledControl, ModelledKeys } from "./modelled-control.ts";
import { ModelledPostgres } from "./modelled-postgres.ts";
import { Scheduler } from "./time.ts";

const SEQUENCES = 12;
const STEPS = 60;
/** Of Postgres, where a step takes milliseconds. */
const BATCH_SEQUENCES = 4;
const silent = pino({ level: "silent" });
const real = new Redis(sharedRedisUrl());

afterAll(() => real.disconnect());

/** A modelled answer, however long it takes there. */
async function inModel<T>(scheduler: Scheduler, asked: Promise<T>): Promise<T> {
  let isOver = false;
  void asked.finally(() => {
    isOver = true;
  });
  for (let step = 0; step < 10_000 && !isOver; step++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (!isOver) scheduler.step(Number.MAX_SAFE_INTEGER);
  }
  return asked;
}

class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  int(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  of<T>(among: readonly T[]): T {
    return among[this.int(among.length - 1)]!;
  }
}

type LinkStep = (link: LogLink) => Promise<unknown>;

function append(link: LogLink, entry: LogEntry): Promise<AppendOutcome["kind"]> {
  return new Promise((resolve) =>
    link.append(
      3,
      () => entry,
      ({ kind }) => resolve(kind),
    ),
  );
}

function linkStep(chance: Chance): LinkStep {
  const id: LogId = [1 + chance.int(3), chance.int(12)];
  const entry: LogEntry = { id, token: `t${chance.int(2)}`, prev: [0, 0], records: "[]" };
  return chance.of<LinkStep>([
    (link) => append(link, entry),
    (link) => append(link, entry),
    async (link) => (await link.put(3, entry)).kind,
    (link) => link.last(3),
    (link) => link.at(3, id),
    (link) => link.page(3, id, 1 + chance.int(3)),
    (link) => link.trim(3, id),
  ]);
}

describe("rules L1, L4: the modelled log and a real one", () => {
  it(`answer alike, ${SEQUENCES} sequences long`, { timeout: 30_000 }, async () => {
    const url = new URL(sharedRedisUrl());
    for (let seed = 1; seed <= SEQUENCES; seed++) {
      const prefix = freshPrefix();
      const none = () => {};
      const link = await RedisLink.open({
        redis: { host: url.hostname, port: Number(url.port) },
        prefix,
        memoryShare: 1,
        level: () => 1,
        onEnd: none,
        onMoved: none,
        onError: none,
      });
      const scheduler = new Scheduler();
      const modelled = new ModelledRedis(scheduler, seeded(seed)).store().link()!;
      const [one, other] = [new Chance(seed), new Chance(seed)];
      for (let step = 0; step < STEPS; step++) {
        const said = await linkStep(one)(link);
        expect(await inModel(scheduler, linkStep(other)(modelled)), `seed ${seed}, step ${step}`).toEqual(
          said,
        );
      }
      link.close();
      await real.del(logKey(prefix, 3));
    }
  });
});

/** A `Control`, and what lets a lease or the leader's key run out. */
type ControlAt = { control: Control; expire: (key: string) => Promise<unknown> };
type ControlStep = (at: ControlAt) => Promise<unknown>;

const keys = clusterKeys(freshPrefix());

function controlStep(chance: Chance): ControlStep {
  const node = chance.of(["a.1", "b.2", "c.3"]);
  const epoch = chance.int(6);
  const version = chance.int(30);
  const rows = new Map([[chance.int(4), `${version} ${node} -`]]);
  const fields = { name: node, load: String(chance.int(9)), draining: "0" };
  return chance.of<ControlStep>([
    async ({ control }) => (await control.renew(node, fields)).stood,
    async ({ control }) => (await control.renew(node, fields)).stood,
    ({ control }) => control.leave(node),
    ({ control }) => control.leavers(["a.1", "b.2", "c.3"]),
    async ({ control }) => {
      const { epoch: drawn, leader } = await control.elect(node, epoch);
      return { drawn, leader };
    },
    ({ control }) => control.resign(node),
    ({ control }) => control.leader(),
    ({ control }) => control.writeTable({ incarnation: node, epoch }, version, rows),
    ({ control }) => control.writeTable({ incarnation: node, epoch: 1 }, version, rows),
    ({ control }) => control.readTable(),
    async ({ control }) => (await control.readNodes()).map(({ id, fields: said }) => ({ id, said })),
    async ({ control }) => (await control.lapsed()).toSorted(),
    ({ control }) => control.unlist(node),
    ({ control }) =>
      control.agree({ shards: String(4 + epoch), protocol: "1", createdAtMs: String(version) }),
    ({ control }) => control.raise(chance.int(3), chance.int(3)),
    ({ expire }) => expire(keys.node(node)),
    ({ expire }) => expire(keys.leader),
  ]);
}

describe("rules P0, P2: the modelled control and the scripts of the real one", () => {
  it(`answer alike, ${SEQUENCES} sequences long`, { timeout: 30_000 }, async () => {
    const control = new Control(real, keys);
    for (let seed = 1; seed <= SEQUENCES; seed++) {
      await real.del(keys.nodes, keys.leader, keys.placement, keys.cluster);
      for (const node of ["a.1", "b.2", "c.3"]) await real.del(keys.node(node), keys.left(node));
      const scheduler = new Scheduler();
      const redis = new ModelledRedis(scheduler, seeded(seed));
      const network = new ModelledNetwork(redis, { lost: 0, late: 0 });
      const stored = new ModelledKeys(redis, 0);
      const client = new ModelledClient({ network, node: scheduler, isOpen: () => true });
      scheduler.step(1_000);
      const modelled = new ModelledControl(client, keys, stored);
      const [one, other] = [new Chance(seed), new Chance(seed)];
      for (let step = 0; step < STEPS; step++) {
        const said = await controlStep(one)({ control, expire: async (key) => void (await real.del(key)) });
        const at = { control: modelled, expire: async (key: string) => stored.set(key, undefined) };
        const answer = await inModel(scheduler, controlStep(other)(at));
        expect(answer ?? null, `seed ${seed}, step ${step}`).toEqual(said ?? null);
      }
    }
  });

  it("every step of the real one has a model", () => {
    const steps = Object.getOwnPropertyNames(Control.prototype);
    expect(Object.getOwnPropertyNames(ModelledControl.prototype)).toEqual(expect.arrayContaining(steps));
  });
});

/** What a room logs as people talk. */
async function conversation(): Promise<LogRecord[]> {
  const shard = await OneShard.open();
  await shard.ask(create());
  for (let n = 1; n <= 12; n++) await shard.ask(send(n, ada));
  const sentHash = "ab".repeat(32); // a digest, which the doubles' is not
  return shard.gate.log
    .filter(isEvent)
    .map((record) => ({ ...record, ...(record.sentHash && { sentHash }) }));
}

describe("rules L2, P1: the modelled Postgres and a real one", () => {
  it("draw the same epochs, and let the same batches through", { timeout: 60_000 }, async () => {
    const metrics = createMetrics({ defaults: false });
    const databaseUrl = await migratedDatabase();
    const pool = openPool({ name: "contract", kind: "write", databaseUrl, sizeMax: 1, metrics, log: silent });
    const reigns = createReigns(pool);
    const records = await conversation();
    for (let seed = 1; seed <= BATCH_SEQUENCES; seed++) {
      await pool.rows({
        name: "clear",
        text: "truncate channels, channel_members, messages, shards cascade",
      });
      const scheduler = new Scheduler();
      const modelled = new ModelledPostgres(scheduler, seeded(seed));
      const chance = new Chance(seed);
      let [epoch, taken] = [0, 0];
      let at: LogId = [0, 0];
      let done: Share | undefined;
      for (let step = 0; step < STEPS; step++) {
        if (epoch === 0 || chance.int(9) === 0) {
          const atLeast = chance.int(2 * epoch);
          const claimed = await reigns.claim(5, atLeast);
          expect(modelled.claim(5, atLeast)).toEqual(claimed);
          epoch = claimed.epoch;
        }
        const asked = epoch - chance.int(1);
        expect(modelled.shard(5).epoch === asked).toBe(await reigns.stands(5, asked));
        const count = chance.int(3);
        const source = new TestSource(5, chance.int(5) === 0 ? epoch - 1 : epoch);
        const from: LogId = chance.int(4) === 0 ? [epoch, chance.int(20)] : at;
        const to: LogId = [epoch, step + 1];
        // Now and then the last one again, as after a commit whose answer was lost.
        const isRepeat = done !== undefined && chance.int(4) === 0;
        const share: Share = isRepeat
          ? { ...done!, source }
          : { source, records: records.slice(taken, taken + count), from, to };
        const said = (await writeBatch({ pool, metrics, log: silent, nowMs: Date.now }, [share])).get(source);
        expect(modelled.write([share]).get(source), `seed ${seed}, step ${step}`).toEqual(said);
        if (said?.type !== "flushed" || isRepeat) continue;
        done = share;
        at = to;
        taken += count;
      }
      const [row] = await pool.rows<{ seq: number; epoch: number }>({
        name: "head",
        text: "select seq, epoch from channels",
      });
      const channel = modelled.tables.rows.get(room)?.channel;
      expect([channel?.seq, channel?.epoch]).toEqual([row?.seq, row?.epoch]);
    }
    await pool.close();
  });
});
