import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer } from "../../protocol/refusals.ts";
import type { BusMessage } from "./bus.ts";
import { channelIn, command, SHARDS } from "./harness.ts";
import type { HeadsDesk } from "./heads-desk.ts";
import type { Intake } from "./intake.ts";
import { PlacementTable } from "./placement-table.ts";
import { ClusterRouter } from "./router.ts";

/** A router whose shard 0 lives on node `b`; `sent` is what left, as `<to> <by> @<table>`. */
function router() {
  const table = new PlacementTable(SHARDS);
  const owners = (version: number, node: string) =>
    table.take({ version: String(version), 0: `${version} ${node} -` });
  const sent: { to: string; id: number; text: string }[] = [];
  const state = { reads: 0 };
  const send = (to: string, message: BusMessage) => {
    if (message.type === "channel")
      sent.push({
        to,
        id: message.id,
        text: `${to} ${(message.command as { by: string }).by} @${message.table}`,
      });
    return true;
  };
  const made = new ClusterRouter({
    incarnation: "a",
    table,
    intake: { take: () => {} } as unknown as Intake,
    heads: {} as HeadsDesk,
    send,
    readTable: () => void state.reads++,
    logger: pino({ level: "silent" }),
  });
  const answers: Record<string, string> = {};
  const ask = (by: string) => {
    void made.askChannel(channelIn(0), command(by)).then((answer: Answer) => {
      answers[by] = answer.ok ? "ok" : answer.error.code;
    });
  };
  const unheard = (...nth: number[]) => {
    const ids = nth.map((n) => sent[n]!);
    const messages = ids.map(({ id }) => ({ type: "channel", id }) as BusMessage);
    made.unheard(ids[0]!.to, messages);
  };
  return {
    table,
    owners,
    made,
    sent,
    state,
    ask,
    answers,
    unheard,
    texts: () => sent.map(({ text }) => text),
  };
}

const OK: Answer = { ok: true };

describe("rule B1: what the router repeats", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
  afterEach(() => vi.useRealTimers());

  it("waits while the shard has no owner, then sends in order with the table's version", () => {
    const { ask, owners, texts } = router();
    ask("one");
    ask("two");
    expect(texts()).toEqual([]);
    owners(3, "b");
    expect(texts()).toEqual(["b one @3", "b two @3"]);
  });

  it("sends again what was `moved`, to the new owner, in the old order, before what came later", async () => {
    const { ask, owners, made, sent, state, texts, answers } = router();
    owners(1, "b");
    for (const by of ["one", "two", "three"]) ask(by);
    made.answered(sent[1]!.id, OK);
    made.moved(sent[2]!.id, 2);
    ask("four");
    expect(state.reads).toBeGreaterThan(0);
    owners(2, "c");
    expect(texts().slice(3)).toEqual([]); // "one" may still be on its way at b
    made.moved(sent[0]!.id, 2);
    expect(texts().slice(3)).toEqual(["c one @2", "c three @2", "c four @2"]);
    for (const { id } of sent.slice(3)) made.answered(id, OK);
    await vi.waitFor(() => expect(answers).toEqual({ one: "ok", two: "ok", three: "ok", four: "ok" }));
  });

  it("sends again what nobody heard, after a while or when the table changes", () => {
    const { ask, owners, unheard, state, texts } = router();
    owners(1, "b");
    ask("one");
    ask("two");
    unheard(0, 1);
    ask("three");
    expect(texts().length).toBe(2);
    expect(state.reads).toBe(1);
    vi.advanceTimersByTime(200);
    expect(texts().slice(2)).toEqual(["b one @1", "b two @1", "b three @1"]);
    unheard(2, 3, 4);
    owners(2, "c");
    expect(texts().slice(5)).toEqual(["c one @2", "c two @2", "c three @2"]);
  });

  it("never repeats after silence: `unavailable` after 4 s, and a late answer changes nothing", async () => {
    const { ask, owners, made, sent, texts, answers } = router();
    owners(1, "b");
    ask("one");
    owners(2, "c");
    vi.advanceTimersByTime(3_900);
    expect(answers).toEqual({});
    vi.advanceTimersByTime(200);
    await vi.waitFor(() => expect(answers).toEqual({ one: "unavailable" }));
    made.answered(sent[0]!.id, OK);
    made.moved(sent[0]!.id, 3);
    expect(texts()).toEqual(["b one @1"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks an owner again that says `moved` although the table names it, but not in a loop", () => {
    const { ask, owners, made, sent, texts } = router();
    owners(1, "b");
    ask("one");
    made.moved(sent[0]!.id, 1);
    expect(texts().length).toBe(1);
    vi.advanceTimersByTime(150);
    expect(texts().length).toBe(2);
  });

  it("holds 1,000 waiting requests of a shard and refuses more as `overloaded`", async () => {
    const { ask, answers, owners, texts } = router();
    for (let i = 0; i < 1_001; i++) ask(`m${i}`);
    await vi.waitFor(() => expect(answers).toEqual({ m1000: "overloaded" }));
    owners(1, "b");
    expect(texts().length).toBe(1_000);
  });
});
