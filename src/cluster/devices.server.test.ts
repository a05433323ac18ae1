import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { ChannelId, ConnectionId, UserId } from "../../protocol/ids.ts";
import { freshPrefix, startRedis, type TestRedis } from "../../test/support/servers.ts";
import { Nodes, SHARDS } from "./harness.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ aof: false });
});
afterAll(() => redis.stop());

const ada = "01890000-0000-7000-8000-000000000001" as UserId;
const bob = "01890000-0000-7000-8000-000000000002" as UserId;
const channelId = "01890000-0000-7000-8000-000000000003" as ChannelId;

it("session actors reach the gateway that they name, here and elsewhere, in order; a node that is gone hears nothing", async ({
  onTestFinished,
}) => {
  const nodes = new Nodes({ kind: "standalone", url: redis.url }, freshPrefix());
  onTestFinished(() => nodes.stop());
  const [a, b] = [await nodes.start("a"), await nodes.start("b")];
  const served = async () => (await a.cluster.status()).nodes.map(({ shards }) => shards);
  await vi.waitFor(async () => expect(await served()).toEqual([SHARDS / 2, SHARDS / 2]), 8_000);

  const presence = { userId: ada, status: "online" } as const;
  const unread = { channelId, unread: 1, mentions: 0, lastReadSeq: 3 };
  const { devices } = a.cluster;
  for (const { cluster } of [a, b]) {
    devices.tellUser(cluster.incarnation, ada, "unread", unread);
    devices.tellViewers(cluster.incarnation, [bob], presence);
    devices.replace(cluster.incarnation, ada, ["c1" as ConnectionId]);
  }
  devices.tellUser("gone.0", ada, "unread", unread);
  await vi.waitFor(() => expect(nodes.told).toHaveLength(6), 2_000);
  for (const name of ["a", "b"])
    expect(nodes.told.filter(([node]) => node === name)).toEqual([
      [name, ada, "unread", unread],
      [name, [bob], presence],
      [name, ada, ["c1"]],
    ]);
});
