/** Row A4: a node leaves in order, under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { counted } from "./stores.ts";

/** Upper ends of the histogram's buckets, seconds. */
const WITHIN_S = ["0.032", "0.064", "0.128", "0.256", "0.512", "1.024", "2.048", "+Inf"];

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
  const others = cluster.nodes.filter((other) => other !== node);
  const handovers = async (withinS: string) => {
    const each = others.map((one) =>
      counted(one, "hubbub_handover_duration_seconds_bucket", `le="${withinS}"`),
    );
    return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
  };
  const before = await Promise.all(WITHIN_S.map(handovers));
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
  const unmoved = chatter.channelIds.filter((id) => !channelIds.includes(id));
  const pauseMs = chatter.longestPauseMs(channelIds, drainedAtMs);
  console.log(
    `owner of ${channelIds.length} channels drained: longest pause ${Math.round(pauseMs)} ms at one message per 200 ms`,
    `(of channels that stayed where they were: ${Math.round(chatter.longestPauseMs(unmoved, drainedAtMs))} ms)`,
    report.seen,
  );
  const after = await Promise.all(WITHIN_S.map(handovers));
  const within = Object.fromEntries(WITHIN_S.map((seconds, i) => [seconds, after[i]! - before[i]!]));
  console.log("hand-overs within so many seconds, intake stopped to served again:", within);
  expect(within["+Inf"], "every shard of the node was handed over").toBeGreaterThanOrEqual(85);
});
