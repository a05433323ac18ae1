import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { refused } from "../protocol/refusals.ts";
import type { ChannelHeads } from "../protocol/signals.ts";
import type { Client, Stage, StagedGateway } from "../test/support/gateway-stage.ts";
import { listenerOf, memberOf, openMeeting } from "../test/support/meeting.ts";
import { newChannel, newUser } from "./doubles.ts";

let stage: Stage;
let one: StagedGateway;
let two: StagedGateway;
let channelId: ChannelId;
let author: UserId;

beforeEach(async () => {
  ({ stage, one, two, channelId, author } = await openMeeting());
});
afterEach(() => stage.close());

const channelOf = (id = channelId) => stage.channels.channels.get(id)!;

const member = (gateway: StagedGateway, of = [channelId]) => memberOf(stage, gateway, of);
const listener = (gateway: StagedGateway, of = [channelId]) => listenerOf(stage, gateway, of);

const head = (seq: number) => ({
  event: "channel:head" as const,
  payload: { channelId, seq, epoch: 1, messageCount: seq },
});
const headsOf = ({ said }: Client) =>
  said.flatMap(({ event, payload }) => (event === "channel:heads" ? (payload as ChannelHeads).heads : []));
/** Heads of a connection are gathered for a second. */
const SOON = { timeout: 5_000 };
/** Waits until as many nodes are subscribed to a Redis channel, named after the prefix of the adapter's. */
const subscribed = (name: string, nodes: number) =>
  vi.waitFor(async () => {
    const prefix = (one.io.of("/").adapter as unknown as { channel: string }).channel.replace(/:io#\/#$/, "");
    const [, known] = (await one.publisher.call("PUBSUB", "SHARDNUMSUB", prefix + name)) as [string, number];
    expect(known).toBe(nodes);
  });

/** Loses what `gateway` tells the other nodes of a removal: the event itself, and that someone moved. */
async function losing(gateway: StagedGateway, remove: () => void): Promise<void> {
  const lost: string[] = [];
  const { spublish } = gateway.publisher;
  const lose = async (_channel: string, message: string) => lost.push(message);
  Object.assign(gateway.publisher, { spublish: lose });
  remove();
  await vi.waitFor(() => expect(lost.some((message) => message.includes('"moves":[['))).toBe(true));
  Object.assign(gateway.publisher, { spublish });
}

describe("rule H5: heads", () => {
  it("reach members who do not listen, on every node, and no one else", async () => {
    const [here, there] = [await member(one), await member(two)];
    const listening = await listener(two);
    const stranger = await stage.client(two, newUser());
    await subscribed(":bulletin", 2);
    one.broadcaster.signal(head(7));
    for (const client of [here, there]) await expect.poll(() => headsOf(client)).toEqual([head(7).payload]);
    await listening.ask("channel:close", { channelId });
    two.broadcaster.signal(head(8));
    for (const client of [here, there, listening])
      await expect.poll(() => headsOf(client).at(-1), SOON).toEqual(head(8).payload);
    expect(headsOf(listening)).toHaveLength(1);
    expect(headsOf(stranger)).toEqual([]);
  });

  it("go to who joined since, wherever that was, and no longer to who left", async () => {
    const userId = newUser();
    const client = await stage.client(two, userId);
    const join = { type: "member:joined", seq: 1, atMs: 1, by: userId, memberCount: 2 } as const;
    const joined = { userId, role: "member", status: "active", joinedAtMs: 1 } as const;
    channelOf().members.add(userId);
    await subscribed(":bulletin", 2);
    one.broadcaster.publish(channelId, 1, [{ ...join, member: joined }]);
    await expect
      .poll(() => {
        one.broadcaster.signal(head(2));
        return headsOf(client).length;
      })
      .toBeGreaterThan(0);
    one.broadcaster.publish(channelId, 1, [stage.channels.remove(channelId, userId)]);
    const other = await member(two);
    one.broadcaster.signal(head(3));
    await expect.poll(() => headsOf(other).at(-1), SOON).toEqual(head(3).payload);
    expect(headsOf(client).at(-1)).toEqual(head(2).payload);
  });

  it("that was told while the person connected is not missed: Postgres may be behind it", async () => {
    const first = await member(two);
    await subscribed(":bulletin", 2);
    one.broadcaster.signal(head(7));
    await expect.poll(() => headsOf(first)).toHaveLength(1);
    const late = await member(two);
    await expect.poll(() => headsOf(late)).toEqual([head(7).payload]);
  });

  it("a removal whose frame was lost ends them all the same", async () => {
    const gone = await member(two);
    const stays = await member(two);
    await subscribed(":bulletin", 2);
    one.broadcaster.signal(head(1));
    await expect.poll(() => headsOf(gone)).toHaveLength(1);
    await losing(one, () =>
      one.broadcaster.publish(channelId, 1, [stage.channels.remove(channelId, gone.userId)]),
    );
    let seq = 1;
    await expect
      .poll(
        () => {
          one.broadcaster.signal(head(++seq));
          return headsOf(stays).length - headsOf(gone).length;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBeGreaterThan(2);
  });
});

describe("rule E1: a space's removals, at the listeners of its channels", () => {
  let spaceId: ChannelId;
  let topics: ChannelId[];

  beforeEach(async () => {
    spaceId = newChannel();
    topics = [newChannel(), newChannel()];
    stage.channels.create(spaceId, [author]);
    for (const id of topics) stage.channels.create(id, [author]).spaceId = spaceId;
    await subscribed(":bulletin", 2);
  });

  /** A member of the space and both topics, who listens to them. */
  async function visitor(gateway: StagedGateway) {
    const client = await listener(gateway, [topics[0]!, topics[1]!, spaceId]);
    await client.ask("channel:open", { channelId: topics[1] });
    return client;
  }
  const say = (id: ChannelId) => two.broadcaster.publish(id, 1, [stage.channels.say(id, author)]);

  it("who is put out of the space hears nothing more of its channels, on any node", async () => {
    const [banned, stays] = [await visitor(two), await visitor(two)];
    one.broadcaster.publish(spaceId, 1, [stage.channels.remove(spaceId, banned.userId)]);
    for (const id of topics) await expect.poll(() => two.listeners(id), { timeout: 2_000 }).toBe(1);
    for (const id of topics) {
      say(id);
      await expect.poll(() => stays.seqs(id)).toEqual([1]);
      expect(banned.seqs(id)).toEqual([]);
    }
    const stands = { channelId: topics[0]!, seq: 9, epoch: 1, messageCount: 9 };
    await stays.ask("channel:close", { channelId: topics[0] });
    one.broadcaster.signal({ event: "channel:head", payload: stands });
    await expect.poll(() => headsOf(stays)).toEqual([stands]);
    expect(headsOf(banned)).toEqual([]);
  });

  it("when the space's actor says so itself, and waits: is out when that is confirmed; who is in it again stays", async () => {
    const [banned, stays] = [await visitor(two), await visitor(two)];
    stage.channels.remove(spaceId, banned.userId);
    expect(await two.outOfSpace(spaceId, banned.userId)).toBe(true);
    expect(await two.outOfSpace(spaceId, stays.userId)).toBe(true);
    expect(await two.outOfSpace(spaceId, newUser())).toBe(true);
    for (const id of topics) expect(two.listeners(id)).toBe(1);
    for (const id of topics) {
      say(id);
      await expect.poll(() => stays.seqs(id)).toEqual([1]);
      expect(banned.seqs(id)).toEqual([]);
    }
  });

  it("is not confirmed while the space cannot be asked", async () => {
    const banned = await visitor(two);
    stage.channels.remove(spaceId, banned.userId);
    stage.channels.instead = () => refused("unavailable");
    expect(await two.outOfSpace(spaceId, banned.userId)).toBe(false);
    stage.channels.instead = () => undefined;
    expect(await two.outOfSpace(spaceId, banned.userId)).toBe(true);
    for (const id of topics) expect(two.listeners(id)).toBe(0);
  });

  it("also when the frame that says so was lost: within 2 s", async () => {
    const [banned, stays] = [await visitor(two), await visitor(two)];
    const witness = await member(two);
    one.broadcaster.signal(head(1));
    await expect.poll(() => headsOf(witness)).toHaveLength(1);
    await losing(one, () =>
      one.broadcaster.publish(spaceId, 1, [stage.channels.remove(spaceId, banned.userId)]),
    );
    for (const id of topics) await expect.poll(() => two.listeners(id), { timeout: 2_000 }).toBe(1);
    say(topics[0]!);
    await expect.poll(() => stays.seqs(topics[0]!)).toEqual([1]);
    expect(banned.seqs(topics[0]!)).toEqual([]);
  });

  it("whom the channel's owner still thinks a member does not come in again: the space itself is asked", async () => {
    const client = await visitor(two);
    one.broadcaster.publish(spaceId, 1, [stage.channels.remove(spaceId, client.userId)]);
    await expect.poll(() => two.listeners(topics[0]!), { timeout: 2_000 }).toBe(0);
    expect(await client.ask("channel:open", { channelId: topics[0] })).toMatchObject({
      error: { code: "not_a_member" },
    });
    const points = Object.fromEntries(topics.map((id) => [id, [0, 0]]));
    expect(await client.ask("session:resume", { channels: points })).toMatchObject({
      channels: {},
      left: topics,
    });
    for (const id of topics) expect(two.listeners(id)).toBe(0);
  });

  it("an answer on its way when they are put out lets nobody in", async () => {
    const client = await member(two, [topics[0]!, spaceId]);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    stage.channels.before = (command) => (command.type === "open" ? held : undefined);
    const opened = client.ask("channel:open", { channelId: topics[0] });
    await expect.poll(() => two.listeners(topics[0]!)).toBe(1);
    two.broadcaster.publish(spaceId, 1, [stage.channels.remove(spaceId, client.userId)]);
    release();
    expect(await opened).toMatchObject({ error: { code: "not_a_member" } });
    expect(two.listeners(topics[0]!)).toBe(0);
  });

  it("asks the space once for a person, however many of its channels they open", async () => {
    stage.channels.trace.length = 0;
    await visitor(two);
    expect(stage.channels.trace.filter(({ command }) => command.type === "member")).toHaveLength(1);
  });
});
