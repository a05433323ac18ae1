import { beforeEach, describe, expect, it } from "vitest";
import type { Member } from "../../protocol/channel.ts";
import type { UserId } from "../../protocol/ids.ts";
import { client, HandWorld, said, user } from "../doubles.ts";
import { HandStore } from "../hand-store.ts";
import { Played, SPACE } from "../playing.ts";
import { apply, settle } from "./apply.ts";
import { type FactKey, spaceMember } from "./facts.ts";
import { Lanes } from "./lanes.ts";
import { applyMark } from "./marks.ts";
import { evictMembers, knownMember, learnMember, MEMBERS_MAX } from "./members.ts";
import { type ChannelState, restore } from "./state.ts";

const ada = user(1);
const bob = user(2);

let store: HandStore;
let state: ChannelState;
let lanes: Lanes<string>;
let judged: string[];
let soon: (() => void)[];
let need: (ask: string) => FactKey[] | undefined;

/** A channel that Postgres has whole, with ada and bob in it, in the hands of a new owner. */
beforeEach(async () => {
  const played = Played.of("group", ada);
  played.admit(ada, bob);
  played.do({ type: "send", by: bob, message: said(client(1)), attempt: 1 });
  store = new HandStore();
  store.project(played.log);
  state = restore(played.state.id, 2, await store.channel(played.state.id), { at: () => undefined });
  store.trace.length = 0;
  judged = [];
  soon = [];
  need = () => undefined;
  lanes = new Lanes({
    state,
    facts: store,
    router: new HandWorld().router,
    clock: { nowMs: () => 0 },
    soon: (run) => soon.push(run),
    judge: (ask) => {
      const more = need(ask);
      if (!more) judged.push(ask);
      return more;
    },
    giveUp: (ask) => judged.push(`${ask} given up`),
  });
});

const turn = async () => {
  await new Promise<void>((resolve) => setImmediate(resolve));
  for (const run of soon.splice(0)) run();
};
const member = (userId: UserId): FactKey => ({ fact: "member", userId });

/** Decided for `bob` by another author's hand, and applied here. */
function happens(bobNow: Partial<Member>): void {
  const event = {
    type: "member:updated" as const,
    seq: state.fold.seq + 1,
    atMs: 5,
    by: ada,
    memberCount: 2,
    member: { userId: bob, role: "member" as const, status: "active" as const, joinedAtMs: 0, ...bobNow },
  };
  apply(state, { channelId: state.id, epoch: 2, event });
}

describe("rule A2: a fetch during which its fact changes", () => {
  it("does not take back what happened meanwhile, though Postgres has it when the fetch arrives", async () => {
    store.hold();
    lanes.wait(bob, "one", [member(bob)]);
    await turn();
    happens({ role: "moderator" });
    settle(state, state.fold.seq);
    store.letGo();
    await turn();
    expect(judged).toEqual(["one"]);
    expect(knownMember(state.members, bob)).toMatchObject({
      member: { role: "moderator" },
      lastClientId: client(1),
    });
  });

  it("does not evict what is being fetched, since the row on its way may be older", async () => {
    store.hold();
    lanes.wait(bob, "one", [member(bob)]);
    await turn();
    happens({ role: "moderator" });
    settle(state, state.fold.seq);
    for (let n = 0; n < MEMBERS_MAX; n++) learnMember(state.members, user(100 + n), undefined);
    evictMembers(state, (userId) => lanes.isFetching(userId));
    store.letGo();
    await turn();
    expect(knownMember(state.members, bob)?.member?.role).toBe("moderator");
    expect(state.members.byUser.size).toBeLessThanOrEqual(MEMBERS_MAX);
  });
});

describe("rule A2: the members in memory", () => {
  it("are bounded beside those of whom Postgres lacks something, and the newest stay", () => {
    for (let n = 0; n < 2 * MEMBERS_MAX; n++) applyMark(state, { userId: user(10_000 + n), delivered: 1 });
    for (let n = 0; n < 2 * MEMBERS_MAX; n++) {
      learnMember(state.members, user(20_000 + n), undefined);
      evictMembers(state, () => false);
      expect(knownMember(state.members, user(20_000 + n))).toBeDefined();
    }
    expect(state.members.byUser.size).toBe(3 * MEMBERS_MAX);
    for (const [, mark] of state.marks!.toLog) expect(state.members.byUser.has(mark.userId)).toBe(true);
  });

  it("are not all looked at whenever one more comes, however many must stay", () => {
    let looks = 0;
    for (let n = 0; n < 5 * MEMBERS_MAX; n++) {
      applyMark(state, { userId: user(10_000 + n), delivered: 1 });
      const facts = state.members.byUser.get(user(10_000 + n))!;
      Object.defineProperty(facts, "touchedSeq", { get: () => ++looks * 0 });
    }
    for (let n = 0; n < 2 * MEMBERS_MAX; n++) {
      learnMember(state.members, user(20_000 + n), undefined);
      evictMembers(state, () => false);
    }
    expect(looks).toBeLessThan(12 * MEMBERS_MAX);
  });
});

