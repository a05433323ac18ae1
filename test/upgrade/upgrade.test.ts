/**
 * Row A8: 0.1.0 and the present version in one cluster, under load: nodes are replaced one by one, owners of either version are
 * killed, one goes back while an old one is left; and from the last of them on, nobody who knows less is let in (rule E7).
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LEVEL } from "../../src/lib/level.ts";
import { Chatter } from "../cluster/chatter.ts";
import { startCluster, type TestCluster, type TestNode } from "../support/cluster.ts";
import { missing, type Older, takeOut } from "./older.ts";
import { Tour } from "./tour.ts";

const OLD = "v0.1.0";
/** Acks between two steps: everyone in every channel has written meanwhile. */
const BETWEEN = 60;
/** A lease time for the last old node to be gone, one for nobody to be on the way, and what a busy machine takes. */
const RISES_WITHIN_MS = 40_000;
/** A node that comes back is asked to leave within a round of the leader; then it drains. */
const LEAVES_WITHIN_MS = 60_000;
/** Clients of a frozen node give it up by their heartbeat. */
const GIVEN_UP_WITHIN_MS = 90_000;

const why = missing(OLD);

describe.skipIf(why !== undefined)(`from ${OLD} to this version${why ? ` (skipped: ${why})` : ""}`, () => {
  let older: Older;
  let cluster: TestCluster;
  let chatter: Chatter;
  let tour: Tour;
  const live = new Map<string, TestNode>();
  const nodes = () => [...live.values()];

  beforeAll(async () => {
    older = takeOut(OLD);
    cluster = await startCluster({ nodes: 0, migrated: false });
  });
  afterAll(async () => {
    await cluster?.stop();
    older?.remove();
  });

  const add = async (name: string, main?: string) => {
    live.set(name, await cluster.addNode({ name, ...(main !== undefined && { main }) }));
    chatter?.goTo(nodes());
  };

  /** Another node in the place of one, which leaves in order, or is killed. */
  const replace = async (name: string, by: string, { main = "", how = "term" as "term" | "kill" } = {}) => {
    await add(by, main || undefined);
    const node = live.get(name)!;
    live.delete(name);
    chatter.goTo(nodes());
    const goneAtMs = performance.now();
    await node[how]();
    await chatter.untilAllAcked(chatter.channelIds, goneAtMs);
    await chatter.untilAcked(BETWEEN);
    await tour.round(nodes());
  };

  it("rule E7: row A8: loses nothing, goes back while an old node is left, and rises when the last is gone", async () => {
    await add("old-0", older.main);
    await Promise.all([add("old-1", older.main), add("old-2", older.main)]);
    const options = { channels: 12, members: 3, everyMs: 400, plain: true };
    chatter = await Chatter.start({ ...cluster, nodes: nodes() }, options);
    tour = await Tour.start(nodes());
    chatter.talk();
    await chatter.untilAcked(BETWEEN);
    await tour.round(nodes());

    await replace("old-0", "new-0");
    await replace("old-1", "new-1", { how: "kill" });
    expect(await levels(nodes())).toEqual([undefined, 1, 1]);
    await expectRefused(live.get("new-0")!, chatter);

    // Back: an owner of this version is killed, and what it logged is replayed by one of the older.
    await replace("new-0", "old-3", { main: older.main, how: "kill" });
    await replace("new-1", "old-4", { main: older.main });

    await replace("old-4", "new-2", { how: "kill" });
    await replace("old-3", "new-3");
    await add("new-4");

    // The last old node is not gone in order: it is out of sight, and comes back when the others have gone on.
    const frozen = live.get("old-2")!;
    live.delete("old-2");
    chatter.goTo(nodes());
    const frozenAtMs = performance.now();
    frozen.freeze();
    await expect.poll(() => levels(nodes()), { timeout: RISES_WITHIN_MS }).toEqual([LEVEL, LEVEL, LEVEL]);
    await chatter.untilAllAcked(chatter.channelIds, frozenAtMs, GIVEN_UP_WITHIN_MS);
    chatter.unfold();
    let exit: Awaited<TestNode["exited"]> | undefined;
    void frozen.exited.then((how) => {
      exit = how;
    });
    frozen.thaw();
    await expect.poll(() => exit, { timeout: LEAVES_WITHIN_MS }).toEqual({ code: 0, signal: null });

    await chatter.untilAcked(4 * BETWEEN);
    await tour.round(nodes());
    await expectNotLetIn(cluster, older);
    const report = await chatter.judge();
    console.log("two versions side by side:", report.seen);
  });
});

/** What each node says of the cluster's level; undefined: it knows of none. */
function levels(nodes: readonly TestNode[]): Promise<(number | undefined)[]> {
  return Promise.all(
    nodes.map(async ({ metricsUrl }) => {
      const text = await (await fetch(`${metricsUrl}/metrics`)).text();
      const level = /^hubbub_cluster_level (\d+)$/m.exec(text)?.[1];
      return level === undefined ? undefined : Number(level);
    }),
  );
}

/** What an old owner would break on is refused where it is asked for, and says when to come back. */
async function expectRefused(node: TestNode, chatter: Chatter): Promise<void> {
  const [channelId] = chatter.channelIds;
  const { token } = chatter.person(0, 0);
  const response = await fetch(`${node.url}/api/v1/channels/${channelId}`, {
    method: "PATCH",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ name: "Another name" }),
  });
  const problem = await response.text();
  expect(problem).toContain("being upgraded");
  expect(response.status).toBe(503);
}

/** A node of the old version says why it does not start, and changes nothing. */
async function expectNotLetIn(cluster: TestCluster, older: Older): Promise<void> {
  const late = await cluster.addNode({ name: "late", main: older.main }).catch((error: Error) => error);
  expect(late).toBeInstanceOf(Error);
  expect((late as Error).message).toContain("migrated by a newer version of Hubbub");
}
