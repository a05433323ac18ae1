import { beforeEach, describe, expect, it } from "vitest";
import type { ChannelId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";
import { MEMBERS_MAX } from "./channel/members.ts";
import type { ChannelCommand } from "./commands.ts";
import { CRASH_WINDOW_MS, CRASHES_MAX } from "./crashes.ts";
import { channel, client, HandGate, HandWorld, said, user } from "./doubles.ts";
import { MAILBOX_MAX } from "./mailbox.ts";
import { type LogRecord, type ShardActors, StoreAway } from "./ports.ts";
import { IDLE_MS, MARKS_EVERY_MS, SWEEP_EVERY_MS } from "./shard.ts";
import { createStartActors } from "./shard-actors.ts";

const ada = user(1);
const bob = user(2);
const room = channel(1);

let world: HandWorld;
let gate: HandGate;
let actors: ShardActors;

beforeEach(async () => {
  world = new HandWorld();
  gate = new HandGate();
  actors = await open([]);
});

async function open(retained: readonly LogRecord[]): Promise<ShardActors> {
  return (await createStartActors(world)(gate, retained)).actors;
}

/** Answers arrive in `world.trace` as well, by their command. */
function ask(command: ChannelCommand, id: ChannelId = room): Promise<Answer<Record<string, never>>> {
  return new Promise((resolve) =>
    actors.askChannel(id, command, (answer) => {
      world.trace.push(`${command.type} ${answer.ok ? "ok" : answer.error.code}`);
      resolve(answer as never);
    }),
  );
}

const create = (by = ada, kind: "group" | "private" = "group"): ChannelCommand => ({
  type: "create",
  by,
  channel: { kind, settings: {} },
  memberIds: [],
});
const send = (n: number, by = ada, attempt = 1): ChannelCommand => ({
  type: "send",
  by,
  message: said(client(n)),
  attempt,
});
const code = (answer: Answer) => (answer.ok ? "ok" : answer.error.code);
const flush = () =>
  gate.flush((records) => {
    world.facts.project(records);
    actors.flushed(records);
  });
const turns = async (count = 8) => {
  for (let n = 0; n < count; n++) await new Promise<void>((resolve) => setImmediate(resolve));
};
/** Out of memory, as after five idle minutes. */
async function passivate(): Promise<void> {
  flush();
  world.pass(IDLE_MS + SWEEP_EVERY_MS);
  expect(actors.census().channels).toBe(0);
}

describe("rule G1: the gate", () => {
  it("lets nothing be heard before it is in the log, then everything in order, events before the next turn's answers", async () => {
    await ask(create());
    world.trace.length = 0;
    gate.isOpen = false;
    const answers = [
      ask(send(1)),
      ask({ type: "open", by: ada }),
      ask(send(1)),
      ask({ type: "open", by: bob }),
    ];
    await turns();
    expect(world.trace).toEqual([]);
    expect(gate.log).toHaveLength(3);
    gate.confirm();
    await Promise.all(answers);
    expect(world.trace).toEqual(["send ok", "open ok", "send ok", "open not_found", "publish 3"]);
  });

  it("publishes once per drained batch, in order and with the reign", async () => {
    await ask(create());
    await Promise.all(Array.from({ length: 20 }, (_, n) => ask(send(n + 1))));
    expect(world.published.map(({ events }) => events.length)).toEqual([2, 20]);
    expect(world.published[1]).toMatchObject({ channelId: room, epoch: 1 });
  });

  it("answers a head and a sync with what is confirmed only", async () => {
    await ask(create());
    gate.isOpen = false;
    const sent = ask(send(1));
    await turns();
    expect(await actors.heads([room, channel(2)])).toEqual(new Map([[room, [2, 1]]]));
    expect(actors.channel(room)).toEqual({ seq: 2, mailbox: 0 });
    gate.confirm();
    await sent;
    expect((await actors.heads([room])).get(room)).toEqual([3, 1]);
  });

  it("answers overloaded at once when the gate has no room", async () => {
    await ask(create());
    gate.isOpen = false;
    gate.room = false;
    expect(code(await ask(send(1)))).toBe("overloaded");
  });
});

describe("the mailbox", () => {
  it("refuses at once what is beyond its bound, and serves the rest", async () => {
    await ask(create());
    const answers = Array.from({ length: MAILBOX_MAX + 10 }, (_, n) => ask(send(n + 1)));
    expect(world.trace.slice(2)).toEqual(Array(10).fill("send overloaded"));
    expect(world.rejected).toBe(10);
    const codes = (await Promise.all(answers)).map(code);
    expect(codes.filter((each) => each === "ok")).toHaveLength(MAILBOX_MAX);
  });

  it("counts what waits for facts", async () => {
    await ask(create());
    await passivate();
    world.facts.hold();
    const answers = Array.from({ length: MAILBOX_MAX + 10 }, (_, n) => ask(send(n + 1)));
    await turns();
    expect(actors.census().mailboxDepth).toBe(MAILBOX_MAX);
    world.facts.letGo();
    await turns();
    world.facts.letGo();
    expect((await Promise.all(answers)).map(code).filter((each) => each === "ok")).toHaveLength(MAILBOX_MAX);
  });
});

describe("rule S3: persisted", () => {
  it("broadcasts at the log and answers at the commit", async () => {
    await ask(create());
    world.trace.length = 0;
    const answer = ask({ ...send(1), durability: "persisted" } as ChannelCommand);
    await turns();
    expect(world.trace).toEqual(["publish 3"]);
    flush();
    expect(await answer).toMatchObject({ ok: true, durability: "persisted" });
  });
});

describe("rule S1: resends", () => {
  it("are looked up whatever their clientId, and answered from Postgres after it was forgotten here", async () => {
    await ask(create());
    await ask(send(1));
    await passivate();
    expect(await ask(send(9, ada, 2))).toMatchObject({ ok: true, message: { seq: 4 } });
    expect(world.facts.trace).toContain(`sent ${client(9)}`);
    expect(await ask(send(1))).toMatchObject({
      duplicate: true,
      durability: "persisted",
      message: { seq: 3 },
    });
  });
});

describe("rule A2: facts on demand", () => {
  beforeEach(async () => {
    await ask(create());
    await ask({ type: "invite", by: ada, userId: bob });
    await ask({ type: "join", by: bob });
    await passivate();
    world.facts.trace.length = 0;
  });

  it("are fetched once and kept", async () => {
    await Promise.all([ask(send(1)), ask(send(2)), ask(send(3))]);
    await ask(send(4));
    expect(world.facts.trace).toEqual([`channel ${room}`, `member ${ada}`]);
  });

  it("keep one author's commands in order behind their fetch, while others pass", async () => {
    await ask(send(1));
    world.trace.length = 0;
    world.facts.hold();
    const behind = [ask(send(1, bob)), ask({ type: "leave", by: bob }), ask(send(2, bob))];
    await turns();
    await ask({ type: "open", by: ada });
    expect(world.trace).toEqual(["open ok"]);
    world.facts.letGo();
    await Promise.all(behind);
    expect(world.trace).toEqual(["open ok", "send ok", "leave ok", "send not_a_member", "publish 6,7"]);
  });

  it("are evicted beyond a bound, but not what Postgres lacks", async () => {
    await ask(send(1));
    const strangers = Array.from({ length: MEMBERS_MAX + 5 }, (_, n) =>
      ask({ type: "member", userId: user(1_000 + n) }),
    );
    await Promise.all(strangers);
    world.facts.trace.length = 0;
    world.facts.isAway = true;
    expect(code(await ask(send(2)))).toBe("ok");
    world.facts.isAway = false;
    flush();
    await Promise.all(
      Array.from({ length: MEMBERS_MAX + 5 }, (_, n) => ask({ type: "member", userId: user(5_000 + n) })),
    );
    expect(code(await ask(send(3)))).toBe("ok");
    expect(world.facts.trace).toContain(`member ${ada}`);
  });
});

describe("rule A3: Postgres away", () => {
  it("serves who is in memory, and refuses what needs a read", async () => {
    await ask(create());
    await passivate();
    await ask(send(1));
    world.facts.isAway = true;
    expect(code(await ask(send(2)))).toBe("ok");
    expect(code(await ask(send(1, bob)))).toBe("unavailable");
    expect(code(await ask(create(), channel(2)))).toBe("unavailable");
    world.facts.isAway = false;
    expect(code(await ask(create(), channel(2)))).toBe("ok");
    expect(code(await ask(send(1, bob)))).toBe("not_found");
  });

  it("does not start a shard whose unflushed channels need their rows", async () => {
    await ask(create());
    const { log } = gate;
    world.facts.isAway = true;
    await expect(createStartActors(world)(new HandGate(2), log)).rejects.toThrow(StoreAway);
    world.facts.isAway = false;
    world.facts.channel = () => Promise.reject(new StoreAway());
    await expect(createStartActors(world)(new HandGate(2), log)).rejects.toThrow(StoreAway);
    world.facts.isAway = true;
    expect((await createStartActors(world)(new HandGate(2), [])).unflushed).toEqual([]);
  });
});

describe("rule E1: the space of a topic", () => {
  it("is asked through the Router, and a topic is unavailable while it is", async () => {
    const asked: unknown[] = [];
    world.askSpace = async (spaceId, command) => {
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
    expect(code(await ask(topic))).toBe("ok");
    expect(asked).toEqual([[channel(9), { type: "member", userId: ada }]]);
    expect(code(await ask(send(1)))).toBe("ok");
    expect(asked).toHaveLength(1);
    world.askSpace = async () => ({ ok: false, error: { code: "unavailable", message: "", retry: "later" } });
    expect(code(await ask(send(2)))).toBe("ok");
    world.time += 5_001;
    expect(code(await ask(send(3)))).toBe("unavailable");
  });
});

describe("rule A1: activation and passivation", () => {
  it("keeps in memory what is unflushed or at the gate, and forgets the rest after five minutes", async () => {
    await ask(create());
    world.pass(2 * IDLE_MS);
    expect(actors.census().channels).toBe(1);
    await passivate();
    gate.isOpen = false;
    const held = ask({ type: "open", by: ada });
    await turns();
    world.pass(2 * IDLE_MS);
    expect(actors.census().channels).toBe(1);
    gate.confirm();
    await held;
    world.pass(SWEEP_EVERY_MS);
    expect(actors.census().channels).toBe(0);
  });

  it("buffers commands across passivation and loses none", async () => {
    await ask(create());
    await passivate();
    const answers = await Promise.all([ask(send(1)), ask(send(2)), ask({ type: "open", by: ada })]);
    expect(answers.map(code)).toEqual(["ok", "ok", "ok"]);
    expect(answers[2]).toMatchObject({ seq: 4 });
  });

  it("forgets soon what does not exist", async () => {
    expect(code(await ask({ type: "open", by: ada }))).toBe("not_found");
    world.pass(SWEEP_EVERY_MS);
    expect(actors.census().channels).toBe(0);
  });

  it("finds its state again from log and row, whatever part of the log is flushed", async () => {
    await ask(create());
    for (let n = 1; n <= 3; n++) await ask(send(n));
    flush();
    for (let n = 4; n <= 6; n++) await ask(send(n));
    const { log } = gate;
    gate = new HandGate(5);
    const next = await createStartActors(world)(gate, log);
    expect(next.unflushed).toEqual(log.slice(5));
    actors.end();
    actors = next.actors;
    expect(actors.census().channels).toBe(1);
    expect(await ask(send(4))).toMatchObject({ duplicate: true, message: { seq: 6 } });
    expect(await ask(send(2, ada, 2))).toMatchObject({ duplicate: true, message: { seq: 4 } });
    expect(await ask(send(7))).toMatchObject({ message: { seq: 9, ordinal: 7 } });
    expect(gate.log.at(-1)).toMatchObject({ epoch: 5, event: { seq: 9 } });
    const synced = await ask({ type: "sync", by: ada, afterSeq: 2, epoch: 1, limit: 500 });
    expect(synced).toMatchObject({ seq: 8, epoch: 1, more: true });
    expect(await ask({ type: "open", by: ada })).toMatchObject({
      seq: 9,
      epoch: 5,
      unflushed: [{ seq: 6 }, { seq: 7 }, { seq: 8 }, { seq: 9 }],
    });
  });
});

describe("row D5: resume from memory", () => {
  it("reads no message from the database, beyond the life of the actor", async () => {
    await ask(create());
    for (let n = 1; n <= 5; n++) await ask(send(n));
    await passivate();
    world.time -= IDLE_MS;
    world.facts.trace.length = 0;
    expect(await ask({ type: "sync", by: ada, afterSeq: 4, epoch: 1, limit: 500 })).toMatchObject({
      seq: 7,
      more: false,
      events: [{ seq: 5 }, { seq: 6 }, { seq: 7 }],
    });
    expect(world.facts.trace).toEqual([`channel ${room}`, `member ${ada}`]);
    expect(await actors.heads([room])).toEqual(new Map([[room, [7, 1]]]));
  });
});

describe("rule L7: marks", () => {
  it("are answered from memory, gathered for a second, and logged once", async () => {
    await ask(create());
    await ask(send(1));
    const before = gate.log.length;
    for (const read of [1, 2, 3]) expect(code(await ask({ type: "mark", by: ada, read }))).toBe("ok");
    await ask({ type: "invite", by: ada, userId: bob });
    await ask({ type: "join", by: bob });
    expect(gate.log.slice(before).filter((record) => "mark" in record)).toMatchObject([
      { mark: { userId: bob, read: 5, readCount: 1 } },
    ]);
    await ask(send(2));
    expect(await ask({ type: "mark", by: bob, read: 6 })).toMatchObject({ unread: 0 });
    expect(await ask({ type: "mark", by: bob, read: 5 })).toMatchObject({ unread: 0 });
    world.pass(MARKS_EVERY_MS);
    const marks = gate.log.filter((record) => "mark" in record);
    expect(marks).toMatchObject([{}, { mark: { userId: bob, read: 6, delivered: 6, readCount: 2 } }]);
    await passivate();
    expect(world.facts.members.get(`${room}.${bob}`)).toMatchObject({ readSeq: 6, readCount: 2 });
  });
});

describe("rule P5: crashes", () => {
  /** A command that breaks the actor: its author is none. */
  const poison = (): ChannelCommand => ({ type: "send", by: ada, attempt: 1, message: undefined as never });

  it("rebuild the actor once what it decided is in Postgres; who was served hears unavailable", async () => {
    await ask(create());
    await ask(send(1));
    const answers = [ask(send(2)), ask(poison()), ask(send(3))];
    expect(code(await answers[1]!)).toBe("unavailable");
    expect(world.published.at(-1)!.events.map(({ seq }) => seq)).toEqual([4]);
    await turns();
    expect(world.trace).not.toContain("publish 5");
    flush();
    expect((await Promise.all(answers)).map(code)).toEqual(["ok", "unavailable", "ok"]);
    expect(world.crashes).toEqual(["channel"]);
    expect(await ask(send(2))).toMatchObject({ duplicate: true, message: { seq: 4 } });
    expect(gate.log.map((record) => "event" in record && record.event.seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it("close a channel that throws too often, alone, until it has been left in peace", async () => {
    await ask(create());
    await ask(create(), channel(2));
    for (let n = 0; n <= CRASHES_MAX; n++) {
      flush();
      await ask(poison());
    }
    flush();
    await turns();
    expect(world.alarms.map(({ isClosed }) => isClosed)).toEqual([false, false, false, true]);
    expect(code(await ask(send(1)))).toBe("unavailable");
    expect(code(await ask(send(1), channel(2)))).toBe("ok");
    world.pass(CRASH_WINDOW_MS);
    expect(code(await ask(send(1)))).toBe("ok");
  });

  it("lose nothing that only the log had before this reign", async () => {
    await ask(create());
    await ask(send(1));
    const { log } = gate;
    gate = new HandGate(2);
    actors = await open(log);
    expect(code(await ask(poison()))).toBe("unavailable");
    expect(await ask(send(2))).toMatchObject({ ok: true, message: { seq: 4, ordinal: 2 } });
    expect(await ask(send(1))).toMatchObject({ ok: true, duplicate: true, message: { seq: 3 } });
  });

  it("in replay cost the channel, not the shard", async () => {
    await ask(create());
    await ask(create(), channel(2));
    await ask(send(1));
    const withHole = gate.log.filter(
      (record) => !("event" in record && record.channelId === room && record.event.seq === 2),
    );
    gate = new HandGate(2);
    actors = await open(withHole);
    expect(code(await ask(send(2)))).toBe("unavailable");
    expect(code(await ask(send(2), channel(2)))).toBe("ok");
    expect(world.crashes.length).toBeGreaterThan(0);
  });
});

describe("the end", () => {
  it("answers everyone: in the mailbox, set aside, at the gate, and waiting for the flush; nothing is entered any more", async () => {
    await ask(create());
    await passivate();
    await ask(send(1));
    world.facts.hold();
    gate.isOpen = false;
    const waiting = [
      ask({ ...send(2), durability: "persisted" } as ChannelCommand),
      ask(send(3)),
      ask(send(1, bob)),
      ask(create(), channel(2)),
    ];
    await turns();
    waiting.push(ask(send(4)));
    const entered = gate.log.length;
    actors.end();
    expect((await Promise.all(waiting)).map(code)).toEqual(Array(5).fill("unavailable"));
    world.facts.letGo();
    await turns();
    gate.confirm();
    expect(gate.log).toHaveLength(entered);
    expect(code(await ask(send(5)))).toBe("unavailable");
    expect(world.timersRunning).toBe(0);
    actors.end();
  });

  it("when planned, takes nothing in, decides what it has, and sends on what waits for facts", async () => {
    await ask(create());
    await passivate();
    await ask(send(1));
    world.facts.hold();
    const undecided = [ask(send(1, bob)), ask(create(), channel(2))];
    await turns();
    const decided = Array.from({ length: 600 }, (_, n) => ask(send(n + 2)));
    const read = ask({ type: "mark", by: ada, read: 1 });
    const closed = actors.close();
    expect(code(await ask(send(1_000)))).toBe("moved");
    await closed;
    expect((await Promise.all(undecided)).map(code)).toEqual(["moved", "moved"]);
    expect((await Promise.all(decided)).every((answer) => answer.ok)).toBe(true);
    expect(code(await read)).toBe("ok");
    expect(gate.log.filter((record) => "event" in record)).toHaveLength(2 + 601);
    actors.end();
  });
});

describe("load", () => {
  it("weighs events with the people who hear them", async () => {
    await ask(create());
    await ask({ type: "open", by: ada });
    expect(actors.takeLoad()).toBe(2 + 2);
    expect(actors.takeLoad()).toBe(0);
  });
});

describe("session actors", () => {
  const attach = (node: string, ...ids: string[]) =>
    new Promise((resolve) =>
      actors.askUser(
        ada,
        {
          type: "attach",
          node,
          connections: ids.map((connectionId) => ({ connectionId: connectionId as never, sinceMs: 1 })),
        },
        resolve,
      ),
    );
  const connections = () => new Promise((resolve) => actors.askUser(ada, { type: "connections" }, resolve));

  it("hold a user's connections over all gateways; a gateway replaces what it said", async () => {
    await attach("a", "1", "2");
    await attach("b", "3");
    await attach("a", "2");
    expect(await connections()).toEqual({
      ok: true,
      connections: [
        { connectionId: "3", sinceMs: 1, node: "b" },
        { connectionId: "2", sinceMs: 1, node: "a" },
      ].sort((a, b) => (a.node < b.node ? -1 : 1)),
    });
    await attach("b");
    expect(await connections()).toMatchObject({ connections: [{ connectionId: "2" }] });
  });

  it("forget a gateway that no longer repeats itself, and go when nobody is left", async () => {
    await attach("a", "1");
    world.pass(60_000);
    expect(actors.census().sessions).toBe(1);
    world.pass(60_000);
    expect(actors.census().sessions).toBe(0);
    expect(await connections()).toEqual({ ok: true, connections: [] });
  });
});
