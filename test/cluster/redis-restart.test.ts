/** Rules L3, L4 and P0: Redis is killed under load, and comes back with all, without its last second, or with nothing. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { counted } from "./stores.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

/** Over all nodes, since they started. */
async function total(name: string, label?: string): Promise<number> {
  const counts = await Promise.all(cluster.nodes.map((node) => counted(node, name, label)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Shards that were placed as those of an owner who is gone or does not serve. */
async function takenOver(): Promise<number> {
  const reasons = ["dead", "stuck", "new"].map((reason) =>
    total("hubbub_shard_moves_total", `reason="${reason}"`),
  );
  return (await Promise.all(reasons)).reduce((sum, moves) => sum + moves, 0);
}

/** Talks, lets `fault` happen, and answers how many entries were put back, after the verdict. */
async function goesOn(what: string, fault: (chatter: Chatter) => Promise<void>): Promise<number> {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  await chatter.untilAcked(120);
  const before = {
    pid: cluster.redis.pid,
    reappended: await total("hubbub_log_reappended_total"),
    fenced: await total("hubbub_log_fenced_total"),
    taken: await takenOver(),
  };
  expect(before.taken, "the instrument works").toBeGreaterThan(0);
  await fault(chatter);
  const backAtMs = performance.now();
  expect(cluster.redis.pid).not.toBe(before.pid);
  await chatter.untilAllAcked(chatter.channelIds, backAtMs);
  const againMs = Math.round(performance.now() - backAtMs);
  await chatter.untilAcked(120);
  const report = await chatter.judge();
  // A lapse is not a death: nobody was called gone.
  expect(await takenOver()).toBe(before.taken);
  expect(await total("hubbub_log_fenced_total")).toBe(before.fenced);
  console.log(`Redis came back ${what}: every channel acks again after ${againMs} ms`, report.seen);
  return (await total("hubbub_log_reappended_total")) - before.reappended;
}

it("rule P0: goes on where it was when Redis restarts: nothing acked lost, nothing twice", async () => {
  await goesOn("as it was", () => cluster.redis.restart());
});

it("rule L3: puts back what Redis forgot when it comes back without its last second", async () => {
  const { redis } = cluster;
  const [aof, earlier] = [join(redis.dir, "appendonlydir"), join(redis.dir, "earlier")];
  const reappended = await goesOn("without its last second", async (chatter) => {
    cpSync(aof, earlier, { recursive: true });
    await chatter.untilAcked(60);
    await chatter.keepLog();
    await redis.kill();
    rmSync(aof, { recursive: true });
    cpSync(earlier, aof, { recursive: true });
    await redis.restart();
  });
  expect(reappended).toBeGreaterThan(0);
});

it("rule L3: puts back what Postgres lacks when Redis comes back with nothing", async () => {
  const reappended = await goesOn("with nothing", async (chatter) => {
    await chatter.keepLog();
    await cluster.redis.restart({ empty: true });
  });
  expect(reappended).toBeGreaterThan(0);
});
