import { beforeEach, describe, expect, it } from "vitest";
import { MEMBERS_MAX } from "./channel/members.ts";
import type { ChannelCommand } from "./commands.ts";
import { channel, client, HandGate, user } from "./doubles.ts";
import { ada, bob, code, create, OneShard, poison, room, send, turns } from "./one-shard.ts";
import { StoreAway } from "./ports.ts";
import { IDLE_MS, SWEEP_EVERY_MS } from "./shard.ts";

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
});

describe("rule S1: resends", () => {
  it("are looked up whatever their clientId, and answered from Postgres after it was forgotten here", async () => {
    await shard.ask(create());
    await shard.ask(send(1));
    shard.passivate();
    expect(await shard.ask(send(9, ada, 2))).toMatchObject({ ok: true, message: { seq: 4 } });
    expect(shard.world.facts.trace).toContain(`sent ${client(9)}`);
    expect(await shard.ask(send(1))).toMatchObject({
      duplicate: true,
      durability: "persisted",
      message: { seq: 3 },
    });
  });
});

describe("rule A2: facts on demand", () => {
  beforeEach(async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    shard.passivate();
    shard.world.facts.trace.length = 0;
  });

  it("are fetched once and kept", async () => {
    await Promise.all([shard.ask(send(1)), shard.ask(send(2)), shard.ask(send(3))]);
    await shard.ask(send(4));
    expect(shard.world.facts.trace).toEqual([`channel ${room}`, `member ${ada}`]);
  });

  it("keep one author's commands in order behind their fetch, while others pass", async () => {
    await shard.ask(send(1));
    shard.world.trace.length = 0;
    shard.world.facts.hold();
    const behind = [shard.ask(send(1, bob)), shard.ask({ type: "leave", by: bob }), shard.ask(send(2, bob))];
    await turns();
    await shard.ask({ type: "open", by: ada });
    expect(shard.world.trace).toEqual(["open ok"]);
    shard.world.facts.letGo();
    await Promise.all(behind);
    expect(shard.world.trace).toEqual(["open ok", "send ok", "leave ok", "send not_a_member", "publish 6,7"]);
  });

  it("are evicted beyond a bound, but not what Postgres lacks", async () => {
    await shard.ask(send(1));
    const strangers = Array.from({ length: MEMBERS_MAX + 5 }, (_, n) =>
      shard.ask({ type: "member", userId: user(1_000 + n) }),
    );
    await Promise.all(strangers);
    shard.world.facts.trace.length = 0;
    shard.world.facts.isAway = true;
    expect(code(await shard.ask(send(2)))).toBe("ok");
    shard.world.facts.isAway = false;
    shard.flush();
    await Promise.all(
      Array.from({ length: MEMBERS_MAX + 5 }, (_, n) =>
        shard.ask({ type: "member", userId: user(5_000 + n) }),
      ),
    );
    expect(code(await shard.ask(send(3)))).toBe("ok");
    expect(shard.world.facts.trace).toContain(`member ${ada}`);
  });

  it("serve someone new however many Postgres lacks something of", async () => {
    for (let n = 0; n < MEMBERS_MAX + 5; n++)
      void shard.ask({ type: "invite", by: ada, userId: user(1_000 + n) });
    const invited = await shard.ask({ type: "invite", by: ada, userId: user(9_999) });
    expect(code(invited)).toBe("ok");
    expect(code(await shard.ask(send(1, bob)))).toBe("ok");
  }, 20_000);
});

describe("rule A3: Postgres away", () => {
  it("serves who is in memory, and refuses what needs a read", async () => {
    await shard.ask(create());
    shard.passivate();
    await shard.ask(send(1));
    shard.world.facts.isAway = true;
    expect(code(await shard.ask(send(2)))).toBe("ok");
    expect(code(await shard.ask(send(1, bob)))).toBe("unavailable");
    expect(code(await shard.ask(create(), channel(2)))).toBe("unavailable");
    shard.world.facts.isAway = false;
    expect(code(await shard.ask(create(), channel(2)))).toBe("ok");
    expect(code(await shard.ask(send(1, bob)))).toBe("not_found");
  });

  it("does not start a shard whose unflushed channels need their rows", async () => {
    await shard.ask(create());
    const { log } = shard.gate;
    shard.world.facts.isAway = true;
    await expect(shard.takeOver(new HandGate(2), log)).rejects.toThrow(StoreAway);
    shard.world.facts.isAway = false;
    shard.world.facts.channel = () => Promise.reject(new StoreAway());
    await expect(shard.takeOver(new HandGate(2), log)).rejects.toThrow(StoreAway);
    shard.world.facts.isAway = true;
    expect(await shard.takeOver(new HandGate(2), [])).toEqual([]);
  });
});

