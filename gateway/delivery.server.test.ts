import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { type Client, createStage, type Stage, type StagedGateway } from "../test/support/gateway-stage.ts";
import { listenerOf, openMeeting } from "../test/support/meeting.ts";
import { freshPrefix, startRedisCluster } from "../test/support/servers.ts";
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

/** A member who listens to the channel. */
const listener = (gateway: StagedGateway, transports?: string[]): Promise<Client> =>
  listenerOf(stage, gateway, [channelId], { transports });

/** Says something and has `gateway`'s node tell it. */
function say(gateway: StagedGateway, content?: string): void {
  gateway.broadcaster.publish(channelId, epoch(), [stage.channels.say(channelId, author, content)]);
}

/** The client's side of the wire. */
function tcpOf({ socket }: Client): Socket {
  return (socket.io.engine.transport as unknown as { ws: { _socket: Socket } }).ws._socket;
}

const epoch = () => stage.channels.channels.get(channelId)!.epoch;
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);
/** Waits until as many nodes are subscribed to the channel's room. */
const subscribed = (gateway: StagedGateway, nodes: number) =>
  vi.waitFor(async () => {
    const name = `${(gateway.io.of("/").adapter as unknown as { channel: string }).channel}${channelId}#`;
    const [, subscribers] = (await gateway.publisher.call("PUBSUB", "SHARDNUMSUB", name)) as [string, number];
    expect(subscribers).toBe(nodes);
  });

