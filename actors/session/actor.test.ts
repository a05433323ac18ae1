import { beforeEach, describe, expect, it } from "vitest";
import type { ConnectionId } from "../../protocol/ids.ts";
import type { Presence } from "../../protocol/signals.ts";
import type { Connection, SessionCommand } from "../commands.ts";
import { CRASH_WINDOW_MS, CRASHES_MAX } from "../crashes.ts";
import { channel, HandGate, user } from "../doubles.ts";
import { ada, bob, code, OneShard, turns } from "../one-shard.ts";
import { StoreAway } from "../ports.ts";
import { SWEEP_EVERY_MS } from "../shard.ts";
import { AWAY_AFTER_MS, GRACE_MS } from "./presence.ts";
import { DOUBT_MS } from "./sessions.ts";
import { SILENCE_MAX_MS } from "./state.ts";

const eve = user(5);
/** Looks are a second apart. */
const LOOK_MS = 1_000;

let shard: OneShard;

beforeEach(async () => {
  shard = await OneShard.open();
  await later(DOUBT_MS);
});

const ask = (command: SessionCommand, userId = ada) => shard.askUser(userId, command) as Promise<never>;

const connection = (id: string, changes: Partial<Connection> = {}): Connection => ({
  connectionId: id as ConnectionId,
  sinceMs: shard.world.time,
  activeAtMs: shard.world.time,
  ...changes,
});
const attach = (node: string, ...connections: (string | Connection)[]) =>
  ask({
    type: "attach",
    node,
    connections: connections.map((one) => (typeof one === "string" ? connection(one) : one)),
  });
const watch = (node: string, ...viewers: (typeof ada)[]) => ask({ type: "watch", node, viewers });
const seenBy = async (viewer: typeof ada) =>
  ((await ask({ type: "presence", viewer })) as { presence: Presence }).presence;

/** Time passes, and what is due is done. Gateways that should not fall silent repeat themselves meanwhile. */
async function later(ms: number, repeat?: () => unknown): Promise<void> {
  for (let left = ms; left > 0; left -= 30_000) {
    shard.world.pass(Math.min(left, 30_000));
    await turns();
    await repeat?.();
  }
}

/** What viewers were told since the last call. */
function told(): { node: string; to: readonly string[]; status: string }[] {
  return shard.world.told
    .splice(0)
    .filter(({ event }) => event === "presence")
    .map(({ node, to, payload }) => ({ node, to, status: (payload as Presence).status }));
}

describe("session actors", () => {
  const connections = () => ask({ type: "connections" });

  it("hold a user's connections over all gateways; a gateway replaces what it said", async () => {
    await attach("a", "1", "2");
    await attach("b", "3");
    await attach("a", "2");
    expect(await connections()).toEqual({
      ok: true,
      connections: [
        { ...connection("2"), node: "a" },
        { ...connection("3"), node: "b" },
      ],
    });
    await attach("b");
    expect(await connections()).toMatchObject({ connections: [{ connectionId: "2" }] });
  });

  it("forget a gateway that no longer repeats itself, and go when nobody is left", async () => {
    await attach("a", "1");
    await watch("b", bob);
    await later(SILENCE_MAX_MS - LOOK_MS);
    expect(shard.actors.census().sessions).toBe(1);
    await later(2 * LOOK_MS);
    await later(SWEEP_EVERY_MS);
    expect(shard.actors.census().sessions).toBe(0);
    expect(await connections()).toEqual({ ok: true, connections: [] });
  });

  it("stay while somebody watches", async () => {
    await watch("b", bob);
    await later(AWAY_AFTER_MS, () => watch("b", bob));
    expect(shard.actors.census().sessions).toBe(1);
    await watch("b");
    await later(SWEEP_EVERY_MS);
    expect(shard.actors.census().sessions).toBe(0);
  });
});

