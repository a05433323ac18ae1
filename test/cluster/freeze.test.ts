/** Row A2: an owner that stands still for longer than its lease, and then goes on as if nothing had happened. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";

/** Longer than the lease of 6 s: others have taken its shards when it wakes. */
const FROZEN_MS = 8_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => cluster?.stop());

it("fences an owner that wakes after its lease: no second history, nothing acked lost", async () => {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  await chatter.untilAcked(120);
  const { node, channelIds } = await chatter.busiestOwner();
  const frozenAtMs = performance.now();
  node.freeze();
  await sleep(FROZEN_MS);
  node.thaw();
  const acked = () =>
    new Set(
      chatter.recorder.tally.acks
        .filter(({ atMs }) => atMs > frozenAtMs + FROZEN_MS)
        .map((ack) => ack.channelId),
    );
  await expect
    .poll(() => chatter.channelIds.filter((id) => !acked().has(id)), { timeout: 30_000 })
    .toEqual([]);
  await chatter.untilAcked(120);
  const report = await chatter.judge();
  console.log(
    `owner of ${channelIds.length} channels frozen: longest pause ${Math.round(chatter.longestPauseMs(channelIds, frozenAtMs))} ms`,
    report.seen,
  );
});
