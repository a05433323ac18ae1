import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { Nodes, type TestNode } from "./harness.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ aof: false });
});
afterAll(() => redis.stop());

const [ada, bob, eve] = ["ada", "bob", "eve"] as [UserId, UserId, UserId];
const channelId = "01890000-0000-7000-8000-000000000003" as ChannelId;

it("row P4: every node with a gateway says who is connected there; one that has crashed is left out, and the answer says so", async ({
  onTestFinished,
}) => {
  const nodes = new Nodes({ kind: "standalone", url: redis.url }, freshPrefix());
  onTestFinished(() => nodes.stop());
  const asked: string[] = [];
  const start = (name: string, userIds: UserId[], roles: ("gateway" | "actors")[] = ["gateway", "actors"]) =>
    nodes.start(name, {
      roles,
      connected(of) {
        asked.push(`${name} ${of}`);
        return { userIds, count: userIds.length };
      },
    });
  const a = await start("a", [ada]);
  const b = await start("b", [ada, bob]);
  const c = await start("c", [eve], ["actors"]);
  await vi.waitFor(async () => expect((await a.cluster.status()).nodes).toHaveLength(3), 8_000);
  const whoIs = async ({ cluster }: TestNode) => {
    const { userIds, ...rest } = await cluster.connected.of(channelId);
    return { userIds: [...userIds].sort(), ...rest };
  };
  const whole = { userIds: [ada, bob], count: 2, isWhole: true };
  expect(await whoIs(a)).toEqual(whole);
  expect(asked.sort()).toEqual([`a ${channelId}`, `b ${channelId}`]);
  expect(await whoIs(b)).toEqual(whole);

  // Its lease stands for some seconds; whoever is connected to it is not known meanwhile.
  nodes.crash(b);
  expect(await whoIs(a)).toEqual({ userIds: [ada], count: 1, isWhole: false });
  expect(await whoIs(c)).toMatchObject({ isWhole: false });

  // Redis does not say who there is: this node answers for itself.
  a.wire!.cut();
  expect(await whoIs(a)).toEqual({ userIds: [ada], count: 1, isWhole: false });
}, 30_000);