describe("rule E4: a gateway whose node has no lease any more", () => {
  const gone = (node: string) => {
    for (const follower of shard.world.nodeNews.followers) follower.nodeGone(node);
  };
  const status = async () => (await seenBy(bob)).status;

  it("has no connections and no watchers: who was there only is offline after the grace", async () => {
    await attach("a", "1");
    await watch("a", bob);
    await watch("b", bob);
    told();
    gone("c");
    gone("a");
    const goneAtMs = shard.world.time;
    expect(await ask({ type: "connections" })).toEqual({ ok: true, connections: [] });
    expect(await status()).toBe("online");
    await later(GRACE_MS - LOOK_MS);
    expect(told()).toEqual([]);
    await later(2 * LOOK_MS);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "offline" }]);
    expect((await seenBy(bob)).lastSeenAtMs).toBe(goneAtMs);
  });

  it("leaves who is connected elsewhere, and may come back", async () => {
    await attach("a", "1");
    await attach("b", "2");
    gone("a");
    await later(2 * GRACE_MS);
    expect(await status()).toBe("online");
    gone("b");
    await attach("a", "1");
    await later(2 * GRACE_MS);
    expect(await status()).toBe("online");
  });

  it("takes with it what it had said and nobody has read yet", async () => {
    void attach("a", "1");
    gone("a");
    await turns();
    expect(await ask({ type: "connections" })).toEqual({ ok: true, connections: [] });
  });

  it("declares nobody offline in the first ten seconds of a reign", async () => {
    shard = await OneShard.open();
    await attach("a", "1");
    await watch("b", bob);
    gone("a");
    await turns();
    await later(DOUBT_MS - LOOK_MS);
    expect(told()).toEqual([]);
    await later(2 * LOOK_MS);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "offline" }]);
  });
});

describe("row P3: presence", () => {
  it("is online with the first device and offline 5 s after the last; then the person was last seen", async () => {
    expect(await watch("b", bob)).toEqual({ ok: true, presence: { userId: ada, status: "offline" } });
    await attach("a", "1");
    await attach("c", "2");
    expect(told()).toEqual([{ node: "b", to: [bob], status: "online" }]);
    await attach("a");
    const goneAtMs = shard.world.time + 7_000;
    await later(7_000);
    await attach("c");
    await later(GRACE_MS - LOOK_MS);
    expect(told()).toEqual([]);
    await later(2 * LOOK_MS);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "offline" }]);
    expect(await seenBy(bob)).toEqual({ userId: ada, status: "offline", lastSeenAtMs: goneAtMs });
    expect([...shard.world.people.lastSeen]).toEqual([[ada, goneAtMs]]);
  });

  it("never shows a reconnect within the grace, on whatever node", async () => {
    await attach("a", "1");
    await watch("b", bob);
    for (const node of ["c", "a", "c"]) {
      await attach("a");
      await attach("c");
      await later(GRACE_MS - LOOK_MS);
      await attach(node, "2");
      await later(3 * GRACE_MS);
    }
    expect(told()).toEqual([]);
    expect(shard.world.people.lastSeen.size).toBe(0);
  });

  it("rule E7: turns away 5 min after the person came, where a gateway of 0.1.0 does not say more", async () => {
    const silent = connection("1", { activeAtMs: undefined as never });
    const repeat = async () => {
      await attach("a", silent);
      await watch("b", bob);
    };
    await repeat();
    await later(AWAY_AFTER_MS - LOOK_MS, repeat);
    expect(told()).toEqual([]);
    await later(2 * LOOK_MS, repeat);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "away" }]);
  });

  it("turns away after 5 min without activity on any device, and back with it", async () => {
    const idle = connection("1");
    await attach("a", idle);
    await watch("b", bob);
    const repeat = async () => {
      await attach("a", idle);
      await watch("b", bob);
    };
    await later(AWAY_AFTER_MS - LOOK_MS, repeat);
    await attach("c", connection("2", { activeAtMs: shard.world.time - 60_000 }));
    await later(2 * LOOK_MS, repeat);
    expect(told()).toEqual([]);
    await attach("c");
    await later(AWAY_AFTER_MS - 60_000, repeat);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "away" }]);
    await attach("a", connection("1"));
    expect(told()).toEqual([{ node: "b", to: [bob], status: "online" }]);
  });

  it("is what the person chose, with their text; invisible looks offline, as if they had gone just then", async () => {
    await attach("a", "1");
    await watch("b", bob);
    await ask({ type: "choose", status: "dnd", text: "in a talk" });
    expect(await seenBy(bob)).toEqual({ userId: ada, status: "dnd", text: "in a talk" });
    await later(1_000);
    const hidAtMs = shard.world.time;
    await ask({ type: "choose", status: "invisible", text: "hidden" });
    expect(await seenBy(bob)).toEqual({ userId: ada, status: "offline", lastSeenAtMs: hidAtMs });
    await later(60_000, () => attach("a", "1"));
    await attach("a");
    await later(60_000, () => watch("b", bob));
    expect(await seenBy(bob)).toEqual({ userId: ada, status: "offline", lastSeenAtMs: hidAtMs });
    expect([...shard.world.people.lastSeen]).toEqual([[ada, hidAtMs]]);
  });
});

