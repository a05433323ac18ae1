import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreAway } from "../actors/ports.ts";
import {
  type Client,
  createStage,
  openClient,
  type Stage,
  type StagedGateway,
  tokenOf,
} from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl, startRedis } from "../test/support/servers.ts";
import { newChannel, newUser } from "./doubles.ts";

let stage: Stage;
let one: StagedGateway;
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  one = await stage.addGateway();
});
afterEach(() => stage.close());

/** What a handshake is refused with. */
async function refusalOf(auth: Record<string, unknown>, gateway = one): Promise<{ code: string }> {
  const { socket } = openClient(gateway.url, newUser(), { auth });
  const [error] = (await once(socket as never, "connect_error")) as [{ data: { code: string } }];
  socket.disconnect();
  return error.data;
}
const closing = ({ said }: Client) => said.find(({ event }) => event === "session:closing")?.payload;

describe("connecting", () => {
  it("is refused with the refusal as data", async () => {
    const userId = newUser();
    expect(await refusalOf({ token: "nobody" })).toMatchObject({ code: "unauthenticated", retry: "never" });
    expect(await refusalOf({ token: undefined })).toMatchObject({ code: "unauthenticated" });
    expect(await refusalOf({ token: tokenOf(userId, 0, 1) })).toMatchObject({ code: "unauthenticated" });
    expect(await refusalOf({ protocol: 2, hat: "green" })).toMatchObject({ code: "unsupported_protocol" });
    expect(await refusalOf({ hat: "green" })).toMatchObject({
      code: "malformed",
      details: { issues: [{ path: "", reason: "unknown field" }] },
    });
    one.refuseNewConnections();
    expect(await refusalOf({})).toMatchObject({ code: "unavailable", retry: "later" });
  });

  it("is answered with session:ready, once, while the session actor hears of the connection", async () => {
    const userId = newUser();
    const channelId = newChannel();
    stage.channels.create(channelId, [userId]);
    const client = await stage.client(one, userId, { auth: { device: "phone" } });
    expect(client.said).toEqual([
      {
        event: "session:ready",
        payload: expect.objectContaining({
          userId,
          connectionId: client.socket.id,
          heartbeatMs: 25_000,
          channels: [{ id: channelId, seq: 0, epoch: 0, unread: 0, mentions: 0 }],
        }),
      },
    ]);
    expect(stage.channels.attached).toEqual([
      {
        userId,
        command: {
          type: "attach",
          node: expect.any(String),
          connections: [
            {
              connectionId: client.socket.id,
              device: "phone",
              sinceMs: expect.any(Number),
              activeAtMs: expect.any(Number),
            },
          ],
        },
      },
    ]);
    client.close();
    await expect.poll(() => stage.channels.attached.at(-1)?.command).toMatchObject({ connections: [] });
  });

  it("rule E4: attaches again when the shard of the user has moved", async () => {
    await stage.client(one, newUser());
    one.onShardsMoved([0]);
    await expect.poll(() => stage.channels.attached.length, { timeout: 2_000 }).toBe(2);
  });

  it("says session:ready when Postgres has come back, and takes requests meanwhile", async () => {
    const { ofUser } = stage.channels.memberships;
    stage.channels.memberships.ofUser = async () => {
      throw new StoreAway();
    };
    const { said, socket, ask } = openClient(one.url, newUser());
    await once(socket as never, "connect");
    expect(await ask("health:check", {})).toMatchObject({ ok: true });
    expect(said).toEqual([]);
    stage.channels.memberships.ofUser = ofUser;
    await expect.poll(() => said[0]?.event, { timeout: 4_000 }).toBe("session:ready");
    socket.disconnect();
  });

  it("tells a person nothing before session:ready: counts come with it, notices behind it, of many the first", async () => {
    const { ofUser } = stage.channels.memberships;
    let letGo = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    stage.channels.memberships.ofUser = async (...asked) => held.then(() => ofUser(...asked));
    const userId = newUser();
    const { said, socket, ask } = openClient(one.url, userId);
    await once(socket as never, "connect");
    one.devices.tellUser(userId, "unread", { unread: 1 });
    for (let n = 0; n < 30; n++) one.devices.tellUser(userId, "notification", { n });
    await ask("health:check", {});
    expect(said).toEqual([]);
    letGo();
    await expect.poll(() => said.length).toBe(21);
    one.devices.tellUser(userId, "unread", { unread: 2 });
    await expect.poll(() => said.length).toBe(22);
    const notices = said.slice(1, 21).map(({ event, payload }) => [event, payload.n]);
    expect(notices).toEqual(Array.from({ length: 20 }, (_, n) => ["notification", n]));
    expect([said[0]!.event, said[21]]).toEqual([
      "session:ready",
      { event: "unread", payload: { unread: 2 } },
    ]);
    socket.disconnect();
  });

  it("counts connects of an address on all nodes together", async () => {
    const rates = { enabled: true, eventsPerSecond: 50, messagesPerMinute: 100, connectsPerMinute: 3 };
    const limited = [await stage.addGateway({ rates }), await stage.addGateway({ rates })] as const;
    for (const gateway of [limited[0], limited[1], limited[0]]) await stage.client(gateway, newUser());
    expect(await refusalOf({}, limited[1])).toMatchObject({
      code: "rate_limited",
      retryAfterMs: expect.any(Number),
    });
  });

  it("takes one place in the namespace per connection, however many CONNECT packets come in one breath", async () => {
    const open = await fetch(`${one.url}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await open.text()).slice(1)) as { sid: string };
    const packet = `40${JSON.stringify({ token: tokenOf(newUser()) })}`;
    await fetch(`${one.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
      method: "POST",
      body: [packet, packet, packet].join("\x1e"),
    });
    await expect.poll(() => one.metric("hubbub_connects_total", { result: "repeated" })).toBe(2);
    expect(one.io.of("/").sockets.size).toBeLessThanOrEqual(1);
  });

  it("a user has so many connections on a node: one more takes the oldest's place", async () => {
    const strict = await stage.addGateway({ connectionsPerUser: 2 });
    const userId = newUser();
    const [oldest, second] = [await stage.client(strict, userId), await stage.client(strict, userId)];
    const other = await stage.client(strict, newUser());
    const third = await stage.client(strict, userId);
    await expect.poll(() => closing(oldest)).toEqual({ reason: "replaced" });
    await expect.poll(() => oldest.socket.connected).toBe(false);
    for (const { ask } of [second, third, other])
      expect(await ask("health:check", {})).toMatchObject({ ok: true });
  });

  it("from another site's page needs its origin to be listed", async () => {
    const listed = await stage.addGateway({ origins: ["https://chat.example"] });
    const status = async (gateway: StagedGateway, origin: string) =>
      (await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } })).status;
    expect(await status(one, "https://evil.example")).toBe(403);
    expect(await status(one, one.url)).toBe(200);
    expect(await status(listed, "https://chat.example")).toBe(200);
    expect(await status(listed, "https://evil.example")).toBe(403);
  });

  it("that never joins is cut within 15 s, on either transport", { timeout: 20_000 }, async () => {
    await fetch(`${one.url}/socket.io/?EIO=4&transport=polling`);
    const socket = new WebSocket(`${one.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    await expect.poll(() => one.io.engine.clientsCount).toBe(2);
    await expect.poll(() => one.io.engine.clientsCount, { timeout: 15_000 }).toBe(0);
    socket.close();
  });
});

describe("a connection ends", () => {
  it("when its token expires", async () => {
    const userId = newUser();
    const token = tokenOf(userId, Date.now(), Date.now() + 300);
    const client = await stage.client(one, userId, { auth: { token } });
    await expect.poll(() => closing(client), { timeout: 3_000 }).toEqual({ reason: "expired" });
    await expect.poll(() => client.socket.connected).toBe(false);
  });

  it("rule E3: when its token is revoked, within 2 s on every node; a newer token serves", async () => {
    const two = await stage.addGateway();
    const userId = newUser();
    const clients = [
      await stage.client(one, userId),
      await stage.client(two, userId),
      await stage.client(two, userId),
    ];
    const atMs = Date.now();
    const token = tokenOf(userId, atMs - 1);
    await one.revoke(userId, atMs);
    for (const client of clients)
      await expect.poll(() => closing(client), { timeout: 2_000 }).toEqual({ reason: "revoked" });
    for (const client of clients) await expect.poll(() => client.socket.connected).toBe(false);
    for (const gateway of [one, two])
      expect(await refusalOf({ token }, gateway)).toMatchObject({ code: "unauthenticated" });
    await stage.client(two, userId, { auth: { token: tokenOf(userId, atMs + 1) } });
  });

  it("rule E3: the stream is rebuilt from Postgres when Redis forgot it", async () => {
    const redis = await startRedis({ aof: false });
    const own = await createStage(redis.url, freshPrefix());
    const gateway = await own.addGateway();
    const [first, second] = [newUser(), newUser()];
    const client = await own.client(gateway, second);
    own.revoked.push({ userId: first, validAfterMs: Date.now() });
    await gateway.revoke(first, Date.now());
    own.revoked.push({ userId: second, validAfterMs: Date.now() });
    await redis.restart({ empty: true });
    await expect.poll(() => closing(client), { timeout: 8_000 }).toEqual({ reason: "revoked" });
    const late = await own.addGateway({
      accounts: { users: async () => [], byUsernames: async () => [], revocations: async () => [] },
    });
    expect(late.isRevoked({ userId: first, issuedAtMs: 0 })).toBe(true);
    await own.close();
    await redis.stop();
  });

  it("when the node drains, in waves, each told when to come back", async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => stage.client(one, newUser())));
    const ended: number[] = [];
    for (const { socket } of clients) socket.on("disconnect", () => ended.push(performance.now()));
    const startMs = performance.now();
    one.refuseNewConnections();
    await one.drain({ waves: 5, everyMs: 200 });
    await expect.poll(() => ended.length).toBe(10);
    const waves = ended.map((atMs) => Math.round((atMs - startMs) / 200));
    expect([0, 1, 2, 3, 4].map((wave) => waves.filter((each) => each === wave).length)).toEqual([
      2, 2, 2, 2, 2,
    ]);
    for (const client of clients)
      expect(closing(client)).toEqual({ reason: "drain", reconnectAfterMs: expect.any(Number) });
    expect(one.io.of("/").sockets.size).toBe(0);
  });

  it("when it leaves the namespace: nobody keeps the transport", async () => {
    const { socket } = await stage.client(one, newUser());
    (socket as unknown as { packet(packet: object): void }).packet({ type: 1 });
    await expect.poll(() => one.io.engine.clientsCount).toBe(0);
  });

  it("rule P4: the adapter's beat comes back, and stops coming when Redis does not answer", async () => {
    const redis = await startRedis({ aof: false });
    const own = await createStage(redis.url, freshPrefix());
    const { hearing } = await own.addGateway();
    const beat = () => {
      const sentAtMs = performance.now();
      hearing.speak();
      return expect.poll(() => hearing.lastHeardAtMs()).toBeGreaterThanOrEqual(sentAtMs);
    };
    await beat();
    redis.freeze();
    const frozenAtMs = performance.now();
    hearing.speak();
    expect(hearing.lastHeardAtMs()).toBeLessThan(frozenAtMs);
    redis.thaw();
    await redis.restart();
    await expect
      .poll(
        () => {
          hearing.speak();
          return hearing.lastHeardAtMs();
        },
        { timeout: 5_000 },
      )
      .toBeGreaterThan(frozenAtMs);
    await own.close();
    await redis.stop();
  });

  it("rule H3: subscriptions are there again after a reconnect, and heads are asked for", async () => {
    const redis = await startRedis({ aof: false });
    const own = await createStage(redis.url, freshPrefix());
    const [here, there] = [await own.addGateway(), await own.addGateway()];
    const [channelId, userId] = [newChannel(), newUser()];
    own.channels.create(channelId, [userId]);
    const client = await own.client(there, userId);
    await client.ask("channel:open", { channelId });
    const say = () => here.broadcaster.publish(channelId, 1, [own.channels.say(channelId, userId)]);
    say();
    await expect.poll(() => client.seqs(channelId)).toEqual([1]);
    const restarted = redis.restart();
    own.channels.say(channelId, userId);
    await restarted;
    await expect.poll(() => client.seqs(channelId), { timeout: 8_000 }).toEqual([1, 2]);
    say();
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2, 3]);
    await own.close();
    await redis.stop();
  });
});
