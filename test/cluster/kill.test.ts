/** Row A3: an owner killed under load. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { ownersOf } from "./stores.ts";

/** The lease of 6 s, the leader's round, the take-over; then a client's resend. */
const WRITES_AGAIN_MS = 12_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

it("row A3: loses nothing acked when an owner is killed under load, and others serve its channels", async () => {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  await chatter.untilAcked(120);
  const { node, channelIds } = await chatter.busiestOwner();
  const reigns = chatter.reigns(channelIds);
  const before = chatter.recorder.history.length;
  const killedAtMs = performance.now();
  await node.kill();
  expect(await node.exited).toEqual({ code: null, signal: "SIGKILL" });
  await chatter.untilAllAcked(channelIds, killedAtMs);
  // It was killed with work in its hands, and what followed is of other owners.
  expect(chatter.resendsAfter(before)).toBeGreaterThan(0);
  const owners = await ownersOf(cluster.redis.url, channelIds);
  expect([...owners.values()]).not.toContain(node.id);
  await cluster.addNode({ name: node.name });
  await chatter.untilAcked(120);
  const report = await chatter.judge();

  const now = chatter.reigns(channelIds);
  expect(channelIds.filter((_, i) => now[i]! <= reigns[i]!)).toEqual([]);
  const pauseMs = chatter.longestPauseMs(channelIds, killedAtMs);
  console.log(
    `owner of ${channelIds.length} channels killed: longest pause ${Math.round(pauseMs)} ms`,
    report.seen,
  );
  expect(pauseMs).toBeLessThan(WRITES_AGAIN_MS);
});
