import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { atLeast, type ChannelKind, type Role } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import { foldMessages } from "../../protocol/fold.ts";
import { type MessageId, messageId, parseMessageId, type UserId } from "../../protocol/ids.ts";
import { type Message, PINS_MAX, RECENT_MAX } from "../../protocol/message.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { ChannelCommand } from "../commands.ts";
import { client, HandGate, said, user } from "../doubles.ts";
import { create, OneShard, room, turns } from "../one-shard.ts";
import { Played } from "../playing.ts";
import { isEvent } from "../ports.ts";
import { IDLE_MS } from "../shard.ts";
import { WINDOW_AGE_MAX_MS } from "../tail.ts";
import { apply, replay } from "./apply.ts";
import { asSeenBy, knownMessage, type MessageFacts } from "./messages.ts";
import { type ChannelState, restore } from "./state.ts";

const [owner, moderator, ada, bob, guest, outsider] = [1, 2, 3, 4, 5, 6].map(user) as [UserId, ...UserId[]];
const ROLES_HERE: [UserId, Role][] = [
  [moderator!, "moderator"],
  [ada!, "member"],
  [bob!, "member"],
  [guest!, "guest"],
];
/** Some seconds where the machine is busy. */
const TIMEOUT_MS = 60_000;
const anyone = fc.constantFrom(owner, moderator!, ada!, ada!, bob!, bob!, guest!, outsider!);
/** Around the messages that are there from the start: some name another event, or nothing yet. */
const place = fc.integer({ min: 3, max: 20 });
const BEFORE = 6;
const emoji = fc.constantFrom("👍", "🎉", ":party:");

const command: fc.Arbitrary<ChannelCommand> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(anyone, fc.integer({ min: 1, max: 60 }), fc.constantFrom("one", "two"))
      .map(
        ([by, n, text]) => ({ type: "send", by, message: said(client(100 + n), text), attempt: 1 }) as const,
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyone, place, fc.constantFrom("one", "two", "three"))
      .map(([by, seq, content]) => ({ type: "edit", by, seq, content, html: content }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(anyone, fc.array(place, { minLength: 1, maxLength: 4 }))
      .map(([by, seqs]) => ({ type: "delete", by, seqs }) as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyone, place, fc.boolean())
      .map(([by, seq, pinned]) => ({ type: "pin", by, seq, pinned }) as const),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(anyone, place, emoji, fc.constantFrom(true, true, false))
      .map(([by, seq, sign, on]) => ({ type: "react", by, seq, emoji: sign, on }) as const),
  },
);

/**
 * `flush`: Postgres has all. `forget`: out of memory and back. `window`: what is flushed has left the resume window. `evict`: of
 * what is settled, nothing is kept. `replay`: another owner, from Postgres and the log.
 */
type Turn = "flush" | "forget" | "window" | "evict" | "replay";
const step = fc.oneof(
  { weight: 12, arbitrary: command },
  { weight: 5, arbitrary: fc.constantFrom<Turn>("flush", "forget", "window", "evict", "replay") },
);
const kind = fc.constantFrom<ChannelKind>("group", "dm", "private");

function run(of: ChannelKind, steps: (ChannelCommand | Turn)[]): Played {
  const played = Played.of(of, owner, { other: ada });
  if (of !== "dm") for (const [userId, role] of ROLES_HERE) played.admit(owner, userId, role);
  for (let n = 0; n < BEFORE; n++) played.say(n % 2 ? ada! : owner);
  for (const each of steps) {
    played.nowMs += 1_000;
    if (each === "flush") played.flush();
    else if (each === "forget") played.forget();
    else if (each === "window") played.outOfWindowSeq = played.state.flushedSeq;
    else if (each === "evict") evict(played.state);
    else if (each === "replay") replayed(played);
    else played.do(each);
  }
  return played;
}

function replayed(played: Played): void {
  const { id, reign, recent } = played.state;
  played.state = restore(id, reign, played.store.rows.get(id), recent);
  replay(played.state, { events: played.log, marks: [] });
}

function evict({ messages, flushedSeq }: ChannelState): void {
  for (const [seq, { touchedSeq }] of messages ?? []) if (touchedSeq <= flushedSeq) messages!.delete(seq);
}

