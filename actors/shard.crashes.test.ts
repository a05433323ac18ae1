import { beforeEach, describe, expect, it } from "vitest";
import { CRASH_WINDOW_MS, CRASHES_MAX } from "./crashes.ts";
import { channel, HandGate } from "./doubles.ts";
import { ada, code, create, OneShard, poison, room, send, turns } from "./one-shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
});

describe("rule P5: crashes", () => {
  it("rebuild the actor once what it decided is in Postgres; who was served hears unavailable", async () => {
    await shard.ask(create());
    await shard.ask(send(1));
    const answers = [shard.ask(send(2)), shard.ask(poison()), shard.ask(send(3))];
    expect(code(await answers[1]!)).toBe("unavailable");
    expect(shard.world.published.at(-1)!.events.map(({ seq }) => seq)).toEqual([4]);
    await turns();
    expect(shard.world.trace).not.toContain("publish 5");
    shard.flush();
    expect((await Promise.all(answers)).map(code)).toEqual(["ok", "unavailable", "ok"]);
    expect(shard.world.crashes).toEqual(["channel"]);
    expect(await shard.ask(send(2))).toMatchObject({ duplicate: true, message: { seq: 4 } });
    expect(shard.gate.log.map((record) => "event" in record && record.event.seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it("take back what had changed the state and never entered the log", async () => {
    await shard.ask(create());
    const { stage } = shard.world.meter;
    const once = (name: string) => {
      if (name !== "decide") return;
      shard.world.meter.stage = stage;
      throw new Error("half way");
    };
    Object.assign(shard.world.meter, { stage: once });
    expect(code(await shard.ask(send(1)))).toBe("unavailable");
    shard.flush();
    expect(await shard.ask(send(2))).toMatchObject({ message: { seq: 3, ordinal: 1 } });
    expect(await shard.ask(send(1))).toMatchObject({ message: { seq: 4, ordinal: 2 } });
    expect(shard.gate.log.map((record) => "event" in record && record.event.seq)).toEqual([1, 2, 3, 4]);
  });

  it("close a channel that throws too often, alone, until it has been left in peace", async () => {
    await shard.ask(create());
    await shard.ask(create(), channel(2));
    for (let n = 0; n < CRASHES_MAX; n++) {
      shard.flush();
      await shard.ask(poison());
    }
    shard.flush();
    const last = [shard.ask(poison()), shard.ask(send(1)), shard.ask({ type: "open", by: ada })];
    expect((await Promise.all(last)).map(code)).toEqual(Array(3).fill("unavailable"));
    shard.flush();
    await turns();
    expect(shard.world.alarms.map(({ isClosed }) => isClosed)).toEqual([false, false, false, true]);
    expect(code(await shard.ask(send(1)))).toBe("unavailable");
    expect(code(await shard.ask(send(1), channel(2)))).toBe("ok");
    shard.world.pass(CRASH_WINDOW_MS);
    expect(code(await shard.ask(send(1)))).toBe("ok");
  });

  it("lose nothing that only the log had before this reign", async () => {
    await shard.ask(create());
    await shard.ask(send(1));
    await shard.takeOver(new HandGate(2), shard.gate.log);
    expect(code(await shard.ask(poison()))).toBe("unavailable");
    expect(await shard.ask(send(2))).toMatchObject({ ok: true, message: { seq: 4, ordinal: 2 } });
    expect(await shard.ask(send(1))).toMatchObject({ ok: true, duplicate: true, message: { seq: 3 } });
  });

  it("in replay cost the channel, not the shard", async () => {
    await shard.ask(create());
    await shard.ask(create(), channel(2));
    await shard.ask(send(1));
    const withHole = shard.gate.log.filter(
      (record) => !("event" in record && record.channelId === room && record.event.seq === 2),
    );
    await shard.takeOver(new HandGate(2), withHole);
    expect(code(await shard.ask(send(2)))).toBe("unavailable");
    expect(code(await shard.ask(send(2), channel(2)))).toBe("ok");
    expect(shard.world.crashes.length).toBeGreaterThan(0);
  });
});
