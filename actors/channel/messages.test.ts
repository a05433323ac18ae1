import { beforeEach, describe, expect, it } from "vitest";
import { type MessageId, messageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { HandGate, HandWorld, user } from "../doubles.ts";
import type { HandStore } from "../hand-store.ts";
import { ada, bob, create, OneShard, room, send, turns } from "../one-shard.ts";
import { Played, type Said } from "../playing.ts";
import { isEvent } from "../ports.ts";
import { settle } from "./apply.ts";
import type { FactKey } from "./facts.ts";
import { Lanes } from "./lanes.ts";
import {
  asSeenBy,
  knownMessage,
  learnMessage,
  learnReactions,
  MESSAGES_MAX,
  type MessageFacts,
  REACTORS_MAX,
  reactionsOf,
} from "./messages.ts";

const seqOf = (answer: Said) => (answer.message as { seq: number }).seq;
const react = (by: UserId, seq: number, on = true) => ({ type: "react", by, seq, emoji: "👍", on }) as const;

let played: Played;
/** One message, which the tests are about. */
let seq: number;
let id: MessageId;

beforeEach(() => {
  played = Played.of("group", ada);
  played.admit(ada, bob);
  seq = seqOf(played.say(ada, "first"));
  id = messageId(played.state.id, seq);
});

const known = () => knownMessage(played.state, seq) as MessageFacts | undefined;
/** As Postgres answers now. */
const asOf = () => ({ message: played.store.messages.get(id)!, asOfSeq: played.state.flushedSeq });
const edit = (content: string) => played.do({ type: "edit", by: ada, seq, content, html: content });
/** All that Postgres has is gone from memory. */
function forgetAll(): void {
  played.flush();
  played.outOfWindowSeq = played.state.fold.seq;
  played.state.messages = undefined;
}

describe("a message that commands may name", () => {
  it("is put together from the events in memory, and marked for who sees it", () => {
    played.state.messages = undefined;
    expect(known()).toMatchObject({ message: { content: "first" }, complete: true });
    played.do(react(bob, seq));
    edit("second");
    played.state.messages = undefined;
    const facts = known()!;
    expect(facts.message).toMatchObject({ content: "second", reactions: [{ count: 1, recent: [bob] }] });
    expect(asSeenBy(facts, bob).reactions).toMatchObject([{ me: true }]);
    expect(asSeenBy(facts, ada).reactions[0]).not.toHaveProperty("me");
    expect(facts.message.reactions[0]).not.toHaveProperty("me");
  });

  it("is the same whether it is kept, put together again, or fetched", () => {
    played.do(react(bob, seq));
    played.do({ type: "pin", by: ada, seq, pinned: true });
    edit("second");
    const kept = known()!.message;
    played.state.messages = undefined;
    expect(known()!.message).toEqual(kept);
    forgetAll();
    expect(known()).toBeUndefined();
    expect(played.do({ type: "message", by: user(3), seq }).error?.code).toBe("not_found");
    expect(played.do({ type: "message", by: ada, seq }).message).toEqual(kept);
  });

  it("is missing where something else stands, or nothing; where memory ends, it must be fetched", () => {
    expect(knownMessage(played.state, 1)).toBe("missing");
    expect(knownMessage(played.state, played.state.fold.seq + 1)).toBe("missing");
    forgetAll();
    expect(knownMessage(played.state, 1)).toBeUndefined();
    learnMessage(played.state, 1, undefined);
    expect(knownMessage(played.state, 1)).toBe("missing");
  });
});

describe("rule A2: a message that was fetched", () => {
  it("is brought past what happened since it was read, flushed or not", () => {
    played.flush();
    const found = asOf();
    edit("second");
    played.do(react(bob, seq));
    played.state.messages = undefined;
    played.outOfWindowSeq = seq;
    expect(known()).toBeUndefined();
    expect(learnMessage(played.state, seq, found)).toBe(true);
    expect(known()).toMatchObject({
      message: { content: "second", reactions: [{ count: 1 }] },
      complete: true,
    });
    expect(reactionsOf(known()!, bob)).toEqual(new Set(["👍"]));
    played.state.messages = undefined;
    played.flush();
    expect(learnMessage(played.state, seq, found)).toBe(true);
    expect(known()!.message).toEqual(asOf().message);
  });

  it("is fetched again where what happened since is not in memory any more", () => {
    played.flush();
    const found = asOf();
    edit("second");
    played.do(react(bob, seq));
    forgetAll();
    expect(learnMessage(played.state, seq, found)).toBe(false);
    expect(known()).toBeUndefined();
    learnMessage(played.state, seq, asOf());
    const mine = { emojis: [], asOfSeq: found.asOfSeq };
    expect(learnReactions(played.state, seq, bob, mine)).toBe(false);
    expect(reactionsOf(known()!, bob)).toBeUndefined();
    expect(learnReactions(played.state, seq, bob, { emojis: ["👍"], asOfSeq: played.state.fold.seq })).toBe(
      true,
    );
    expect(reactionsOf(known()!, bob)).toEqual(new Set(["👍"]));
  });

  it("does not take back what is known already", () => {
    played.flush();
    const found = asOf();
    played.do(react(bob, seq));
    expect(learnMessage(played.state, seq, found)).toBe(true);
    expect(learnReactions(played.state, seq, bob, { emojis: [], asOfSeq: 0 })).toBe(true);
    expect(reactionsOf(known()!, bob)).toEqual(new Set(["👍"]));
  });

  it("needs nothing more of it once it is deleted: what was put on it is gone with it", () => {
    played.do(react(bob, seq));
    forgetAll();
    played.do({ type: "delete", by: ada, seqs: [seq] });
    expect(known()).toMatchObject({ complete: true, message: { reactions: [] } });
    expect(reactionsOf(known()!, bob)).toEqual(new Set());
  });

  it("has reactions of one person before it is there itself: they are asked for again", () => {
    played.do(react(bob, seq));
    forgetAll();
    expect(learnReactions(played.state, seq, bob, { emojis: ["👍"], asOfSeq: seq + 1 })).toBe(false);
  });
});

describe("rule A2: the lanes", () => {
  /** Commands that each need these facts, with a store in the test's hands. */
  function waiting(store: HandStore, needs: () => FactKey[]) {
    const decided: (MessageFacts | "missing" | undefined)[] = [];
    const soon: (() => void)[] = [];
    const lanes = new Lanes<string>({
      state: played.state,
      facts: store,
      router: new HandWorld().router,
      clock: { nowMs: () => 0 },
      soon: (run) => soon.push(run),
      judge: () => {
        const need = needs();
        if (need.length === 0) decided.push(known());
        return need.length > 0 ? need : undefined;
      },
      giveUp: () => decided.push(undefined),
    });
    const turn = async () => {
      await turns(1);
      for (const run of soon.splice(0)) run();
    };
    return { lanes, decided, turn };
  }

  it("fetch a message again that was flushed and forgotten while its fetch was on its way", async () => {
    forgetAll();
    const { store } = played;
    const needs = (): FactKey[] => (known() ? [] : [{ fact: "message", seq }]);
    const { lanes, decided, turn } = waiting(store, needs);
    store.trace.length = 0;
    store.hold();
    lanes.wait(bob, "a command", needs());
    await turns(1);
    edit("second");
    forgetAll();
    store.letGo();
    await turn();
    expect(decided).toEqual([]);
    await turn();
    expect(store.trace).toEqual([`message ${seq}`, `message ${seq}`]);
    expect(decided).toMatchObject([{ message: { content: "second" } }]);
  });

  it("keep what a command has looked up until it is decided, however many facts it waits for", async () => {
    forgetAll();
    const seqs = [1, 2, seq];
    const needs = () =>
      seqs.flatMap((each): FactKey[] =>
        knownMessage(played.state, each) ? [] : [{ fact: "message", seq: each }],
      );
    const { lanes, decided, turn } = waiting(played.store, needs);
    played.store.trace.length = 0;
    lanes.wait(bob, "one", needs());
    lanes.wait(ada, "another", needs());
    await turn();
    expect(decided).toHaveLength(2);
    expect(played.store.trace).toEqual(seqs.map((each) => `message ${each}`));
    expect(played.state.facts.lookups).toBeUndefined();
    expect(lanes.isQuiet()).toBe(true);
  });

  it("keep it as well when it comes to need more, and forget what came for nobody", async () => {
    forgetAll();
    const needs = () => {
      const next = [1, 2, seq].find((each) => !knownMessage(played.state, each));
      return next === undefined ? [] : [{ fact: "message" as const, seq: next }];
    };
    const { lanes, decided, turn } = waiting(played.store, needs);
    lanes.wait(bob, "one", needs());
    for (let n = 0; n < 3; n++) await turn();
    expect(decided).toMatchObject([{ message: { content: "first" } }]);
    expect(played.state.facts.lookups).toBeUndefined();
    lanes.wait(bob, "two", [{ fact: "message", seq: 1 }]);
    expect(lanes.takeAll()).toEqual(["two"]);
    await turn();
    expect(played.state.facts.lookups).toBeUndefined();
    expect(lanes.isQuiet()).toBe(true);
  });
});

describe("rule A2: the messages in memory", () => {
  const learn = (each: number) => {
    const message = { ...known()!.message, id: messageId(played.state.id, each), seq: each } as Message;
    learnMessage(played.state, each, { message, asOfSeq: played.state.fold.seq });
  };

  it("are bounded, and the longest untouched goes first", () => {
    played.do(react(bob, seq));
    played.flush();
    for (let n = 1; n < MESSAGES_MAX; n++) learn(10_000 + n);
    played.do(react(ada, seq));
    played.flush();
    learn(20_000);
    expect(played.state.messages!.size).toBe(MESSAGES_MAX);
    expect(played.state.messages!.has(10_001)).toBe(false);
    expect(played.state.messages!.has(seq)).toBe(true);
  });

  it("stay while Postgres lacks something of them, and go when it has that", () => {
    played.do(react(bob, seq));
    for (let n = 1; n <= 2 * MESSAGES_MAX; n++) learn(10_000 + n);
    expect(played.state.messages!.has(seq)).toBe(true);
    settle(played.state, played.state.fold.seq);
    expect(played.state.messages!.size).toBe(MESSAGES_MAX);
    expect(played.state.messages!.has(seq)).toBe(false);
  });

  it("know what so many people put on each, and fetch it of the others; no count suffers", () => {
    const people = Array.from({ length: REACTORS_MAX + 2 }, (_, n) => user(1_000 + n));
    for (const userId of people) {
      played.admit(ada, userId);
      played.do(react(userId, seq));
    }
    expect(known()).toMatchObject({ complete: false, reactors: { size: REACTORS_MAX } });
    expect(reactionsOf(known()!, people[1]!)).toBeUndefined();
    played.flush();
    expect(played.do(react(people[1]!, seq))).toMatchObject({ ok: true, count: people.length });
    expect(played.do(react(people[0]!, seq, false)).count).toBe(people.length - 1);
  });
});

describe("rule A2: a new owner", () => {
  const editOf = (content: string) => ({ type: "edit", by: ada, seq: 3, content, html: content }) as const;

  it("lays what it found unflushed over an old message", async () => {
    const shard = await OneShard.open();
    for (const command of [create(), send(1)]) await shard.ask(command);
    shard.flush();
    await shard.ask(editOf("second"));
    await shard.ask(react(ada, 3));
    shard.actors.end();
    const events = shard.gate.log.filter(isEvent);
    await shard.takeOver(new HandGate(2, true, true), events.slice(-2));
    expect(shard.world.facts.messages.get(messageId(room, 3))).toMatchObject({ content: "hello" });
    const seen = await shard.ask({ type: "message", by: ada, seq: 3 });
    expect(seen).toMatchObject({ message: { content: "second", reactions: [{ count: 1, me: true }] } });
    expect(await shard.ask(react(ada, 3, false))).toMatchObject({ ok: true, count: 0 });
  });

  it("answers `unavailable` while Postgres is away, for messages that memory does not hold (rule A3)", async () => {
    const shard = await OneShard.open();
    for (const command of [create(), send(1)]) await shard.ask(command);
    shard.world.facts.isAway = true;
    expect(await shard.ask(editOf("in memory"))).toMatchObject({ ok: true });
    shard.world.facts.isAway = false;
    shard.passivate();
    shard.world.pass(1e7);
    await shard.ask({ type: "open", by: ada });
    shard.world.facts.isAway = true;
    expect(await shard.ask(editOf("fetched"))).toMatchObject({ error: { code: "unavailable" } });
    shard.world.facts.isAway = false;
    expect(await shard.ask(editOf("fetched"))).toMatchObject({ message: { content: "fetched" } });
  });
});
