/** Session actors as they are, two gateways, and real clients: only the bus between the nodes is left out. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { channel, HandGate, HandWorld } from "../actors/doubles.ts";
import type { ShardActors } from "../actors/ports.ts";
import { createStartActors } from "../actors/shard-actors.ts";
import type { World } from "../actors/world.ts";
import type { ConnectionId, UserId } from "../protocol/ids.ts";
import type { Presence } from "../protocol/signals.ts";
import { type Client, createStage, type Stage, type StagedGateway } from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newUser } from "./doubles.ts";
import type { GatewayOptions } from "./gateway-options.ts";

/** What keeps someone online for a moment, and how long after that it is noticed at the latest. */
const GRACE_MS = 5_000;
const NOTICED_WITHIN_MS = 2_000;
/** After a start nobody is declared offline for so long; the tests' clock runs ahead of it. */
const DOUBT_MS = 10_000;

let stage: Stage;
let hand: HandWorld;
let actors: ShardActors;
let a: StagedGateway;
let b: StagedGateway;

async function open(isSingle = false): Promise<void> {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  hand = new HandWorld();
  const gateways = new Map<string, StagedGateway>();
  const at = (node: string) => gateways.get(node)!.devices;
  let skewMs = 0;
  const world: World = {
    ...hand,
    clock: { nowMs: () => Date.now() + skewMs },
    timers: {
      nowMs: () => performance.now(),
      every(ms, run) {
        const timer = setInterval(run, ms);
        return () => clearInterval(timer);
      },
    },
    devices: {
      tellUser: (node, ...told) => at(node).tellUser(...told),
      tellViewers: (node, ...told) => at(node).tellViewers(...told),
      replace: (node, ...told) => at(node).replace(...told),
    },
  };
  ({ actors } = await createStartActors(world, { isSingle })(new HandGate(), []));
  skewMs = DOUBT_MS;
  const router = {
    ...stage.channels,
    askUser: (userId: UserId, command: never) =>
      new Promise((resolve) => actors.askUser(userId, command, resolve as never)),
  } as GatewayOptions["router"];
  const clock = world.clock;
  const people: GatewayOptions["people"] = {
    choosePresence: async (userId, chosen) =>
      void hand.people.rows.set(userId, { ...chosen, blocked: [], blockedBy: [] }),
  };
  a = await stage.addGateway({ node: "a", router, clock, people });
  b = await stage.addGateway({ node: "b", router, clock, people });
  gateways.set("a", a).set("b", b);
}

beforeEach(() => open());
afterEach(async () => {
  actors.end();
  await stage.close();
});

const presences = ({ said }: Client) =>
  said.filter(({ event }) => event === "presence").map(({ payload }) => payload as unknown as Presence);
const watch = async (client: Client, ...userIds: UserId[]) => {
  const answer = await client.ask("presence:watch", { userIds });
  return (answer as unknown as { presences: Presence[] }).presences;
};

describe("rows P3, P4: presence over nodes", () => {
  it("shows a person of one node to who watches on another, over all devices, and no reconnect within 5 s", async () => {
    const ada = newUser();
    const bob = await stage.client(b, newUser());
    const phone = await stage.client(a, ada);
    expect(await watch(bob, ada, newUser())).toEqual([
      { userId: ada, status: "online" },
      { userId: expect.any(String), status: "offline" },
    ]);

    const laptop = await stage.client(b, ada);
    phone.close();
    laptop.close();
    const back = await stage.client(a, ada);
    await new Promise((resolve) => setTimeout(resolve, GRACE_MS + NOTICED_WITHIN_MS));
    expect(presences(bob)).toEqual([]);

    back.close();
    const goneAtMs = performance.now();
    await vi.waitFor(() => expect(presences(bob)).toHaveLength(1), GRACE_MS + NOTICED_WITHIN_MS);
    expect(presences(bob)).toEqual([{ userId: ada, status: "offline", lastSeenAtMs: expect.any(Number) }]);
    expect(performance.now() - goneAtMs).toBeGreaterThan(GRACE_MS - 100);
    await expect.poll(() => hand.people.lastSeen.size).toBe(1);
  });

  it("shows what a person chooses at once, and nothing to who has stopped watching", async () => {
    const ada = await stage.client(a, newUser());
    const adaId = ada.said[0]!.payload.userId as unknown as UserId;
    const [bob, eve] = [await stage.client(b, newUser()), await stage.client(b, newUser())];
    await watch(bob, adaId);
    await watch(eve, adaId);
    expect(await ada.ask("presence:update", { status: "dnd", text: "in a talk" })).toEqual({ ok: true });
    await expect.poll(() => presences(bob)).toEqual([{ userId: adaId, status: "dnd", text: "in a talk" }]);
    expect(await bob.ask("presence:unwatch", { userIds: [adaId] })).toEqual({ ok: true });
    await ada.ask("presence:update", { status: "away" });
    // Who began to watch in the same millisecond as another is on the list with the next round only.
    const away = { userId: adaId, status: "away" };
    await expect.poll(() => presences(eve).at(-1), { timeout: 3_000 }).toEqual(away);
    expect(presences(bob)).toHaveLength(1);
  });
});

describe("what a person is told", () => {
  it("reaches all their devices on two nodes, and nobody else", async () => {
    const ada = newUser();
    const devices = [await stage.client(a, ada), await stage.client(b, ada), await stage.client(b, ada)];
    const bob = await stage.client(a, newUser());
    const unread = { channelId: channel(1), unread: 3, mentions: 1, lastReadSeq: 7 };
    const notice = { kind: "mention" as const, channelId: channel(1), by: newUser() };
    actors.askUser(ada, { type: "notify", unread, notice }, () => {});
    for (const { said } of devices) {
      await expect
        .poll(() => said.slice(1))
        .toEqual([
          { event: "unread", payload: unread },
          { event: "notification", payload: notice },
        ]);
    }
    expect(bob.said).toHaveLength(1);
  });
});

describe("row P6: one connection per user", () => {
  it("ends the older one, on whatever node, and says why", async () => {
    actors.end();
    await stage.close();
    await open(true);
    const ada = newUser();
    const older = await stage.client(a, ada);
    const newer = await stage.client(b, ada);
    await expect.poll(() => older.socket.connected).toBe(false);
    expect(older.said.at(-1)).toEqual({ event: "session:closing", payload: { reason: "replaced" } });
    await newer.ask("health:check", {});
    expect(newer.socket.connected).toBe(true);
    const held = () =>
      new Promise<{ connections: { connectionId: ConnectionId }[] }>((resolve) =>
        actors.askUser(ada, { type: "connections" }, resolve as never),
      );
    await expect
      .poll(async () => (await held()).connections.map(({ connectionId }) => connectionId))
      .toEqual([newer.socket.id]);
  });
});