/** Every message as the log alone tells it, seen by `me`. */
function folded(events: readonly ChannelEvent[], me?: UserId): Map<MessageId, Message> {
  const messages = new Map<MessageId, Message>();
  for (const event of events) foldMessages(messages, event, me);
  return messages;
}
const eventsOf = ({ log }: Played) => log.map(({ event }) => event);

/** Who stands behind each emoji of each message, counted anew. */
function recounted(events: readonly ChannelEvent[]): Map<string, Set<UserId>> {
  const people = new Map<string, Set<UserId>>();
  for (const event of events) {
    if (event.type !== "reaction:added" && event.type !== "reaction:removed") continue;
    const key = `${event.messageId} ${event.emoji}`;
    const those = people.get(key) ?? new Set();
    people.set(key, those);
    if (event.type === "reaction:added") those.add(event.by);
    else those.delete(event.by);
  }
  return people;
}

const law = (check: (played: Played) => void) => () =>
  fc.assert(
    fc.property(kind, fc.array(step, { maxLength: 90 }), (of, steps) => check(run(of, steps))),
    { numRuns: 300 },
  );

describe("whatever people do to messages, and however memory comes and goes", { timeout: TIMEOUT_MS }, () => {
  it(
    "each is known as a fold of the whole log tells it, to everyone who sees it (rule A2)",
    law((played) => {
      for (const by of played.state.fold.channel!.kind === "dm" ? [owner, ada!] : [owner, bob!])
        for (const [id, message] of folded(eventsOf(played), by))
          expect(played.do({ type: "message", by, seq: parseMessageId(id).seq }).message).toEqual(message);
    }),
  );

  it(
    "reactions count as many people as a recount does, and name up to three of them (rule J1)",
    law((played) => {
      const people = recounted(eventsOf(played));
      for (const [id, { reactions, deletedAtMs }] of folded(eventsOf(played))) {
        if (deletedAtMs !== undefined) continue;
        const present = [...people].filter(([key, those]) => key.startsWith(`${id} `) && those.size > 0);
        expect(reactions).toHaveLength(present.length);
        for (const { emoji: sign, count, recent } of reactions) {
          const those = people.get(`${id} ${sign}`)!;
          expect(count).toBe(those.size);
          expect(new Set(recent).size).toBe(recent.length);
          expect(recent.length).toBeLessThanOrEqual(RECENT_MAX);
          expect(recent.every((userId) => those.has(userId))).toBe(true);
        }
      }
    }),
  );

  it("reactions name as many of the first three as there are while nothing is forgotten", () =>
    fc.assert(
      fc.property(fc.array(command, { maxLength: 90 }), (steps) => {
        for (const { reactions } of folded(eventsOf(run("group", steps))).values())
          for (const { count, recent } of reactions) expect(recent).toHaveLength(Math.min(count, RECENT_MAX));
      }),
      { numRuns: 200 },
    ));

  it(
    "positions have no gap, every event changes something (rule B1), and a replay says the same",
    law((played) => {
      const { log, state } = played;
      const replayed = restore(state.id, state.reign, undefined, { at: () => undefined });
      const messages = new Map<MessageId, Message>();
      for (const [i, record] of log.entries()) {
        expect(record.event.seq).toBe(i + 1);
        const before = new Map(messages);
        foldMessages(messages, record.event, undefined);
        if (!/^(member|channel):/.test(record.event.type)) expect(messages).not.toEqual(before);
        apply(replayed, record);
      }
      for (const [id, message] of messages) {
        const facts = knownMessage(replayed, parseMessageId(id).seq) as MessageFacts;
        expect(facts.message).toEqual(message);
        expect(asSeenBy(facts, bob!)).toEqual(folded(eventsOf(played), bob).get(id));
      }
    }),
  );

  it(
    "the pins are counted as they stand, and never too many",
    law((played) => {
      const pinned = [...folded(eventsOf(played)).values()].filter((message) => message.pinned);
      if (played.state.pins) expect(played.state.pins).toEqual(new Set(pinned.map(({ seq }) => seq)));
      expect(pinned.length).toBeLessThanOrEqual(PINS_MAX);
    }),
  );

  it(
    "nobody does what they may not",
    law((played) => {
      const roles = new Map<UserId, Role>();
      const messages = new Map<MessageId, Message>();
      const isDm = played.state.fold.channel!.kind === "dm";
      for (const event of eventsOf(played)) {
        const mayAs = (least: Role) => atLeast(roles.get(event.by) ?? "guest", least);
        if ("member" in event) roles.set(event.member.userId, event.member.role);
        else if (event.type === "message:updated")
          expect(mayAs("member") && messages.get(event.messageId)?.authorId === event.by).toBe(true);
        else if (event.type === "message:deleted") {
          for (const id of event.messageIds ?? [event.messageId!])
            expect(messages.get(id)!.authorId === event.by || (!isDm && mayAs("moderator"))).toBe(true);
        } else if (event.type === "message:pinned" || event.type === "message:unpinned")
          expect(mayAs(isDm ? "member" : "moderator")).toBe(true);
        else if ("emoji" in event || event.type === "message:new") expect(mayAs("member")).toBe(true);
        foldMessages(messages, event, undefined);
      }
    }),
  );
});

