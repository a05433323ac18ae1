/** Row A3: an owner killed under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";

/** The lease of 6 s, the leader's round, the take-over; then a client's resend. */
const WRITES_AGAIN_MS = 12_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => cluster?.stop());

it("loses nothing acked when an owner is killed under load, and others serve its channels", async () => {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  await chatter.untilAcked(120);
  const { node, channelIds } = await chatter.busiestOwner();
  const killedAtMs = performance.now();
  await node.kill();
  const acked = () =>
    new Set(chatter.recorder.tally.acks.filter(({ atMs }) => atMs > killedAtMs).map((ack) => ack.channelId));
  await expect.poll(() => channelIds.filter((id) => !acked().has(id)), { timeout: 30_000 }).toEqual([]);
  await cluster.addNode({ name: node.name });
  await chatter.untilAcked(120);
  const report = await chatter.judge();

  const pauseMs = chatter.longestPauseMs(channelIds, killedAtMs);
  console.log(
    `owner of ${channelIds.length} channels killed: longest pause ${Math.round(pauseMs)} ms`,
    report.seen,
  );
  expect(pauseMs).toBeLessThan(WRITES_AGAIN_MS);
});