describe("row D4: delivery", () => {
  it("reaches 100 listeners on two gateways, WebSocket and polling, in order and once", async () => {
    const listeners = await Promise.all(
      upTo(100).map((n) => listener(n % 2 ? one : two, n % 10 === 0 ? ["polling"] : undefined)),
    );
    await subscribed(one, 2);
    for (const n of upTo(200)) {
      say(one, `message ${n}`);
      if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { seqs } of listeners)
      await expect.poll(() => seqs(channelId), { timeout: 10_000 }).toEqual(upTo(200));
    expect(one.listeners(channelId) + two.listeners(channelId)).toBe(100);
  });

  it("goes on over an upgrade from polling to WebSocket, in order and once", async () => {
    const client = await listener(one, ["polling", "websocket"]);
    const upgraded = vi.waitFor(() => expect(client.socket.io.engine.transport.name).toBe("websocket"));
    let n = 0;
    const timer = setInterval(() => {
      if (n++ < 300) say(one);
    }, 1);
    await upgraded;
    await expect.poll(() => client.seqs(channelId), { timeout: 10_000 }).toEqual(upTo(300));
    clearInterval(timer);
  });

  it("rule H1: a frame that Redis lost is fetched from the owner, once per node", async () => {
    const listeners = await Promise.all(upTo(5).map(() => listener(two)));
    await subscribed(two, 1);
    say(one);
    for (const { seqs } of listeners) await expect.poll(() => seqs(channelId)).toEqual([1]);
    stage.channels.trace.length = 0;
    const lose = vi.fn(async () => 0);
    const spublish = one.publisher.spublish;
    Object.assign(one.publisher, { spublish: lose });
    say(one);
    await expect.poll(() => lose.mock.calls.length).toBe(1);
    Object.assign(one.publisher, { spublish });
    await expect
      .poll(
        () => {
          say(one);
          return listeners[0]!.seqs(channelId).length;
        },
        { interval: 150 },
      )
      .toBeGreaterThan(3);
    for (const { seqs } of listeners)
      await expect.poll(() => seqs(channelId).slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(stage.channels.trace.map(({ command }) => command.type)).toEqual(["sync"]);
    expect(await two.metric("hubbub_gaps_total")).toBe(1);
  });

  it("rule H1: the last frame, lost, is found by asking for heads", async () => {
    const client = await listener(two);
    say(one);
    await expect.poll(() => client.seqs(channelId)).toEqual([1]);
    stage.channels.say(channelId, author);
    two.onShardsMoved([0]);
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2]);
  });

  it("rule H1: what was relayed already is dropped", async () => {
    const client = await listener(two);
    await subscribed(two, 1);
    const events = upTo(3).map(() => stage.channels.say(channelId, author));
    one.broadcaster.publish(channelId, 1, events);
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2, 3]);
    two.broadcaster.publish(channelId, 1, events);
    await expect.poll(() => two.metric("hubbub_duplicates_total")).toBeGreaterThan(0);
    say(two);
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2, 3, 4]);
  });

  it("rule H1: a frame behind a gap waits for the repair, at most gapGraceMs; then the socket is told, and nothing follows until it has synced", async () => {
    const client = await listener(two);
    say(two);
    await expect.poll(() => client.seqs(channelId)).toEqual([1]);
    let isOwnerAway = true;
    stage.channels.instead = (command) =>
      command.type === "sync" && isOwnerAway
        ? { ok: false, error: { code: "unavailable", message: "", retry: "later" } }
        : undefined;
    stage.channels.say(channelId, author);
    say(two);
    await expect.poll(() => client.said.at(-1)?.event, { timeout: 2_000 }).toBe("channel:behind");
    say(two);
    isOwnerAway = false;
    await expect.poll(() => two.metric("hubbub_sync_requests_total")).toBeGreaterThan(2);
    const synced = await client.ask("channel:sync", { channelId, afterSeq: 1, epoch: 1 });
    expect(synced).toMatchObject({ ok: true, seq: 4, epoch: 1, more: false });
    say(two);
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 5]);
  });

  it("rule I1: a later reign with another history leaves listeners behind, with its head", async () => {
    const client = await listener(two);
    say(two);
    say(two);
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2]);
    const channel = stage.channels.channels.get(channelId)!;
    channel.log.pop();
    channel.epoch = 2;
    stage.channels.say(channelId, author, "another second");
    say(two);
    await expect
      .poll(() => client.said.at(-1))
      .toEqual({ event: "channel:behind", payload: { channelId, seq: 3, epoch: 2 } });
    expect(client.seqs(channelId)).toEqual([1, 2]);
  });

  it("rule I1: a later reign that goes on with the same history is relayed under its own epoch", async () => {
    const client = await listener(two);
    say(two);
    stage.channels.channels.get(channelId)!.epoch = 2;
    say(two);
    await expect
      .poll(() => client.frames.map(({ epoch, events }) => [epoch, events[0]!.seq]))
      .toEqual([
        [1, 1],
        [2, 2],
      ]);
    expect(client.said.filter(({ event }) => event === "channel:behind")).toEqual([]);
  });

  it("row D9: a reader that stops reading is skipped, told, and converges; nothing waits for it beyond its budget", async () => {
    const client = await listener(one);
    const other = await listener(one);
    const tcp = tcpOf(client);
    tcp.pause();
    const large = "x".repeat(3_900);
    await expect
      .poll(
        async () => {
          for (const _ of upTo(100)) say(one, large);
          return one.metric("hubbub_skipped_events_total");
        },
        { interval: 60, timeout: 20_000 },
      )
      .toBeGreaterThan(0);
    const head = stage.channels.channels.get(channelId)!.log.length;
    await expect.poll(() => other.seqs(channelId).length, { timeout: 10_000 }).toBe(head);
    tcp.resume();
    await expect.poll(() => client.said.at(-1)?.event, { timeout: 5_000 }).toBe("channel:behind");
    const known = client.seqs(channelId);
    expect(known).toEqual(upTo(known.length));
    let position = { seq: known.length, more: true };
    while (position.more) {
      const synced = await client.ask("channel:sync", { channelId, afterSeq: position.seq, epoch: 1 });
      expect(synced).toMatchObject({ ok: true });
      position = synced as never;
    }
    expect(position.seq).toBe(head);
    say(one);
    await expect.poll(() => client.seqs(channelId).at(-1)).toBe(head + 1);
  });

  it("row D9: a reader that stays stuck is ended, and said so in the log of its end", async () => {
    const strict = await stage.addGateway({ slowClientBytes: 65_536, slowCutMs: 300 });
    const client = await listener(strict);
    tcpOf(client).pause();
    const large = "x".repeat(3_900);
    await expect
      .poll(
        async () => {
          for (const _ of upTo(100)) say(strict, large);
          return strict.metric("hubbub_disconnects_total", { reason: "slow" });
        },
        { interval: 60, timeout: 20_000 },
      )
      .toBe(1);
    expect(strict.listeners(channelId)).toBe(0);
    await expect.poll(() => strict.metric("hubbub_lagging_connections")).toBe(0);
  });

  it("row D9: who asks and does not read is refused, then ended: answers wait for nobody without end", async () => {
    const strict = await stage.addGateway({ slowClientBytes: 65_536, slowCutMs: 500 });
    const client = await listener(strict);
    for (const _ of upTo(200)) stage.channels.say(channelId, author, "x".repeat(3_000));
    tcpOf(client).pause();
    const request = { channelId, afterSeq: 0 };
    await expect
      .poll(
        () => {
          client.socket.emit("channel:sync", request, () => {});
          return strict.metric("hubbub_disconnects_total", { reason: "slow" });
        },
        { interval: 20, timeout: 10_000 },
      )
      .toBe(1);
    expect(await strict.metric("hubbub_requests_total", { code: "overloaded" })).toBeGreaterThan(0);
  });

  it("rule B2: goes the same way over a Redis Cluster", { timeout: 60_000 }, async () => {
    const cluster = await startRedisCluster();
    const own = await createStage({ kind: "cluster", urls: cluster.nodes }, freshPrefix());
    const [here, there] = [await own.addGateway(), await own.addGateway()];
    const userId = newUser();
    const ids = upTo(20).map(() => newChannel());
    for (const id of ids) own.channels.create(id, [userId]);
    const client = await own.client(there, userId);
    for (const id of ids) await client.ask("channel:open", { channelId: id });
    for (const _ of upTo(10))
      for (const id of ids) here.broadcaster.publish(id, 1, [own.channels.say(id, userId)]);
    for (const id of ids) await expect.poll(() => client.seqs(id), { timeout: 5_000 }).toEqual(upTo(10));
    await here.revoke(userId, Date.now() + 1);
    await expect.poll(() => client.said.at(-1)?.payload, { timeout: 3_000 }).toEqual({ reason: "revoked" });
    await own.close();
    await cluster.stop();
  });

  it("works on a node without sockets: it publishes", async () => {
    const client = await listener(one);
    await subscribed(one, 1);
    const silent = await stage.addGateway({ attached: false });
    say(silent);
    await expect.poll(() => client.seqs(channelId)).toEqual([1]);
  });

  it("rule H3: a failed publish is no unhandled rejection, and heals", async () => {
    const client = await listener(two);
    const spublish = one.publisher.spublish;
    Object.assign(one.publisher, { spublish: () => Promise.reject(new Error("Command timed out")) });
    say(one);
    await new Promise((resolve) => setImmediate(resolve));
    Object.assign(one.publisher, { spublish });
    two.onShardsMoved([0]);
    await expect.poll(() => client.seqs(channelId)).toEqual([1]);
  });
});
