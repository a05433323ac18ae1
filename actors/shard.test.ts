import { beforeEach, describe, expect, it } from "vitest";
import type { ChannelCommand } from "./commands.ts";
import { channel } from "./doubles.ts";
import { MAILBOX_MAX } from "./mailbox.ts";
import { ada, bob, code, create, OneShard, room, send, turns } from "./one-shard.ts";
import { IDLE_MS, SWEEP_EVERY_MS } from "./shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
});

describe("rule G1: the gate", () => {
  it("lets nothing be heard before it is in the log, then everything in order, events before the next turn's answers", async () => {
    await shard.ask(create());
    shard.world.trace.length = 0;
    shard.gate.isOpen = false;
    const answers = [
      shard.ask(send(1)),
      shard.ask({ type: "open", by: ada }),
      shard.ask(send(1)),
      shard.ask({ type: "open", by: bob }),
    ];
    await turns();
    expect(shard.world.trace).toEqual([]);
    expect(shard.gate.log).toHaveLength(3);
    shard.gate.confirm();
    await Promise.all(answers);
    expect(shard.world.trace).toEqual(["send ok", "open ok", "send ok", "open not_found", "publish 3"]);
  });

  it("publishes once per drained batch, in order and with the reign", async () => {
    await shard.ask(create());
    await Promise.all(Array.from({ length: 20 }, (_, n) => shard.ask(send(n + 1))));
    expect(shard.world.published.map(({ events }) => events.length)).toEqual([2, 20]);
    expect(shard.world.published[1]).toMatchObject({ channelId: room, epoch: 1 });
  });

  it("answers a head and a sync with what is confirmed only", async () => {
    await shard.ask(create());
    shard.gate.isOpen = false;
    const sent = shard.ask(send(1));
    await turns();
    expect(await shard.actors.heads([room, channel(2)])).toEqual(new Map([[room, [2, 1]]]));
    expect(shard.actors.channel(room)).toEqual({ seq: 2, mailbox: 0 });
    shard.gate.confirm();
    await sent;
    expect((await shard.actors.heads([room])).get(room)).toEqual([3, 1]);
  });

  it("answers overloaded at once when the gate has no room", async () => {
    await shard.ask(create());
    shard.gate.isOpen = false;
    shard.gate.room = false;
    expect(code(await shard.ask(send(1)))).toBe("overloaded");
  });
});

describe("the mailbox", () => {
  it("refuses at once what is beyond its bound, and serves the rest", async () => {
    await shard.ask(create());
    const answers = Array.from({ length: MAILBOX_MAX + 10 }, (_, n) => shard.ask(send(n + 1)));
    expect(shard.world.trace.slice(2)).toEqual(Array(10).fill("send overloaded"));
    expect(shard.world.rejected).toBe(10);
    const codes = (await Promise.all(answers)).map(code);
    expect(codes.filter((each) => each === "ok")).toHaveLength(MAILBOX_MAX);
  });

  it("counts what waits for facts", async () => {
    await shard.ask(create());
    shard.passivate();
    shard.world.facts.hold();
    const answers = Array.from({ length: MAILBOX_MAX + 10 }, (_, n) => shard.ask(send(n + 1)));
    await turns();
    expect(shard.actors.census().mailboxDepth).toBe(MAILBOX_MAX);
    shard.world.facts.letGo();
    await turns();
    shard.world.facts.letGo();
    expect((await Promise.all(answers)).map(code).filter((each) => each === "ok")).toHaveLength(MAILBOX_MAX);
  });
});

describe("rule S3: persisted", () => {
  it("broadcasts at the log and answers at the commit", async () => {
    await shard.ask(create());
    shard.world.trace.length = 0;
    const answer = shard.ask({ ...send(1), durability: "persisted" } as ChannelCommand);
    await turns();
    expect(shard.world.trace).toEqual(["publish 3"]);
    shard.flush();
    expect(await answer).toMatchObject({ ok: true, durability: "persisted" });
  });
});

describe("row D5: resume from memory", () => {
  it("reads no message from the database, beyond the life of the actor", async () => {
    await shard.ask(create());
    for (let n = 1; n <= 5; n++) await shard.ask(send(n));
    shard.passivate();
    shard.world.time -= IDLE_MS;
    shard.world.facts.trace.length = 0;
    expect(await shard.ask({ type: "sync", by: ada, afterSeq: 4, epoch: 1, limit: 500 })).toMatchObject({
      seq: 7,
      more: false,
      events: [{ seq: 5 }, { seq: 6 }, { seq: 7 }],
    });
    expect(shard.world.facts.trace).toEqual([`channel ${room}`, `member ${ada}`]);
    expect(await shard.actors.heads([room])).toEqual(new Map([[room, [7, 1]]]));
  });
});

describe("load", () => {
  it("weighs events with the people who hear them", async () => {
    await shard.ask(create());
    await shard.ask({ type: "open", by: ada });
    expect(shard.actors.takeLoad()).toBe(2 + 2);
    expect(shard.actors.takeLoad()).toBe(0);
  });
});

describe("idleMs", () => {
  it.each([60_000, 10 * IDLE_MS])("of the start decides when a channel leaves memory: %i", async (idleMs) => {
    shard = await OneShard.open({ idleMs });
    await shard.ask(create());
    shard.flush();
    shard.world.pass(idleMs - 1);
    await shard.ask({ type: "open", by: ada });
    shard.world.pass(idleMs - 1);
    expect(shard.actors.census().channels).toBe(1);
    shard.world.pass(SWEEP_EVERY_MS + 1);
    expect(shard.actors.census().channels).toBe(0);
  });
});
