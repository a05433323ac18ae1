/** Rows A7 and D3, rule A3: Postgres stops for 20 s under load. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Chatter } from "./chatter.ts";

const AWAY_MS = 20_000;
/** Of the time away: what was under way when it stopped is answered by then. */
const LATER_MS = 5_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => cluster?.stop());

it("goes on with `logged` for known members, acks nothing as persisted meanwhile, and catches up", async () => {
  // The first member of each channel asks for `persisted`, the others for nothing.
  const chatter = await Chatter.start(cluster, {
    channels: 12,
    members: 3,
    everyMs: 200,
    durability: "persisted",
  });
  chatter.talk();
  await chatter.untilAcked(150); // everyone has spoken: the owners know them
  await cluster.postgres.stop();
  const stoppedAtMs = performance.now();
  await sleep(AWAY_MS);
  const away = chatter.recorder.tally.acks.filter(({ atMs }) => atMs > stoppedAtMs + LATER_MS);
  const persistedAway = away.filter(({ durability }) => durability === "persisted");
  const loggedAway = new Set(
    away.filter(({ durability }) => durability === "logged").map((ack) => ack.channelId),
  );
  await cluster.postgres.start();
  await chatter.untilAcked(150, 40_000);
  const report = await chatter.judge();

  expect(persistedAway).toEqual([]);
  expect(
    chatter.channelIds.filter((id) => !loggedAway.has(id)),
    "channels without a logged ack",
  ).toEqual([]);
  console.log(
    `Postgres away for ${AWAY_MS} ms: ${away.length} logged acks in its last ${AWAY_MS - LATER_MS} ms`,
    report.seen,
  );
});
