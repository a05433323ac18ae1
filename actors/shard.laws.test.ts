import fc from "fast-check";
import { expect, it } from "vitest";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { MessageSent } from "../protocol/requests.ts";
import { dmId } from "../src/lib/dm-id.ts";
import type { ChannelCommand } from "./commands.ts";
import { client, HandGate, HandWorld, said, user } from "./doubles.ts";
import { poison } from "./one-shard.ts";
import type { LogRecord, ShardActors } from "./ports.ts";
import { IDLE_MS, MARKS_EVERY_MS } from "./shard.ts";
import { createStartActors } from "./shard-actors.ts";

const people = [user(1), user(2)] as const;
const room = dmId<ChannelId>(people[0], people[1]);

type Step =
  | { do: "ask"; command: ChannelCommand }
  | { do: "skew"; ms: number }
  | { do: "confirm" | "flush" | "hold" | "letGo" | "away" | "back" | "second" | "idle" }
  | { do: "crash" | "takeOver" | "kill" | "turn" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        by: fc.constantFrom(...people),
        n: fc.integer({ min: 1, max: 15 }),
        attempt: fc.constantFrom(1, 1, 2, 99),
        durability: fc.constantFrom("logged" as const, "persisted" as const),
      })
      .map(
        ({ by, n, ...rest }): Step => ({
          do: "ask",
          command: { type: "send", by, message: said(client(n)), pair: [...people], ...rest },
        }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record(
        { by: fc.constantFrom(...people), read: fc.nat(20), delivered: fc.nat(20) },
        { requiredKeys: ["by"] },
      )
      .map((mark): Step => ({ do: "ask", command: { type: "mark", ...mark } })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: -2_000_000, max: 2_000_000 }).map((ms): Step => ({ do: "skew", ms })),
  },
  {
    weight: 8,
    arbitrary: fc.constantFrom<Step>(
      { do: "confirm" },
      { do: "confirm" },
      { do: "flush" },
      { do: "flush" },
      { do: "hold" },
      { do: "letGo" },
      { do: "away" },
      { do: "back" },
      { do: "second" },
      { do: "idle" },
      { do: "crash" },
      { do: "takeOver" },
      { do: "kill" },
      { do: "turn" },
      { do: "turn" },
    ),
  },
);

/** One shard through gate, flush, passivation, hand-over and crash, in any order; the log of each reign goes on from what was confirmed. */
class Life {
  world = new HandWorld();
  gate = new HandGate(1, false);
  actors!: ShardActors;
  log: LogRecord[] = [];
  acked: MessageSent[] = [];
  /** Said to be persisted when it was not. */
  brokenPromises: MessageSent[] = [];
  asked = 0;
  answered = 0;
  /** Read marks that were answered, by person: the greatest. */
  marked = new Map<UserId, number>();
  #flushed = 0;

  async start(): Promise<void> {
    this.actors = (await createStartActors(this.world)(this.gate, this.log)).actors;
  }

  async turns(): Promise<void> {
    for (let n = 0; n < 6; n++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  confirm(): void {
    this.gate.confirm();
  }

  flush(): void {
    if (this.world.facts.isAway) return;
    const replayed = this.log.slice(this.#flushed);
    this.#flushed = this.log.length;
    this.world.facts.project(replayed);
    this.actors.flushed(replayed);
    this.gate.flush((records) => {
      this.world.facts.project(records);
      this.actors.flushed(records);
    });
  }

  /** The next reign begins with what this one got into its log; a killed one loses what was not confirmed. */
  async next(isKilled: boolean): Promise<void> {
    if (isKilled) this.actors.end();
    else {
      this.world.facts.letGo();
      await this.actors.close();
      this.gate.confirm();
      this.actors.end();
    }
    this.log.push(...this.gate.confirmed());
    this.world.facts.isAway = false;
    this.world.facts.letGo();
    await this.turns();
    this.gate = new HandGate(this.gate.epoch + 1, false, this.#flushed < this.log.length);
    await this.start();
  }

  ask(command: ChannelCommand): void {
    this.asked++;
    const { actors } = this;
    actors.askChannel(room, command, (answer: Answer) => {
      this.answered++;
      if (!answer.ok) return;
      if (command.type === "mark") {
        const read = Math.min(command.read ?? 0, actors.channel(room)!.seq);
        this.marked.set(command.by, Math.max(read, this.marked.get(command.by) ?? 0));
      }
      if (command.type !== "send") return;
      const sent = answer as never as MessageSent;
      this.acked.push(sent);
      const isPersisted = this.world.facts.sends.has(`${room}.${command.by}.${command.message.clientId}`);
      if (sent.durability === "persisted" && !isPersisted) this.brokenPromises.push(sent);
    });
  }
}

async function live(steps: Step[]): Promise<Life> {
  const life = new Life();
  await life.start();
  for (const each of steps) {
    if (each.do === "ask") life.ask(each.command);
    else if (each.do === "confirm") life.confirm();
    else if (each.do === "flush") life.flush();
    else if (each.do === "hold") life.world.facts.hold();
    else if (each.do === "letGo") life.world.facts.letGo();
    else if (each.do === "away") life.world.facts.isAway = true;
    else if (each.do === "back") life.world.facts.isAway = false;
    else if (each.do === "second") life.world.pass(MARKS_EVERY_MS);
    else if (each.do === "idle") life.world.pass(2 * IDLE_MS);
    else if (each.do === "skew") life.world.skewMs = each.ms;
    else if (each.do === "crash") life.ask(poison(people[0]));
    else if (each.do === "turn") await life.turns();
    else await life.next(each.do === "kill");
  }
  life.world.facts.isAway = false;
  life.world.facts.letGo();
  for (let n = 0; n < 4; n++) {
    await life.turns();
    life.confirm();
    life.flush();
  }
  await life.next(false);
  life.gate.isOpen = true;
  life.gate.confirm();
  life.flush();
  life.world.pass(2 * IDLE_MS);
  return life;
}

/** A second of marks may be lost with its owner; a crashed actor's and a planned end's are not. */
const mayLoseMarks = (steps: Step[]) => steps.some((each) => each.do === "kill");

it("keeps every acknowledged message once, in order, through any life of a shard (rule S1, rule G1, rule A1, rule E5)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const life = await live(steps);
      const { log, acked, brokenPromises, world } = life;
      const events = log.flatMap((record) => ("event" in record ? [record.event] : []));
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
      const sends = events.flatMap((event) => (event.type === "message:new" ? [event.message] : []));
      expect(new Set(sends.map(({ authorId, clientId }) => `${authorId} ${clientId}`)).size).toBe(
        sends.length,
      );
      for (const { message } of acked) expect(sends.find(({ seq }) => seq === message.seq)).toEqual(message);
      for (const [i, { atMs }] of events.entries())
        expect(atMs).toBeGreaterThanOrEqual(events[i - 1]?.atMs ?? 0);
      for (const { error } of world.alarms) expect(error).toBeInstanceOf(TypeError);
      const published = world.published.flatMap((each) => each.events);
      for (const event of published) expect(events[event.seq - 1]).toEqual(event);
      expect(brokenPromises).toEqual([]);
      expect(life.answered).toBe(life.asked);
      expect(life.actors.census()).toEqual({ channels: 0, sessions: 0, mailboxDepth: 0 });
      for (const [userId, read] of mayLoseMarks(steps) ? [] : life.marked)
        expect(world.facts.members.get(`${room}.${userId}`)?.readSeq).toBeGreaterThanOrEqual(read);
    }),
    { numRuns: 150 },
  );
}, 60_000);