describe("rule A3: Postgres away while a channel is brought into memory", () => {
  it("answers unavailable, loses nothing, and lets go of what was flushed meanwhile", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    await shard.ask(send(1));
    shard.flush();
    await shard.ask({ type: "mark", by: bob, read: 5 });
    await shard.ask(send(2));
    expect(code(await shard.ask(poison()))).toBe("unavailable");
    const waiting = shard.ask(send(3));
    shard.world.facts.isAway = true;
    shard.flush();
    expect(code(await waiting)).toBe("unavailable");
    expect(shard.actors.census().channels).toBe(0);
    shard.world.facts.isAway = false;
    expect(await shard.ask(send(2))).toMatchObject({ duplicate: true, message: { seq: 6 } });
    expect(await shard.ask({ type: "mark", by: bob, read: 0 })).toMatchObject({ unread: 1 });
    expect(await shard.ask(send(3))).toMatchObject({ message: { seq: 7, ordinal: 3 } });
    shard.passivate();
  });
});

describe("rule A3: Postgres away for a channel whose marks only the log has", () => {
  it("keeps them for the next try", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    await shard.ask(send(1));
    shard.flush();
    await shard.ask({ type: "mark", by: bob, read: 5 });
    shard.world.pass(1_000);
    shard.actors.end();
    await shard.takeOver(new HandGate(2, true, true), shard.gate.log);
    shard.world.facts.isAway = true;
    expect(code(await shard.ask({ type: "open", by: bob }))).toBe("unavailable");
    shard.world.facts.isAway = false;
    expect(await shard.ask({ type: "mark", by: bob, read: 0 })).toMatchObject({ unread: 0 });
  });
});

describe("rule E5: time", () => {
  it("does not run backwards in a channel that left memory, though the clock does", async () => {
    await shard.ask(create());
    const atMs = shard.world.time;
    shard.passivate();
    shard.world.skewMs = -1_000_000;
    expect(await shard.ask(send(1))).toMatchObject({ message: { seq: 3, atMs } });
  });

  it("of slow mode counts on across leaving memory and a new owner whose clock is behind", async () => {
    const slow = { ...create(), channel: { kind: "group", settings: { slowModeSeconds: 3_600 } } };
    await shard.ask(slow as ChannelCommand);
    await shard.ask({ type: "invite", by: ada, userId: bob });
    await shard.ask({ type: "join", by: bob });
    const sentAtMs = shard.world.time;
    await shard.ask(send(1, bob));
    shard.passivate();
    const passedMs = shard.world.time - sentAtMs;
    expect(await shard.ask(send(2, bob))).toMatchObject({
      error: { code: "slow_mode", retryAfterMs: 3_600_000 - passedMs },
    });
    const last = await shard.ask(send(3));
    shard.actors.end();
    shard.world.skewMs = -20_000;
    await shard.takeOver(new HandGate(2), shard.gate.log);
    expect(await shard.ask(send(4))).toMatchObject({ message: { atMs: shard.world.time } });
    expect(last).toMatchObject({ message: { atMs: shard.world.time } });
    expect(await shard.ask(send(2, bob))).toMatchObject({
      error: { code: "slow_mode", retryAfterMs: 3_600_000 - passedMs },
    });
  });
});

describe("rule E1: the space of a topic", () => {
  it("is asked through the Router, and a topic is unavailable while it is", async () => {
    const asked: unknown[] = [];
    shard.world.askSpace = async (spaceId, command) => {
      asked.push([spaceId, command]);
      return {
        ok: true,
        kind: "space",
        member: { userId: ada, role: "owner", status: "active", joinedAtMs: 0 },
      };
    };
    const topic: ChannelCommand = {
      type: "create",
      by: ada,
      channel: { kind: "topic", spaceId: channel(9), settings: {} },
      memberIds: [],
    };
    expect(code(await shard.ask(topic))).toBe("ok");
    expect(asked).toEqual([[channel(9), { type: "member", userId: ada }]]);
    expect(code(await shard.ask(send(1)))).toBe("ok");
    expect(asked).toHaveLength(1);
    shard.world.askSpace = async () => ({
      ok: false,
      error: { code: "unavailable", message: "", retry: "later" },
    });
    expect(code(await shard.ask(send(2)))).toBe("ok");
    shard.world.time += 5_001;
    expect(code(await shard.ask(send(3)))).toBe("unavailable");
  });
});

