/** Everything between Socket.IO clients and the Router, wired. */
import type { Server as HttpServer } from "node:http";
import { LRUCache } from "lru-cache";
import type { Server, Socket } from "socket.io";
import type { Broadcaster } from "../actors/ports.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { type Limits, PACKET_BYTES_MAX } from "../protocol/session.ts";
import { TEXT_MAX } from "../protocol/text.ts";
import type { Hearing } from "../src/ports.ts";
import { adapterHearing } from "./adapter/hearing.ts";
import { publishEvents, roomOfSubscription, subscriptionOfRoom } from "./adapter/hub-adapter.ts";
import { Subscriptions } from "./adapter/subscriptions.ts";
import { type Admitted, installAdmission } from "./admission.ts";
import { Attachments } from "./attachments.ts";
import { createBroadcaster, WINDOW_MAX_MS } from "./broadcaster.ts";
import { closeConnection } from "./closing.ts";
import { Connections } from "./connections.ts";
import { type DrainOptions, drainConnections } from "./draining.ts";
import { guardEngine } from "./engine-guard.ts";
import { type GatewayMeter, gatewayMeter } from "./gateway-meter.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { createDispatch } from "./handlers/dispatch.ts";
import { BudgetedOutlet, CUT_FACTOR } from "./outlet.ts";
import { createRates, packetsPerSecond, type Rates } from "./rates.ts";
import { Revocations } from "./revocation.ts";
import { Rooms } from "./rooms/rooms.ts";
import type { Taken } from "./routes/rest-options.ts";
import { serveSessions } from "./sessions.ts";
import { channelPrefixOf, createSocketServer, shortenFarewells } from "./socket-server.ts";

/** Rule S2: the longest window and 500 ms. */
const GAP_GRACE_MS = WINDOW_MAX_MS + 500;
/** Bytes (about) that all rings of a node may hold. Chosen: 1,000 busy channels with 100 messages of 1 KB each. */
const RINGS_MAX_BYTES = 134_217_728;
const SLOW_CLIENT_BYTES = 262_144;
/** Over its budget for so long, a connection is ended: TCP gives up after minutes only. Chosen. */
const SLOW_CUT_MS = 15_000;
/** More than anyone has devices and tabs; each change of them tells the session actor of all. Chosen. */
const CONNECTIONS_PER_USER = 1_000;
/** Told to clients where rates are off: the schema wants a number. */
const UNLIMITED = 1_000_000;
/** Accounts that were seen to exist: a dm of many messages asks once. One that is deleted is believed in for a minute. */
const KNOWN_USERS_MAX = 10_000;
const KNOWN_USERS_TTL_MS = 60_000;

export interface Gateway {
  /** For actors. On a node without sockets it only publishes. */
  readonly broadcaster: Broadcaster;
  /** Rule P4: the adapter's subscriptions. */
  readonly hearing: Hearing;
  readonly io: Server;
  /** Begins to serve sockets on this HTTP server. Resolves when revocations have been read once. */
  attach(httpServer: HttpServer): Promise<void>;
  /** Voids all tokens of a user issued up to `atMs`, on all nodes within 2 s (rule E3). Postgres must know it. Never rejects. */
  revoke(userId: UserId, atMs: number): Promise<void>;
  isRevoked(token: { userId: UserId; issuedAtMs: number }): boolean;
  /** A person has one rate, however they send. */
  takeMessage(userId: UserId): Promise<Taken>;
  /** Connections on this node that listen to the channel. */
  listeners(channelId: ChannelId): number;
  /** These shards have other owners, who serve: heads and attachments are due (rules H1, E4). */
  onShardsMoved(shards: Iterable<number>): void;
  /** Sends every connection away, in waves. */
  drain(options?: DrainOptions): Promise<void>;
  /** Refuses handshakes from here on: `unavailable`. */
  refuseNewConnections(): void;
  /** Ends everything at once. The HTTP server and the Redis clients are left to their owner. */
  close(): Promise<void>;
}

type Token = { userId: UserId; issuedAtMs: number };

/** Makes the gateway of one node; `attach` makes it serve. */
export function createGateway(given: GatewayOptions): Gateway {
  const options = { ...given, logger: given.logger.child({ part: "gateway" }) };
  const { clock, router, redis, node, prefix } = options;
  const connections = new Connections();
  const meter = gatewayMeter(options.metrics, clock, options.logger);
  const attachments = new Attachments(router, connections, node);
  const rates = createRates({ ...options.rates, redis: redis.commands, prefix });
  const revocations = createRevocations(options, connections);
  const listening = createRooms(options, connections, meter);
  const { rooms, outlet, subscriptions } = listening;
  const io = createSocketServer(options, (heard) => rooms.hear(heard));
  const hearing = adapterHearing({ ...redis, subscriptions, channel: `${prefix}:beat:${node}` });
  const broadcaster = createBroadcaster({
    emit(frame) {
      meter.broadcast(frame.events.length, () => rooms.hear(frame));
      publishEvents(io, frame).catch(({ message }: Error) => meter.unpublished(message));
    },
  });
  let accepts = true;
  const shared = {
    connections,
    meter,
    attachments,
    rates,
    revocations,
    rooms,
    outlet,
    io,
    accepts: () => accepts,
  };
  const sessions = serve(options, shared);
  let guard: { close(): void } | undefined;
  return {
    broadcaster,
    hearing,
    io,
    async attach(httpServer) {
      await revocations.start();
      rooms.start();
      attachments.start();
      io.attach(httpServer);
      shortenFarewells(io);
      guard = guardConnections(io, connections, options);
    },
    revoke: (userId, atMs) => revocations.revoke(userId, atMs),
    isRevoked: (token) => revocations.isRevoked(token),
    takeMessage: (userId) => rates.takeMessage(userId),
    listeners: (channelId) => rooms.listeners(channelId),
    onShardsMoved(shards) {
      const moved = new Set(shards);
      rooms.onShardsMoved(moved);
      attachments.moved((userId) => moved.has(options.shardOf(userId)));
    },
    drain: (how) => drainConnections(connections, how),
    refuseNewConnections() {
      accepts = false;
    },
    async close() {
      accepts = false;
      broadcaster.flush();
      for (const part of [sessions, revocations, attachments, rooms, outlet, hearing, guard]) part?.close();
      for (const { socket } of [...connections.all()]) socket.disconnect(true);
      await io.of("/").adapter.close();
      subscriptions.close();
      io.engine?.close();
    },
  };
}

