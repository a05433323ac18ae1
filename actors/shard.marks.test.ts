import { beforeEach, describe, expect, it } from "vitest";
import { MARKS_AT_ONCE_MAX } from "./channel/marks.ts";
import type { ChannelCommand } from "./commands.ts";
import { HandGate, user } from "./doubles.ts";
import { ada, bob, code, create, OneShard, room, send, turns } from "./one-shard.ts";
import { IDLE_MS, MARKS_EVERY_MS } from "./shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
});

describe("rule L7: marks", () => {
  it("are answered from memory, gathered for a second, and logged once", async () => {
    await shard.ask(create());
    await shard.ask(send(1));
    const before = shard.gate.log.length;
    for (const read of [1, 2, 3]) expect(code(await shard.ask({ type: "mark", by: ada, read }))).toBe("ok");
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    expect(shard.gate.log.slice(before).filter((record) => "mark" in record)).toMatchObject([
      { mark: { userId: bob, read: 5, readCount: 1 } },
    ]);
    await shard.ask(send(2));
    expect(await shard.ask({ type: "mark", by: bob, read: 6 })).toMatchObject({ unread: 0 });
    expect(await shard.ask({ type: "mark", by: bob, read: 5 })).toMatchObject({ unread: 0 });
    shard.world.pass(MARKS_EVERY_MS);
    const marks = shard.gate.log.filter((record) => "mark" in record);
    expect(marks).toMatchObject([{}, { mark: { userId: bob, read: 6, delivered: 6, readCount: 2 } }]);
    shard.passivate();
    expect(shard.world.facts.members.get(`${room}.${bob}`)).toMatchObject({ readSeq: 6, readCount: 2 });
  });

  it("are settled each by itself: delivered and read that Postgres takes apart do not keep the channel", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    await shard.ask(send(1));
    shard.flush();
    for (const mark of [{ delivered: 5 }, { read: 5 }]) {
      await shard.ask({ type: "mark", by: bob, ...mark });
      shard.world.pass(MARKS_EVERY_MS);
    }
    const { log } = shard.gate;
    for (const record of log.slice(-2)) shard.actors.flushed([record]);
    shard.passivate();
    await shard.takeOver(new HandGate(2, true, true), log);
    await shard.ask({ type: "open", by: bob });
    for (const record of log.slice(-2)) shard.actors.flushed([record]);
    shard.passivate();
  });

  it("keep the channel in memory until Postgres has them: what was read does not become unread (rule A1)", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    await shard.ask(send(1));
    shard.passivate();
    await shard.ask({ type: "mark", by: bob, read: 5 });
    shard.world.pass(2 * IDLE_MS);
    expect(shard.actors.census().channels).toBe(1);
    expect(await shard.ask({ type: "mark", by: bob, read: 0 })).toMatchObject({ unread: 0 });
    shard.passivate();
    expect(await shard.ask({ type: "mark", by: bob, read: 0 })).toMatchObject({ unread: 0 });
  });

  it("that Postgres takes while the channel is brought into memory do not keep it there", async () => {
    await shard.ask(create());
    shard.flush();
    await shard.ask({ type: "mark", by: ada, read: 1 });
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    const { log } = shard.gate;
    shard.actors.end();
    shard.world.facts.project(log.filter((record) => "event" in record));
    await shard.takeOver(new HandGate(2, true, true), log);
    expect(shard.actors.census().channels).toBe(0);
    shard.world.facts.hold();
    const opened = shard.ask({ type: "open", by: bob });
    await turns();
    shard.actors.flushed(log);
    shard.world.facts.letGo();
    expect(code(await opened)).toBe("ok");
    shard.passivate();
  });

  it("of many people leave the gate room for messages: so many at once, and the others behind them", async () => {
    const people = Array.from({ length: MARKS_AT_ONCE_MAX + 50 }, (_, n) => user(100 + n));
    await shard.ask({ ...create(), memberIds: people } as ChannelCommand);
    await Promise.all(people.map((by) => shard.ask({ type: "join", by })));
    await shard.ask(send(1));
    shard.passivate();
    await Promise.all(people.map((by) => shard.ask({ type: "mark", by, delivered: 1_000 })));
    const before = shard.gate.log.length;
    shard.gate.isOpen = false;
    shard.world.pass(MARKS_EVERY_MS);
    shard.world.pass(MARKS_EVERY_MS);
    expect(shard.gate.log.length - before).toBe(MARKS_AT_ONCE_MAX);
    shard.gate.confirm();
    expect(shard.gate.log.length - before).toBe(people.length);
  });

  it("that could not be logged for want of room are logged when there is some", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    await shard.ask(send(1));
    await shard.ask({ type: "mark", by: bob, read: 5 });
    const before = shard.gate.log.length;
    shard.gate.room = false;
    shard.world.pass(MARKS_EVERY_MS);
    expect(shard.gate.log).toHaveLength(before);
    shard.gate.room = true;
    shard.world.pass(MARKS_EVERY_MS);
    expect(shard.gate.log.slice(before)).toMatchObject([{ mark: { userId: bob, read: 5 } }]);
  });
});
