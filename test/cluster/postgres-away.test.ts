/** Rows A7 and D3, rule A3: Postgres stops for 20 s under load. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";
import { counted } from "./stores.ts";

const AWAY_MS = 20_000;
/** An answer on its way when the server had ended; none can be later. */
const LATE_MS = 1_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

it("rule A3: goes on with `logged` for known members, acks nothing as persisted meanwhile, and catches up", async () => {
  // The first member of each channel asks for `persisted`, the others for nothing.
  const chatter = await Chatter.start(cluster, {
    channels: 12,
    members: 3,
    everyMs: 200,
    durability: "persisted",
  });
  chatter.talk();
  await chatter.untilAcked(150); // everyone has spoken: the owners know them
  const { acks } = chatter.recorder.tally;
  const isPersisted = (ack: { durability: string }) => ack.durability === "persisted";
  expect(acks.filter(isPersisted).length).toBeGreaterThan(0);
  await cluster.postgres.stop();
  const stoppedAtMs = performance.now();
  await sleep(AWAY_MS);
  const away = acks.filter(({ atMs }) => atMs > stoppedAtMs + LATE_MS);
  let waiting = 0;
  const backlog = async () => {
    const counts = cluster.nodes.map((node) => counted(node, "hubbub_log_unflushed_events"));
    waiting = (await Promise.all(counts)).reduce((sum, events) => sum + events, 0);
    return waiting;
  };
  // A gauge is a sample: it may be a second old.
  await expect
    .poll(backlog, { timeout: 10_000, message: "what was acked meanwhile waits for Postgres" })
    .toBeGreaterThanOrEqual(away.length);
  const startedAtMs = performance.now();
  await cluster.postgres.start();
  await expect
    .poll(() => acks.filter((ack) => isPersisted(ack) && ack.atMs > startedAtMs).length, { timeout: 40_000 })
    .toBeGreaterThanOrEqual(chatter.channelIds.length);
  await chatter.untilAcked(150, 40_000);
  const report = await chatter.judge();

  expect(away.filter(isPersisted)).toEqual([]);
  const loggedAway = new Set(away.map((ack) => ack.channelId));
  expect(
    chatter.channelIds.filter((id) => !loggedAway.has(id)),
    "channels without a logged ack",
  ).toEqual([]);
  console.log(
    `Postgres away for ${AWAY_MS} ms: ${away.length} logged acks, ${waiting} events waited`,
    report.seen,
  );
});
