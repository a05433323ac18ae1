import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Client, Stage, StagedGateway } from "../test/support/gateway-stage.ts";
import { listenerOf, memberOf, openMeeting } from "../test/support/meeting.ts";
import { type EngineConnection, laneOf } from "./adapter/lane.ts";
import { WINDOW_MAX_MS } from "./broadcaster.ts";
import { newChannel } from "./doubles.ts";

/** A message of 8 KB on the wire. */
const LARGE = "x".repeat(3_900);

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

const typing = (userIds: UserId[] = [author]) => ({
  event: "typing" as const,
  payload: { channelId, userIds, more: 0 },
});
const signalsOf = ({ said }: Client, event: string) =>
  said.filter((each) => each.event === event).map(({ payload }) => payload);
const tcpOf = ({ socket }: Client): Socket =>
  (socket.io.engine.transport as unknown as { ws: { _socket: Socket } }).ws._socket;
/** Waits until as many nodes are subscribed to a Redis channel, named after the prefix of the adapter's. */
const subscribed = (name: string, nodes: number) =>
  vi.waitFor(async () => {
    const prefix = (one.io.of("/").adapter as unknown as { channel: string }).channel.replace(/:io#\/#$/, "");
    const [, known] = (await one.publisher.call("PUBSUB", "SHARDNUMSUB", prefix + name)) as [string, number];
    expect(known).toBe(nodes);
  });

describe("signals", () => {
  it("rows P5, D7: reach live listeners on every node, and members who do not listen hear none", async () => {
    const clients = [await listener(one), await listener(two)];
    const silent = await member(two);
    await subscribed(`:io#/#${channelId}#`, 2);
    one.broadcaster.signal(typing());
    one.broadcaster.signal({
      event: "receipts",
      payload: { channelId, marks: [{ userId: author, read: 1 }] },
    });
    for (const client of clients) {
      await expect.poll(() => signalsOf(client, "typing")).toEqual([typing().payload]);
      await expect.poll(() => signalsOf(client, "receipts")).toHaveLength(1);
    }
    expect(signalsOf(silent, "typing")).toEqual([]);
  });

  it("do not reach a listener who was left behind, nor one whose owner has not answered", async () => {
    const live = await listener(two);
    const behind = await listener(two);
    const muted = await member(two);
    stage.channels.instead = (command) =>
      command.type === "sync"
        ? { ok: false, error: { code: "unavailable", message: "", retry: "later" } }
        : undefined;
    const say = () => stage.channels.say(channelId, author);
    two.broadcaster.publish(channelId, 1, [say()]);
    say();
    two.broadcaster.publish(channelId, 1, [say()]);
    await expect.poll(() => signalsOf(behind, "channel:behind"), { timeout: 3_000 }).toHaveLength(1);
    stage.channels.instead = () => undefined;
    expect(await live.ask("channel:sync", { channelId, afterSeq: 1, epoch: 1 })).toMatchObject({ ok: true });
    two.broadcaster.publish(channelId, 1, [say()]);
    await expect.poll(() => live.seqs(channelId).at(-1), { timeout: 3_000 }).toBe(4);
    stage.channels.before = () => new Promise(() => {});
    muted.socket.emit("channel:open", { channelId }, () => {});
    await expect.poll(() => two.listeners(channelId)).toBe(3);
    two.broadcaster.signal(typing());
    await expect.poll(() => signalsOf(live, "typing")).toHaveLength(1);
    expect(signalsOf(behind, "typing")).toEqual([]);
    expect(signalsOf(muted, "typing")).toEqual([]);
  });

  it("are dropped for a connection that anything waits for, and never queued", async () => {
    const slow = await listener(one);
    const other = await listener(one);
    const { conn } = one.io.of("/").sockets.get(slow.socket.id!)!;
    const backlogBytes = () => laneOf(conn as unknown as EngineConnection).backlogBytes();
    tcpOf(slow).pause();
    const events = () => Array.from({ length: 25 }, () => stage.channels.say(channelId, author, LARGE));
    await expect
      .poll(
        () => {
          if (backlogBytes() === 0) one.broadcaster.publish(channelId, 1, events());
          return backlogBytes();
        },
        { timeout: 20_000, interval: 2 * WINDOW_MAX_MS },
      )
      .toBeGreaterThan(0);
    const signalUntilHeard = (client: Client, signal: ReturnType<typeof typing>) =>
      expect
        .poll(() => {
          one.broadcaster.signal(signal);
          return signalsOf(client, "typing");
        })
        .toContainEqual(signal.payload);
    await signalUntilHeard(other, typing());
    tcpOf(slow).resume();
    const { length } = channelOf().log;
    await expect.poll(() => slow.seqs(channelId).length, { timeout: 10_000 }).toBe(length);
    await signalUntilHeard(slow, typing([]));
    expect(signalsOf(slow, "typing")).not.toContainEqual(typing().payload);
    expect(signalsOf(slow, "channel:behind")).toEqual([]);
  });

  it("ask the owner, and answer what it answers", async () => {
    const client = await listener(one);
    stage.channels.trace.length = 0;
    expect(await client.ask("typing:start", { channelId })).toEqual({ ok: true });
    expect(await client.ask("typing:stop", { channelId, threadId: `${channelId}.3` })).toEqual({ ok: true });
    expect(stage.channels.trace.map(({ command }) => command)).toEqual([
      { type: "typing", by: client.userId, on: true },
      { type: "typing", by: client.userId, on: false, threadSeq: 3 },
    ]);
    const elsewhere = `${newChannel()}.3`;
    expect(await client.ask("typing:start", { channelId, threadId: elsewhere })).toMatchObject({
      error: { code: "malformed" },
    });
  });
});

describe("rule H5: marks in large channels", () => {
  it("end here where they are delivered, and go to the owner once a second where everything is read", async () => {
    channelOf().crowd = 200;
    const client = await listener(one);
    stage.channels.trace.length = 0;
    const say = () => one.broadcaster.publish(channelId, 1, [stage.channels.say(channelId, author)]);
    for (const seq of [1, 2, 3]) {
      say();
      await expect.poll(() => client.seqs(channelId).at(-1)).toBe(seq);
      expect(await client.ask("channel:delivered", { channelId, seq })).toEqual({ ok: true });
      expect(await client.ask("channel:read", { channelId, seq })).toEqual({ ok: true, unread: 0 });
    }
    const marks = () => stage.channels.trace.map(({ command }) => command);
    expect(marks()).toEqual([]);
    await expect.poll(marks, { timeout: 3_000 }).toEqual([{ type: "mark", by: client.userId, read: 3 }]);
    expect(await client.ask("channel:read", { channelId, seq: 2 })).toMatchObject({ ok: true });
    expect(marks().at(-1)).toEqual({ type: "mark", by: client.userId, read: 2 });
  });

  it("of smaller channels go to the owner, each", async () => {
    const client = await listener(one);
    stage.channels.trace.length = 0;
    await client.ask("channel:delivered", { channelId, seq: 0 });
    await client.ask("channel:read", { channelId, seq: 0 });
    expect(stage.channels.trace.map(({ command }) => command.type)).toEqual(["mark", "mark"]);
  });
});
