/** Row A4: a node leaves in order, under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

it("row A4: drains an owner under load without an error, and without a disconnect before its wave", async () => {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  await chatter.untilAcked(120);
  const { node, channelIds } = await chatter.busiestOwner();
  const reigns = chatter.reigns(channelIds);
  const drainedAtMs = performance.now();
  await node.term();
  const goneAtMs = performance.now();
  expect(await node.exited).toEqual({ code: 0, signal: null });
  const { acks } = chatter.recorder.tally;
  const meanwhile = acks.filter((ack) => ack.atMs > drainedAtMs && channelIds.includes(ack.channelId));
  expect(meanwhile.length, "its channels were talking while it drained").toBeGreaterThan(channelIds.length);
  await chatter.untilAllAcked(channelIds, goneAtMs);
  await chatter.untilAcked(120);
  const report = await chatter.judge();

  const now = chatter.reigns(channelIds);
  expect(channelIds.filter((_, i) => now[i]! <= reigns[i]!)).toEqual([]);
  const { refused, disconnects } = chatter.recorder.tally;
  expect(Object.fromEntries(refused)).toEqual({});
  expect(new Set(disconnects.map(({ reason }) => reason))).toEqual(new Set(["drain"]));
  const pauseMs = chatter.longestPauseMs(channelIds, drainedAtMs);
  console.log(
    `owner of ${channelIds.length} channels drained: longest pause ${Math.round(pauseMs)} ms at one message per 200 ms`,
    report.seen,
  );
});