describe("lanes", () => {
  it("fetch a fact once for all who wait for it", async () => {
    lanes.wait(ada, "one", [member(bob)]);
    lanes.wait(bob, "two", [member(bob)]);
    await turn();
    expect(store.trace).toEqual([`member ${bob}`]);
    expect(judged).toEqual(["one", "two"]);
  });

  it("keep the order of each author, over several needs", async () => {
    let rounds = 0;
    need = (ask) => (ask === "one" && rounds++ === 0 ? [member(ada)] : undefined);
    lanes.wait(bob, "one", [member(bob)]);
    expect(lanes.queue(bob, "two")).toBe(true);
    expect(lanes.queue(ada, "other")).toBe(false);
    await turn();
    expect(judged).toEqual([]);
    await turn();
    expect(judged).toEqual(["one", "two"]);
    expect(lanes.size).toBe(0);
    expect(lanes.queue(bob, "three")).toBe(false);
  });

  it("give up what needs a fact that cannot be had, and go on with the next", async () => {
    store.isAway = true;
    lanes.wait(bob, "one", [member(bob)]);
    lanes.queue(bob, "two");
    await turn();
    expect(judged).toEqual(["one given up", "two"]);
  });

  it("give up a command that needs more and more", async () => {
    need = () => [{ fact: "ordinal", seq: 1 }];
    lanes.wait(bob, "one", [member(bob)]);
    for (let n = 0; n < 12; n++) await turn();
    expect(judged).toEqual(["one given up"]);
  });

  it("pass on a defect of the store as the actor's own crash", async () => {
    store.member = () => Promise.reject(new TypeError("a defect"));
    lanes.wait(bob, "one", [member(bob)]);
    await expect(turn()).rejects.toThrow("a defect");
    expect(lanes.takeAll()).toEqual(["one"]);
  });

  it("forget a look-up when its command is decided: a later one asks again (rule S1)", async () => {
    const key: FactKey = { fact: "sent", authorId: bob, clientId: client(1) };
    let seen: unknown;
    need = () => {
      seen = [...(state.facts.lookups?.values() ?? [])][0];
      return undefined;
    };
    lanes.wait(bob, "one", [key]);
    await turn();
    expect(seen).toMatchObject({ message: { clientId: client(1) } });
    expect(state.facts.lookups).toBeUndefined();
  });
});

describe("rule E1: what a space says of a person", () => {
  const standing: FactKey = { fact: "space", spaceId: SPACE, userId: bob };
  const asks = { member: undefined as Member | undefined };
  let asked: number;

  beforeEach(() => {
    const world = new HandWorld();
    asked = 0;
    world.askSpace = async () => {
      asked++;
      return { ok: true, kind: "space", member: asks.member } as never;
    };
    lanes = new Lanes({
      state,
      facts: store,
      router: world.router,
      clock: { nowMs: () => 0 },
      soon: (run) => soon.push(run),
      judge: (ask) => {
        if (!spaceMember(state.facts, bob, 0)) return [standing];
        judged.push(ask);
        return undefined;
      },
      giveUp: (ask) => judged.push(`${ask} given up`),
    });
  });

  it("that they are in it is believed for a while", async () => {
    asks.member = { userId: bob, role: "member", status: "active", joinedAtMs: 0 };
    lanes.wait(bob, "open", [standing]);
    await turn();
    expect(judged).toEqual(["open"]);
    expect(spaceMember(state.facts, bob, 0)?.member?.status).toBe("active");
  });

  it("that they are not is asked again each time: they may have come in", async () => {
    asks.member = undefined;
    lanes.wait(bob, "open", [standing]);
    lanes.wait(ada, "look", [standing]);
    await turn();
    expect(judged).toEqual(["open", "look"]);
    expect(asked).toBe(1);
    expect(spaceMember(state.facts, bob, 0)).toBeUndefined();
  });
});