describe("rule A1: activation and passivation", () => {
  it("keeps in memory what is unflushed or at the gate, and forgets the rest after five minutes", async () => {
    await shard.ask(create());
    shard.world.pass(2 * IDLE_MS);
    expect(shard.actors.census().channels).toBe(1);
    shard.passivate();
    shard.gate.isOpen = false;
    const held = shard.ask({ type: "open", by: ada });
    await turns();
    shard.world.pass(2 * IDLE_MS);
    expect(shard.actors.census().channels).toBe(1);
    shard.gate.confirm();
    await held;
    shard.world.pass(SWEEP_EVERY_MS);
    expect(shard.actors.census().channels).toBe(0);
  });

  it("answers unavailable, and breaks nothing, where the row is of a later reign", async () => {
    await shard.ask(create());
    shard.passivate();
    const row = shard.world.facts.rows.get(room)!;
    row.channel = { ...row.channel, epoch: shard.gate.epoch + 1 };
    expect(code(await shard.ask(send(1)))).toBe("unavailable");
    expect(shard.world.alarms).toEqual([]);
  });

  it("buffers commands across passivation and loses none", async () => {
    await shard.ask(create());
    shard.passivate();
    const answers = await Promise.all([
      shard.ask(send(1)),
      shard.ask(send(2)),
      shard.ask({ type: "open", by: ada }),
    ]);
    expect(answers.map(code)).toEqual(["ok", "ok", "ok"]);
    expect(answers[2]).toMatchObject({ seq: 4 });
  });

  it.each([
    ["goes on from what this reign has confirmed", 1_000, { message: { seq: 5 } }, 6],
    ["answers unavailable where the window does not reach", 1, { error: { code: "unavailable" } }, 5],
  ])("gives no place twice where Postgres went back: %s", async (_, eventsMax, expected, nextSeq) => {
    shard = await OneShard.open({ tail: { eventsMax } });
    await shard.ask(create());
    shard.passivate();
    const before = structuredClone(shard.world.facts.rows.get(room)!);
    await shard.ask(send(1));
    await shard.ask(send(2));
    shard.flush();
    const after = shard.world.facts.rows.get(room)!;
    shard.world.pass(IDLE_MS + SWEEP_EVERY_MS);
    shard.world.facts.rows.set(room, before);
    expect(await shard.ask(send(3))).toMatchObject(expected);
    shard.world.facts.rows.set(room, after);
    expect(await shard.ask(send(4))).toMatchObject({ message: { seq: nextSeq } });
    expect(shard.world.crashes).toEqual([]);
    shard.passivate();
  });

  it("forgets soon what does not exist", async () => {
    expect(code(await shard.ask({ type: "open", by: ada }))).toBe("not_found");
    shard.world.pass(SWEEP_EVERY_MS);
    expect(shard.actors.census().channels).toBe(0);
  });

  it("finds its state again from log and row, whatever part of the log is flushed", async () => {
    await shard.ask(create());
    for (let n = 1; n <= 3; n++) await shard.ask(send(n));
    shard.flush();
    for (let n = 4; n <= 6; n++) await shard.ask(send(n));
    const { log } = shard.gate;
    shard.actors.end();
    expect(await shard.takeOver(new HandGate(5), log)).toEqual(log.slice(5));
    expect(shard.actors.census().channels).toBe(1);
    expect(await shard.ask(send(4))).toMatchObject({ duplicate: true, message: { seq: 6 } });
    expect(await shard.ask(send(2, ada, 2))).toMatchObject({ duplicate: true, message: { seq: 4 } });
    expect(await shard.ask(send(7))).toMatchObject({ message: { seq: 9, ordinal: 7 } });
    expect(shard.gate.log.at(-1)).toMatchObject({ epoch: 5, event: { seq: 9 } });
    const synced = await shard.ask({ type: "sync", by: ada, afterSeq: 2, epoch: 1, limit: 500 });
    expect(synced).toMatchObject({ seq: 8, epoch: 1, more: true });
    expect(await shard.ask({ type: "open", by: ada })).toMatchObject({
      seq: 9,
      epoch: 5,
      unflushed: [{ seq: 6 }, { seq: 7 }, { seq: 8 }, { seq: 9 }],
    });
  });
});
