import { beforeEach, describe, expect, it } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelId, ConnectionId, UserId } from "../../protocol/ids.ts";
import { newChannel, newUser } from "../doubles.ts";
import { Bystanders, type Place } from "./bystanders.ts";
import type { RoomConnection } from "./listener.ts";
import type { Standing } from "./spaces.ts";

const ada = newUser();
const bob = newUser();
const [group, topic, spaceId] = [newChannel(), newChannel(), newChannel()];
const inGroup: Place = { id: group, seq: 3, epoch: 1 };
const inTopic: Place = { id: topic, spaceId, seq: 3, epoch: 1 };
const head = (channelId: ChannelId, seq: number) => ({ channelId, seq, epoch: 1, messageCount: seq });

describe("rule H5: members who do not listen", () => {
  let told: string[];
  let connections: (RoomConnection & { listening: Set<ChannelId> })[];
  let rows: Map<UserId, Place[]>;
  let standing: Standing;
  let isStoreAway: boolean;
  let bystanders: Bystanders;
  const name = (id: ChannelId) => (id === group ? "group" : "topic");

  beforeEach(() => {
    told = [];
    connections = [];
    rows = new Map();
    standing = "member";
    isStoreAway = false;
    bystanders = new Bystanders({
      async channelsOf(userId) {
        if (isStoreAway) throw new StoreAway();
        return rows.get(userId) ?? [];
      },
      channelFor: async (id) =>
        ({ id, kind: id === spaceId ? "space" : "group", ...(id === topic && { spaceId }) }) as Channel,
      standing: async () => standing,
      connectionsOf: (userId) => connections.filter((each) => each.userId === userId),
      listens: ({ id }, channelId) => connections.find((each) => each.id === id)!.listening.has(channelId),
      tell(connection, heads) {
        for (const { channelId, seq } of heads) told.push(`${connection.id} ${name(channelId)} ${seq}`);
      },
    });
  });

  async function connect(userId: UserId, id: string, places: Place[]) {
    const connection = { id: id as ConnectionId, userId, listening: new Set<ChannelId>() };
    connections.push(connection);
    rows.set(userId, places);
    await bystanders.connected(connection, places);
    return connection;
  }
  function disconnect(connection: RoomConnection) {
    connections = connections.filter((each) => each !== connection);
    bystanders.gone(connection.userId);
  }

  it("are told on each of their connections that does not listen", async () => {
    await connect(ada, "a1", [inGroup]);
    const { listening } = await connect(ada, "a2", [inGroup]);
    await connect(bob, "b", [inTopic]);
    listening.add(group);
    bystanders.heard(head(group, 4));
    bystanders.heard(head(topic, 5));
    expect(told).toEqual(["a1 group 4", "b topic 5"]);
  });

  it("row P4: are known with those who listen, each once, by channel and by space", async () => {
    const { listening } = await connect(ada, "a1", [inTopic, inGroup]);
    await connect(ada, "a2", [inTopic, inGroup]);
    await connect(bob, "b", [inTopic]);
    listening.add(topic);
    const connectedTo = (id: ChannelId) => {
      const { userIds, count } = bystanders.connectedTo(id);
      expect(count).toBe(userIds.length);
      return [...userIds].sort();
    };
    expect(connectedTo(topic)).toEqual([ada, bob].sort());
    expect(connectedTo(group)).toEqual([ada]);
    expect(connectedTo(spaceId)).toEqual([ada, bob].sort());
    expect(connectedTo(newChannel())).toEqual([]);
    bystanders.outOfSpace(spaceId, ada);
    expect(connectedTo(spaceId)).toEqual([bob]);
    expect(connectedTo(group)).toEqual([ada]);
  });

  it("row P4: of more than 1,000, as many are named and all are counted", async () => {
    for (let i = 0; i < 1_001; i++) await connect(newUser(), `c${i}`, [inGroup]);
    const { userIds, count } = bystanders.connectedTo(group);
    expect([new Set(userIds).size, count]).toEqual([1_000, 1_001]);
  });

  it("come and go as they are heard to, and nothing is kept of who has gone", async () => {
    const connection = await connect(ada, "a", []);
    bystanders.moved({ channelId: group, userId: ada, isIn: true });
    await expect.poll(() => bystanders.size).toBe(1);
    bystanders.heard(head(group, 4));
    bystanders.moved({ channelId: group, userId: ada, isIn: false });
    bystanders.heard(head(group, 5));
    expect(told).toEqual(["a group 4"]);
    bystanders.moved({ channelId: group, userId: ada, isIn: true });
    await expect.poll(() => bystanders.size).toBe(1);
    disconnect(connection);
    expect(bystanders.size).toBe(0);
  });

  it("who moved while Postgres did not know it yet is taken as heard", async () => {
    bystanders.moved({ channelId: group, userId: ada, isIn: false });
    bystanders.moved({ channelId: topic, userId: ada, isIn: true });
    await connect(ada, "a", [inGroup]);
    await expect.poll(() => bystanders.size).toBe(1);
    bystanders.heard(head(group, 4));
    bystanders.heard(head(topic, 4));
    expect(told).toEqual(["a topic 4"]);
  });

  it("are told at once of a head that Postgres is behind, and of no older one", async () => {
    bystanders.heard(head(group, 9));
    bystanders.heard(head(topic, 3));
    await connect(ada, "a", [inGroup, inTopic]);
    expect(told).toEqual(["a group 9"]);
  });

  it("rule E1: who is not in the space is told of none of its channels, and of all again when they come back", async () => {
    standing = "outsider";
    await connect(bob, "b", [inTopic]);
    expect(bystanders.size).toBe(0);
    standing = "member";
    await connect(ada, "a", [inGroup, inTopic]);
    bystanders.outOfSpace(spaceId, ada);
    bystanders.heard(head(topic, 4));
    bystanders.heard(head(group, 4));
    expect(told).toEqual(["a group 4"]);
    bystanders.moved({ channelId: spaceId, userId: ada, isIn: true });
    await expect.poll(() => bystanders.size).toBe(2);
    bystanders.close();
  });

  it("after a doubt Postgres is read again, as soon as it can be", async () => {
    await connect(ada, "a", [inGroup]);
    rows.set(ada, [inTopic]);
    isStoreAway = true;
    bystanders.doubt(() => true);
    await new Promise((resolve) => setTimeout(resolve, 0));
    isStoreAway = false;
    await expect
      .poll(
        () => {
          told.length = 0;
          bystanders.heard(head(group, 4));
          bystanders.heard(head(topic, 4));
          return told;
        },
        { timeout: 5_000 },
      )
      .toEqual(["a topic 4"]);
    bystanders.close();
  });
});
