/** A stage for the gateway's tests: gateways on one real Redis before channels in memory, and real clients of theirs. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { io as connect, type Socket } from "socket.io-client";
import { createGateway, type Gateway } from "../../gateway/create-gateway.ts";
import { type ChannelsDouble, memoryChannels } from "../../gateway/doubles.ts";
import type { GatewayOptions } from "../../gateway/gateway-options.ts";
import { listHistory } from "../../gateway/routes/rest-doubles.ts";
import type { ChannelEvents } from "../../protocol/events.ts";
import { type ChannelId, type UserId, uuidv7TimeMs } from "../../protocol/ids.ts";
import { openRedis, type RedisClient, whenReady } from "../../src/cluster/redis.ts";
import type { RedisAddress } from "../../src/lib/redis-address.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { addressOf } from "./redis-at.ts";

/** What a token of the stage says: `<userId> <issuedAtMs> <expiresAtMs>`. */
export function tokenOf(
  userId: UserId,
  issuedAtMs = Date.now(),
  expiresAtMs = Date.now() + 3_600_000,
): string {
  return `${userId} ${issuedAtMs} ${expiresAtMs}`;
}

export type Stage = {
  channels: ChannelsDouble;
  /** Rows of `tokens_valid_after`, as Postgres would have them. */
  revoked: { userId: UserId; validAfterMs: number }[];
  /** `attached: false`: a node without the gateway role. */
  addGateway(more?: Partial<GatewayOptions> & { attached?: boolean }): Promise<StagedGateway>;
  client(gateway: StagedGateway, userId: UserId, more?: ClientOptions): Promise<Client>;
  close(): Promise<void>;
};
export type StagedGateway = Gateway & {
  url: string;
  publisher: RedisClient;
  metric(name: string, labels?: Record<string, string>): Promise<number>;
};
export type ClientOptions = {
  transports?: string[];
  auth?: Record<string, unknown>;
  rejectUnauthorized?: boolean;
};
export type Client = {
  socket: Socket;
  /** Frames of `channel:events`, in the order in which they came. */
  frames: ChannelEvents[];
  /** Everything else the server said. */
  said: { event: string; payload: Record<string, unknown> }[];
  ask(event: string, payload: object): Promise<Record<string, never> & { ok: boolean }>;
  seqs(channelId: ChannelId): number[];
  close(): void;
};

export async function createStage(redis: string | RedisAddress, prefix: string): Promise<Stage> {
  const address = typeof redis === "string" ? addressOf(redis) : redis;
  const channels = memoryChannels();
  const closers: (() => unknown)[] = [];
  const revoked: Stage["revoked"] = [];

  async function addGateway({
    attached = true,
    ...more
  }: Parameters<Stage["addGateway"]>[0] = {}): Promise<StagedGateway> {
    const redis = {
      commands: openRedis(address, "commands"),
      publisher: openRedis(address, "commands"),
      subscriber: openRedis(address, "subscriber"),
    };
    await Promise.all(Object.values(redis).map((client) => whenReady(client.on("error", () => {}))));
    const metrics = createMetrics({ defaults: false });
    const node = `node-${closers.length}`;
    const gateway = createGateway({
      ...stageOptions(channels, revoked),
      node,
      prefix,
      redis,
      metrics,
      ...more,
    });
    const server = createServer((_request, response) => response.writeHead(404).end());
    if (attached) await gateway.attach(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(async () => {
      await gateway.close();
      server.closeAllConnections();
      server.close();
      for (const client of Object.values(redis)) client.disconnect();
    });
    return Object.assign(gateway, {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      publisher: redis.publisher,
      async metric(name: string, labels: Record<string, string> = {}) {
        const found = await metrics.registry.getSingleMetric(name)?.get();
        const matching = found?.values.filter((value) =>
          Object.entries(labels).every(
            ([label, wanted]) => (value.labels as Record<string, string>)[label] === wanted,
          ),
        );
        return matching?.reduce((sum, value) => sum + value.value, 0) ?? 0;
      },
    });
  }

  return {
    channels,
    revoked,
    addGateway,
    async client(gateway, userId, more) {
      const client = openClient(gateway.url, userId, more);
      closers.unshift(() => client.close());
      await once(client.socket as never, "session:ready");
      return client;
    },
    async close() {
      for (const closer of closers.splice(0)) await closer();
    },
  };
}

/** A client that is connecting: `socket.io-client` as it is, without reconnecting. */
export function openClient(
  url: string,
  userId: UserId,
  { auth, transports = ["websocket"] }: ClientOptions = {},
): Client {
  const socket = connect(url, {
    transports,
    forceNew: true,
    reconnection: false,
    auth: { token: tokenOf(userId), ...auth },
  });
  const frames: ChannelEvents[] = [];
  const said: Client["said"] = [];
  socket.onAny((event: string, payload) => {
    if (event === "channel:events") frames.push(payload);
    else said.push({ event, payload });
  });
  return {
    socket,
    frames,
    said,
    ask: (event, payload) => socket.timeout(5_000).emitWithAck(event, payload),
    seqs: (channelId) =>
      frames
        .filter((frame) => frame.channelId === channelId)
        .flatMap((frame) => frame.events.map((event) => event.seq)),
    close: () => socket.disconnect(),
  };
}

function stageOptions(
  channels: ChannelsDouble,
  revoked: Stage["revoked"],
): Omit<GatewayOptions, "node" | "prefix" | "redis" | "metrics"> {
  return {
    router: channels,
    memberships: channels.memberships,
    history: listHistory([]),
    accounts: {
      users: async (ids) =>
        ids.map((id) => ({
          id,
          username: "someone",
          displayName: "Someone",
          bot: false,
          createdAtMs: uuidv7TimeMs(id),
        })),
      byUsernames: async () => [],
      revocations: async (sinceMs) => revoked.filter(({ validAfterMs }) => validAfterMs > sinceMs),
    },
    people: { choosePresence: async () => {} },
    clock: { nowMs: () => Date.now() },
    verifyToken(token) {
      const [userId, issuedAtMs, expiresAtMs] = token.split(" ");
      if (!issuedAtMs || Number(expiresAtMs) <= Date.now()) return undefined;
      return { userId: userId as UserId, issuedAtMs: Number(issuedAtMs), expiresAtMs: Number(expiresAtMs) };
    },
    shardOf: () => 0,
    health: () => ({ node: "node", atMs: Date.now(), redis: "ok", postgres: "ok", roles: ["gateway"] }),
    transports: ["websocket", "polling"],
    origins: [],
    trustedProxies: 0,
    heartbeatMs: 25_000,
    rates: { enabled: false, eventsPerSecond: 50, messagesPerMinute: 100, connectsPerMinute: 600 },
    logger: pino({ level: "silent" }),
  };
}