describe("row P4: watchers", () => {
  it("cost one word for each node, whoever watches there", async () => {
    const crowd = Array.from({ length: 100 }, (_, n) => user(100 + n));
    await watch("a", ...crowd);
    await watch("b", bob);
    await attach("c", "1");
    expect(told()).toEqual([
      { node: "a", to: crowd, status: "online" },
      { node: "b", to: [bob], status: "online" },
    ]);
  });

  it("are forgotten when their gateway falls silent, and when it says that nobody is left", async () => {
    await watch("a", bob);
    await watch("b", bob);
    await watch("b");
    await later(SILENCE_MAX_MS);
    await attach("c", "1");
    expect(told()).toEqual([]);
  });

  it("of a person that is none keep nothing in memory", async () => {
    shard.world.people.person = async () => undefined;
    expect(await watch("a", bob)).toEqual({ ok: true, presence: { userId: ada, status: "offline" } });
    await later(SWEEP_EVERY_MS);
    expect(shard.actors.census().sessions).toBe(0);
  });
});

describe("rule E4: what is soft", () => {
  it("after a move nobody is declared offline for 10 s, while gateways attach anew", async () => {
    await shard.takeOver(new HandGate(2), []);
    expect(await watch("b", bob)).toEqual({
      ok: true,
      presence: { userId: ada, status: "offline" },
      unsure: true,
    });
    expect(await ask({ type: "presence", viewer: bob })).toMatchObject({ unsure: true });
    await later(DOUBT_MS - LOOK_MS);
    expect(told()).toEqual([]);
    await attach("a", "1");
    expect(told()).toEqual([{ node: "b", to: [bob], status: "online" }]);
    await later(DOUBT_MS);
    expect(told()).toEqual([]);
  });

  it("who does not attach by then is offline", async () => {
    await shard.takeOver(new HandGate(2), []);
    await watch("b", bob);
    await later(DOUBT_MS + LOOK_MS);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "offline" }]);
  });

  it("takes from Postgres what the person chose; while it is away nothing is shown, and the rest goes on", async () => {
    const { person } = shard.world.people;
    shard.world.people.person = async () => {
      throw new StoreAway();
    };
    shard.world.people.rows.set(ada, { status: "dnd", text: "zzz", blocked: [], blockedBy: [eve] });
    await attach("a", "1");
    expect(await ask({ type: "connections" })).toMatchObject({ connections: [{ connectionId: "1" }] });
    expect(await watch("b", bob, eve)).toMatchObject({ presence: { status: "offline" }, unsure: true });
    await later(20_000);
    expect(told()).toEqual([]);
    shard.world.people.person = person;
    await later(6_000);
    expect(told()).toEqual([{ node: "b", to: [bob], status: "dnd" }]);
    expect(shard.world.alarms).toEqual([]);
  });
});

describe("row P6: one connection per user", () => {
  const replaced = () =>
    shard.world.told
      .splice(0)
      .filter(({ event }) => event === "replace")
      .map(({ node, payload }) => ({ node, ...payload }));

  it("ends all but the newest, on every node, and again until they have gone", async () => {
    shard = await OneShard.open({ isSingle: true });
    await attach("a", connection("1", { sinceMs: 1 }), connection("2", { sinceMs: 2 }));
    expect(replaced()).toEqual([{ node: "a", connectionIds: ["1"] }]);
    await attach("b", connection("3", { sinceMs: 3 }));
    expect(replaced()).toEqual([{ node: "a", connectionIds: ["1", "2"] }]);
    await attach("a", connection("2", { sinceMs: 2 }));
    expect(replaced()).toEqual([{ node: "a", connectionIds: ["2"] }]);
    await attach("a");
    expect(replaced()).toEqual([]);
  });

  it("of two that come in one millisecond keeps the same one, whichever is heard of first", async () => {
    for (const order of [
      ["a", "b"],
      ["b", "a"],
    ]) {
      shard = await OneShard.open({ isSingle: true });
      for (const node of order) await attach(node, connection(node, { sinceMs: 7 }));
      expect(replaced()).toEqual([{ node: "a", connectionIds: ["a"] }]);
    }
  });

  it("is not the default", async () => {
    await attach("a", "1", "2");
    await attach("b", "3");
    expect(replaced()).toEqual([]);
  });
});

