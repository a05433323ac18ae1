/** Rules L3, L4 and P0: Redis is killed and comes back from its append-only file, under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => cluster?.stop());

it("goes on where it was when Redis restarts: nothing acked lost, nothing twice", async () => {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  for (let round = 0; round < 2; round++) {
    await chatter.untilAcked(120);
    const restartedAtMs = performance.now();
    await cluster.redis.restart();
    const acked = () =>
      new Set(
        chatter.recorder.tally.acks.filter(({ atMs }) => atMs > restartedAtMs).map((ack) => ack.channelId),
      );
    await expect
      .poll(() => chatter.channelIds.filter((id) => !acked().has(id)), { timeout: 30_000 })
      .toEqual([]);
    console.log(
      `Redis restarted: every channel acks again after ${Math.round(performance.now() - restartedAtMs)} ms`,
    );
  }
  const report = await chatter.judge();
  console.log("after two restarts", report.seen);
});
