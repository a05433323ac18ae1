import { beforeEach, describe, expect, it } from "vitest";
import { HEADS_EVERY_MS } from "./channel/signals.ts";
import { HandGate } from "./doubles.ts";
import { ada, bob, code, create, OneShard, poison, room, send, turns } from "./one-shard.ts";
import type { ChannelSignal } from "./ports.ts";
import { MARKS_EVERY_MS } from "./shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
  await shard.ask(create());
  await shard.ask({ type: "invite", by: ada, userId: bob });
  await shard.ask({ type: "join", by: bob });
  shard.world.pass(5_000);
  shard.world.signals.length = 0;
});

const told = <E extends ChannelSignal["event"]>(event: E) =>
  shard.world.signals.filter((signal) => signal.event === event).map(({ payload }) => payload) as Extract<
    ChannelSignal,
    { event: E }
  >["payload"][];
const type = (by = bob, on = true) => shard.ask({ type: "typing", by, on });

describe("rule G1: signals pass beside the gate", () => {
  it("typing is shown while what was said before waits for the log; the answer waits with it", async () => {
    shard.gate.isOpen = false;
    void shard.ask(send(1, ada));
    const answered = type();
    await turns();
    expect(told("typing")).toMatchObject([{ channelId: room, userIds: [bob], more: 0 }]);
    shard.gate.confirm();
    expect(code(await answered)).toBe("ok");
    expect(shard.gate.log.filter((record) => !("event" in record))).toHaveLength(1);
  });

  it("row P5: typing ends with a message, and by itself; then the channel may leave memory", async () => {
    await type();
    await type(ada);
    await shard.ask(send(1, bob));
    shard.world.pass(1_000);
    expect(told("typing").at(-1)).toMatchObject({ userIds: [ada] });
    shard.world.pass(6_000);
    expect(told("typing").at(-1)).toMatchObject({ userIds: [], more: 0 });
    shard.passivate();
  });

  it("row P5: a person who is put out types no more", async () => {
    await type();
    await shard.ask({ type: "remove_member", by: ada, userId: bob });
    shard.world.pass(1_000);
    expect(told("typing").at(-1)).toMatchObject({ userIds: [] });
    expect(code(await type())).toBe("not_a_member");
  });

  it("cost nothing where nothing is on its way: no timer runs", async () => {
    shard.passivate();
    const atRest = shard.world.timersRunning;
    await type();
    expect(shard.world.timersRunning).toBe(atRest + 1);
    shard.world.pass(10_000);
    expect(shard.world.timersRunning).toBe(atRest);
  });
});

describe("row D7: receipts", () => {
  it("are told when the log holds the marks, and not before", async () => {
    await shard.ask(send(1, ada));
    await shard.ask({ type: "mark", by: bob, read: 5 });
    shard.gate.isOpen = false;
    shard.world.pass(MARKS_EVERY_MS);
    expect(told("receipts")).toEqual([]);
    shard.gate.confirm();
    expect(told("receipts")).toEqual([{ channelId: room, marks: [{ userId: bob, delivered: 5, read: 5 }] }]);
  });
});

describe("rule H5: heads", () => {
  it("go out with a message once it is in the log, then at most once in 2 s, and the last one always", async () => {
    shard.gate.isOpen = false;
    const sent = shard.ask(send(1, ada));
    await turns();
    expect(told("channel:head")).toEqual([]);
    shard.gate.confirm();
    await sent;
    await turns();
    expect(told("channel:head")).toEqual([{ channelId: room, seq: 5, epoch: 1, messageCount: 1 }]);
    shard.gate.isOpen = true;
    for (const n of [2, 3, 4]) await shard.ask(send(n, ada));
    await turns();
    expect(told("channel:head")).toHaveLength(1);
    shard.world.pass(HEADS_EVERY_MS);
    expect(told("channel:head").slice(1)).toEqual([{ channelId: room, seq: 8, epoch: 1, messageCount: 4 }]);
    shard.world.pass(10 * HEADS_EVERY_MS);
    expect(told("channel:head")).toHaveLength(2);
  });

  it("rule I1: go out after a take-over, with what the log confirms", async () => {
    await shard.ask(send(1, ada));
    const { log } = shard.gate;
    shard.actors.end();
    shard.world.signals.length = 0;
    await shard.takeOver(new HandGate(2, true, true), log);
    expect(told("channel:head")).toEqual([{ channelId: room, seq: 5, epoch: 1, messageCount: 1 }]);
  });

  it("that wait when the shard leaves are told then", async () => {
    for (const n of [1, 2]) await shard.ask(send(n, ada));
    await turns();
    expect(told("channel:head")).toHaveLength(1);
    await shard.actors.close();
    shard.actors.end();
    expect(told("channel:head").at(-1)).toMatchObject({ seq: 6, messageCount: 2 });
    expect(shard.world.timersRunning).toBe(0);
  });

  it("rule P5: name nothing of a command that broke the actor half way", async () => {
    const answers = [shard.ask(send(1, ada)), shard.ask(poison(bob))];
    await Promise.all(answers);
    await turns();
    expect(told("channel:head")).toEqual([{ channelId: room, seq: 5, epoch: 1, messageCount: 1 }]);
  });
});
