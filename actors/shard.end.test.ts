import { beforeEach, describe, expect, it } from "vitest";
import type { ChannelCommand } from "./commands.ts";
import { channel, user } from "./doubles.ts";
import { ada, bob, code, create, OneShard, poison, send, turns } from "./one-shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
});

describe("the end", () => {
  it("answers everyone: in the mailbox, set aside, at the gate, and waiting for the flush; nothing is entered any more", async () => {
    await shard.ask(create());
    shard.passivate();
    await shard.ask(send(1));
    shard.world.facts.hold();
    shard.gate.isOpen = false;
    const waiting = [
      shard.ask({ ...send(2), durability: "persisted" } as ChannelCommand),
      shard.ask(send(3)),
      shard.ask(send(1, bob)),
      shard.ask(create(), channel(2)),
    ];
    await turns();
    waiting.push(shard.ask(send(4)));
    const entered = shard.gate.log.length;
    shard.actors.end();
    expect((await Promise.all(waiting)).map(code)).toEqual(Array(5).fill("unavailable"));
    shard.world.facts.letGo();
    await turns();
    shard.gate.confirm();
    expect(shard.gate.log).toHaveLength(entered);
    expect(code(await shard.ask(send(5)))).toBe("unavailable");
    expect(shard.world.timersRunning).toBe(0);
    shard.actors.end();
  });

  it("when planned, takes nothing in, decides what it has, and sends on what waits for facts", async () => {
    await shard.ask(create());
    shard.passivate();
    await shard.ask(send(1));
    shard.world.facts.hold();
    const undecided = [shard.ask(send(1, bob)), shard.ask(create(), channel(2))];
    await turns();
    const decided = Array.from({ length: 600 }, (_, n) => shard.ask(send(n + 2)));
    const read = shard.ask({ type: "mark", by: ada, read: 1 });
    const closed = shard.actors.close();
    expect(code(await shard.ask(send(1_000)))).toBe("moved");
    await closed;
    expect((await Promise.all(undecided)).map(code)).toEqual(["moved", "moved"]);
    expect((await Promise.all(decided)).every((answer) => answer.ok)).toBe(true);
    expect(code(await read)).toBe("ok");
    expect(shard.gate.log.filter((record) => "event" in record)).toHaveLength(2 + 601);
    shard.actors.end();
  });

  it("when planned, leaves no gathered mark behind (rule L7)", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    await shard.ask(send(1));
    await shard.ask({ type: "mark", by: bob, read: 5 });
    await shard.actors.close();
    expect(shard.gate.log.at(-1)).toMatchObject({ mark: { userId: bob, read: 5, readCount: 1 } });
    shard.actors.end();
  });

  it("when planned, does not wait for Postgres to build a crashed channel again: who waits for it is sent on", async () => {
    await shard.ask(create());
    const answers = [shard.ask(send(1)), shard.ask(poison()), shard.ask(send(2))];
    const closed = shard.actors.close();
    await closed;
    expect((await Promise.all(answers)).map(code)).toEqual(["ok", "unavailable", "moved"]);
    shard.actors.end();
  });

  it("when planned, sends on an author's commands together: none overtakes one that waits for facts", async () => {
    await shard.ask(create());
    await shard.ask(send(1));
    shard.passivate();
    await shard.ask(send(2));
    shard.world.facts.hold();
    const resend = shard.ask(send(1, ada, 2));
    await turns();
    const answers = [resend, shard.ask(send(3)), shard.ask({ type: "member", userId: user(7) })];
    await shard.actors.close();
    expect((await Promise.all(answers)).map(code)).toEqual(["moved", "moved", "moved"]);
    expect(shard.gate.log.filter((record) => "event" in record)).toHaveLength(4);
    shard.actors.end();
  });

  it("is answered to everyone though it comes while a channel is brought into memory or built again", async () => {
    await shard.ask(create());
    const rebuilt = [shard.ask(poison()), shard.ask(send(1))];
    await turns();
    shard.world.facts.hold();
    const loading = shard.ask(send(1), channel(2));
    await turns();
    shard.actors.end();
    expect((await Promise.all([...rebuilt, loading])).map(code)).toEqual(Array(3).fill("unavailable"));
    const entered = shard.gate.log.length;
    shard.flush();
    shard.world.facts.letGo();
    await turns();
    expect(shard.gate.log).toHaveLength(entered);
    expect(shard.actors.census().channels).toBe(0);
    await shard.actors.close();
  });
});