/** Longer than the resume window, and than anyone idle stays in memory. */
const OLD_MS = WINDOW_AGE_MAX_MS + IDLE_MS;

/** `old`: the resume window passes, and whoever is idle leaves memory. `next`: another owner, from the log. */
type Fate = "flush" | "hold" | "letGo" | "turn" | "old" | "next";
const fate = fc.oneof(
  { weight: 8, arbitrary: command },
  { weight: 7, arbitrary: fc.constantFrom<Fate>("flush", "hold", "letGo", "turn", "turn", "old", "next") },
);

/** A shard on which commands overtake each other while facts are on their way. Answers every event ever logged. */
async function live(steps: (ChannelCommand | Fate)[]): Promise<{ shard: OneShard; events: ChannelEvent[] }> {
  const shard = await OneShard.open();
  const { facts } = shard.world;
  const asked: Promise<Answer>[] = [];
  let log = shard.gate.log;
  const ask = (asks: ChannelCommand) => void asked.push(shard.ask(asks));
  const settled = async () => {
    facts.letGo();
    await turns(4);
  };
  ask(create(owner));
  for (const [userId, role] of ROLES_HERE) {
    ask({ type: "invite", by: owner, userId, role });
    ask({ type: "join", by: userId });
  }
  for (let n = 1; n <= BEFORE; n++)
    ask({ type: "send", by: n % 2 ? ada! : owner, message: said(client(n)), attempt: 1 });
  await settled();
  shard.flush();
  shard.world.pass(OLD_MS);
  for (const each of steps) {
    if (each === "flush") shard.flush();
    else if (each === "hold") facts.hold();
    else if (each === "letGo") facts.letGo();
    else if (each === "turn") await turns(2);
    else if (each === "old") shard.world.pass(OLD_MS);
    else if (each === "next") {
      await settled();
      shard.actors.end();
      log = [...log];
      await shard.takeOver(new HandGate(shard.gate.epoch + 1, true, true), log);
      shard.gate.log.push(...log);
      log = shard.gate.log;
    } else ask(each);
  }
  await settled();
  for (let n = 0; n < 12; n++) await settled();
  await Promise.all(asked);
  return { shard, events: log.filter(isEvent).map(({ event }) => event) };
}

it(
  "two people at once, while facts are fetched, flushed and forgotten: nothing drifts (rule A2, row C8)",
  {
    timeout: TIMEOUT_MS,
  },
  () =>
    fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 60 }), async (steps) => {
        const { shard, events } = await live(steps);
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
        expect(shard.world.alarms).toEqual([]);
        const people = recounted(events);
        for (const [id, message] of folded(events, ada)) {
          const { seq } = parseMessageId(id);
          expect(id).toBe(messageId(room, seq));
          expect(await shard.ask({ type: "message", by: ada!, seq })).toEqual({ ok: true, message });
          for (const { emoji: sign, count } of message.reactions)
            expect(people.get(`${id} ${sign}`)?.size).toBe(count);
        }
      }),
      { numRuns: 150 },
    ),
);