/** Rooms, how they write, and the subscriptions on which they hear. */
function createRooms(options: GatewayOptions, connections: Connections, meter: GatewayMeter) {
  const { router, clock, shardOf, redis, prefix, logger } = options;
  const { slowClientBytes = SLOW_CLIENT_BYTES, slowCutMs = SLOW_CUT_MS } = options;
  const channelPrefix = channelPrefixOf(prefix);
  const subscriptions = new Subscriptions(redis.subscriber, logger);
  const positionOf = (channelId: ChannelId) => rooms.get(channelId)?.position;
  const outlet = new BudgetedOutlet(connections, {
    budgetBytes: slowClientBytes,
    slowCutMs,
    meter,
    positionOf,
  });
  const rooms: Rooms = new Rooms({
    router,
    clock,
    outlet,
    meter,
    gapGraceMs: GAP_GRACE_MS,
    ringsMaxBytes: RINGS_MAX_BYTES,
    shardOf,
    renew: (channelId) => subscriptions.renew(subscriptionOfRoom(channelPrefix, channelId)),
  });
  subscriptions.onSubscribed((subscription) => {
    const room = roomOfSubscription(channelPrefix, subscription);
    if (room) rooms.subscribed(room as ChannelId);
  });
  return { rooms, outlet, subscriptions };
}

function guardConnections(
  io: Server,
  connections: Connections,
  { slowClientBytes = SLOW_CLIENT_BYTES, rates, metrics }: GatewayOptions,
): { close(): void } {
  return guardEngine(io, {
    backlogMaxBytes: slowClientBytes * CUT_FACTOR,
    packetsPerSecond: packetsPerSecond(rates),
    cut(lane, reason) {
      const connection = [...connections.all()].find((each) => each.lane === lane);
      if (connection) closeConnection(connection, { reason });
      else metrics.disconnects.inc({ reason });
    },
  });
}

function createRevocations(options: GatewayOptions, connections: Connections): Revocations {
  const { redis, prefix, accounts, clock, logger } = options;
  return new Revocations({
    redis: redis.commands,
    prefix,
    accounts,
    nowMs: () => clock.nowMs(),
    log: logger,
    onRevoked(userId, validAfterMs) {
      for (const connection of [...connections.ofUser(userId)])
        if (connection.issuedAtMs <= validAfterMs) closeConnection(connection, { reason: "revoked" });
    },
  });
}

type Shared = {
  connections: Connections;
  meter: GatewayMeter;
  attachments: Attachments;
  rates: Rates;
  revocations: Revocations;
  rooms: Rooms;
  outlet: BudgetedOutlet;
  io: Server;
  accepts(): boolean;
};

/** Admission, sessions and requests on the server's sockets. */
function serve(options: GatewayOptions, shared: Shared): { close(): void } {
  const { router, memberships, history, accounts, clock, metrics, logger: log, node, heartbeatMs } = options;
  const { meter, rates, revocations, rooms, outlet, io } = shared;
  const isRevoked = (token: Token) => revocations.isRevoked(token);
  const admitted = new WeakMap<Socket, Admitted>();
  const { verifyToken, trustedProxies, health } = options;
  const count = (result: string) => metrics.connects.inc({ result });
  installAdmission(
    io,
    { verifyToken, isRevoked, rates, accepts: shared.accepts, trustedProxies, count, log },
    admitted,
  );
  const userExists = knownUsers(accounts);
  const dispatch = createDispatch({
    surroundings: { router, rooms, rates, history, memberships, accounts, userExists, health, meter },
    maySpeakTo: (connection) => outlet.maySpeakTo(connection),
    metrics,
    log,
  });
  const { connectionsPerUser = CONNECTIONS_PER_USER } = options;
  const ready = { router, rooms, meter, memberships, node, heartbeatMs, limits: limitsOf(options) };
  return serveSessions({
    ...shared,
    admitted,
    clock,
    ready,
    dispatch,
    isRevoked,
    connectionsPerUser,
    metrics,
    log,
  });
}

function limitsOf({ rates }: GatewayOptions): Limits {
  return {
    gapGraceMs: GAP_GRACE_MS,
    eventsPerSecond: rates.enabled ? rates.eventsPerSecond : UNLIMITED,
    messagesPerMinute: rates.enabled ? rates.messagesPerMinute : UNLIMITED,
    packetBytes: PACKET_BYTES_MAX,
    contentCharacters: TEXT_MAX,
  };
}

function knownUsers(accounts: GatewayOptions["accounts"]): (userId: UserId) => Promise<boolean> {
  const known = new LRUCache<UserId, true>({ max: KNOWN_USERS_MAX, ttl: KNOWN_USERS_TTL_MS });
  return async (userId) => {
    if (known.has(userId)) return true;
    const [user] = await accounts.users([userId]);
    if (user) known.set(userId, true);
    return user !== undefined;
  };
}
