/** Row A2: an owner that stands still until others have taken its channels, and then goes on as if nothing had happened. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { counted } from "./stores.ts";

/** What was on its way when the owner stopped has arrived by then. */
const LATE_MS = 1_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

it("row A2: fences an owner that wakes after its lease: no second history, nothing acked lost", async () => {
  const chatter = await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 });
  chatter.talk();
  await chatter.untilAcked(120);
  const { node, channelIds } = await chatter.busiestOwner();
  const reigns = chatter.reigns(channelIds);
  const before = chatter.recorder.history.length;
  const frozenAtMs = performance.now();
  node.freeze();
  // All its channels are others' when it wakes: every one of its shards is an owner too many.
  await chatter.untilAllAcked(channelIds, frozenAtMs + LATE_MS);
  // An ack may be there before the event that it acks.
  const unmoved = () => {
    const heirs = chatter.reigns(channelIds);
    return channelIds.filter((_, i) => heirs[i]! <= reigns[i]!);
  };
  await expect.poll(unmoved, { timeout: 10_000 }).toEqual([]);
  expect(chatter.resendsAfter(before)).toBeGreaterThan(0);
  node.thaw();
  const wokenAtMs = performance.now();
  await expect.poll(() => counted(node, "hubbub_log_fenced_total"), { timeout: 20_000 }).toBeGreaterThan(0);
  await chatter.untilAllAcked(chatter.channelIds, wokenAtMs);
  await chatter.untilAcked(120);
  const report = await chatter.judge();
  expect(await counted(node, "hubbub_log_lost_events_total")).toBe(0);
  console.log(
    `owner of ${channelIds.length} channels frozen for ${Math.round(wokenAtMs - frozenAtMs)} ms: longest pause ${Math.round(chatter.longestPauseMs(channelIds, frozenAtMs))} ms`,
    report.seen,
  );
});