describe("row P7: a block", () => {
  it("hides the person from the other, whoever of them blocks, from that moment on and no longer", async () => {
    await attach("a", "1");
    await ask({ type: "choose", status: "dnd", text: "in a talk" });
    for (const byThem of [undefined, true as const]) {
      await watch("b", bob, eve);
      shard.world.told.length = 0;
      await ask({ type: "block", userId: eve, blocked: true, ...(byThem && { byThem }) });
      expect(shard.world.told).toEqual([
        { node: "b", event: "presence", to: [eve], payload: { userId: ada, status: "offline" } },
      ]);
      expect(await watch("b", bob, eve)).toMatchObject({ presence: { status: "dnd" }, hiddenFrom: [eve] });
      expect(await seenBy(eve)).toEqual({ userId: ada, status: "offline" });
      shard.world.told.length = 0;
      await ask({ type: "choose", status: "away" });
      expect(told()).toEqual([{ node: "b", to: [bob], status: "away" }]);
      await ask({ type: "block", userId: eve, blocked: false, ...(byThem && { byThem }) });
      expect(told()).toEqual([{ node: "b", to: [eve], status: "away" }]);
      await ask({ type: "choose", status: "dnd", text: "in a talk" });
    }
  });

  it("of both holds until both have ended it", async () => {
    shard.world.people.rows.set(ada, { status: "online", blocked: [eve], blockedBy: [eve] });
    await attach("a", "1");
    await ask({ type: "block", userId: eve, blocked: false });
    expect(await seenBy(eve)).toMatchObject({ status: "offline" });
    await ask({ type: "block", userId: eve, blocked: false, byThem: true });
    expect(await seenBy(eve)).toMatchObject({ status: "online" });
  });
});

describe("what a person is told", () => {
  const unread = { channelId: channel(1), unread: 2, mentions: 1, lastReadSeq: 5 };
  const notice = { kind: "mention" as const, channelId: channel(1), by: bob };
  const heard = () => shard.world.told.splice(0).map(({ node, event }) => `${node} ${event}`);

  it("reaches every node with a device of theirs, once", async () => {
    await attach("a", "1", "2");
    await attach("b", "3");
    await ask({ type: "notify", notice, unread });
    expect(shard.world.told).toContainEqual({ node: "a", event: "unread", to: [ada], payload: unread });
    expect(heard()).toEqual(["a unread", "a notification", "b unread", "b notification"]);
  });

  it("is only what moved while they do not want to be disturbed, or if it comes from someone behind a block", async () => {
    await attach("a", "1");
    await ask({ type: "choose", status: "dnd" });
    await ask({ type: "notify", notice, unread });
    expect(heard()).toEqual(["a unread"]);
    await ask({ type: "choose", status: "online" });
    await ask({ type: "block", userId: bob, blocked: true });
    await ask({ type: "notify", notice, unread });
    expect(heard()).toEqual(["a unread"]);
    await ask({ type: "notify", notice: { ...notice, by: eve } });
    expect(heard()).toEqual(["a notification"]);
  });
});

describe("rule P5: a session that throws", () => {
  const broken = () => shard.askUser(ada, undefined as never);

  it("forgets what it knew, and answers unavailable alone", async () => {
    const answers = [ask({ type: "connections" }), broken(), ask({ type: "connections" })];
    expect((await Promise.all(answers)).map(code)).toEqual(["ok", "unavailable", "ok"]);
    expect(shard.world.alarms).toMatchObject([{ kind: "session", id: ada, isClosed: false }]);
  });

  it("declares nobody offline before gateways have repeated themselves", async () => {
    await attach("a", "1");
    await watch("b", bob);
    await broken();
    await watch("b", bob);
    await later(30_000);
    expect(told()).toEqual([]);
    await attach("a", "1");
    expect(told()).toEqual([{ node: "b", to: [bob], status: "online" }]);
  });

  it("stays closed once it throws too often, until it has been left in peace", async () => {
    for (let n = 0; n <= CRASHES_MAX; n++) await broken();
    expect(code(await ask({ type: "connections" }))).toBe("unavailable");
    expect(code(await ask({ type: "connections" }, bob))).toBe("ok");
    shard.world.pass(CRASH_WINDOW_MS);
    expect(code(await ask({ type: "connections" }))).toBe("ok");
  });
});
