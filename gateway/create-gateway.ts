/** Everything between Socket.IO clients and the Router, wired. */
import type { Server as HttpServer } from "node:http";
import type { Server, Socket } from "socket.io";
import type { Broadcaster } from "../actors/ports.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { type Limits, PACKET_BYTES_MAX } from "../protocol/session.ts";
import { TEXT_MAX } from "../protocol/text.ts";
import type { Hearing, LocalDevices } from "../src/ports.ts";
import { adapterHearing } from "./adapter/hearing.ts";
import { publishEvents, publishSignal } from "./adapter/hub-adapter.ts";
import { type Admitted, createLine, installAdmission } from "./admission.ts";
import { createBroadcaster } from "./broadcaster.ts";
import { closeConnection } from "./closing.ts";
import { Connections } from "./connections.ts";
import { createRooms, GAP_GRACE_MS, SLOW_CLIENT_BYTES } from "./create-rooms.ts";
import { type DrainOptions, drainConnections } from "./draining.ts";
import { guardEngine } from "./engine-guard.ts";
import { type GatewayMeter, gatewayMeter } from "./gateway-meter.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { createDispatch } from "./handlers/dispatch.ts";
import { knownUsers } from "./known-users.ts";
import type { Line } from "./line.ts";
import { LocalPeople } from "./local-people.ts";
import type { News } from "./news.ts";
import { type BudgetedOutlet, CUT_FACTOR } from "./outlet.ts";
import type { Connected } from "./ports.ts";
import { createRates, packetsPerSecond, type Rates } from "./rates.ts";
import { ReadMarks } from "./read-marks.ts";
import { Revocations } from "./revocation.ts";
import type { Rooms } from "./rooms/rooms.ts";
import type { Taken } from "./routes/rest-options.ts";
import { serveSessions } from "./sessions.ts";
import { createSocketServer, shortenFarewells } from "./socket-server.ts";

/** More than anyone has devices and tabs; each change of them tells the session actor of all. Chosen. */
const CONNECTIONS_PER_USER = 1_000;
/** Told to clients where rates are off: the schema wants a number. */
const UNLIMITED = 1_000_000;

export interface Gateway {
  /** For actors. On a node without sockets it only publishes. */
  readonly broadcaster: Broadcaster;
  /** Rule P4: the adapter's subscriptions. */
  readonly hearing: Hearing;
  readonly io: Server;
  /** For session actors, wherever they live. */
  readonly devices: LocalDevices;
  /** Begins to serve sockets on this HTTP server. Resolves when revocations have been read once. */
  attach(httpServer: HttpServer): Promise<void>;
  /** Voids all tokens of a user issued up to `atMs`, on all nodes within 2 s (rule E3). Postgres must know it. Never rejects. */
  revoke(userId: UserId, atMs: number): Promise<void>;
  isRevoked(token: { userId: UserId; issuedAtMs: number }): boolean;
  /** A person has one rate, however they send. */
  takeMessage(userId: UserId): Promise<Taken>;
  /** Connections on this node that listen to the channel. */
  listeners(channelId: ChannelId): number;
  /** Members of the channel who are connected to this node. */
  connected(channelId: ChannelId): Connected;
  /** See `News.outOfSpace`. */
  outOfSpace(spaceId: ChannelId, userId: UserId): Promise<boolean>;
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
  const nowMs = () => clock.nowMs();
  const budgetBytes = options.slowClientBytes ?? SLOW_CLIENT_BYTES;
  const people = new LocalPeople({ router, connections, node, nowMs, budgetBytes });
  const rates = createRates({ ...options.rates, redis: redis.commands, prefix });
  const revocations = createRevocations(options, connections);
  const { rooms, outlet, subscriptions, news } = createRooms(options, connections, meter);
  const readMarks = new ReadMarks(router, rooms);
  const line = createLine(options);
  const turnedAway = () => options.metrics.connects.inc({ result: "turned_away" });
  const io = createSocketServer({ ...options, line, turnedAway }, rooms);
  const hearing = adapterHearing({
    ...redis,
    subscriptions,
    channel: `${prefix}:beat:${node}`,
    logger: options.logger,
  });
  const broadcaster = createBroadcaster({
    emit(frame) {
      meter.broadcast(frame.events.length, () => rooms.hear(frame));
      publishEvents(io, frame).catch(({ message }: Error) => meter.unpublished(message));
    },
    pass(signal) {
      rooms.signal(signal);
      // A signal may be lost: the next one says what is then.
      publishSignal(io, signal).catch(() => {});
    },
    postHead: (head) => news.bulletin.postHead(head),
    postMove: (move) => news.bulletin.postMove(move),
  });
  let accepts = true;
  const shared = {
    connections,
    meter,
    attachments: people.attachments,
    watches: people.watches,
    rates,
    revocations,
    rooms,
    readMarks,
    spaces: news.spaces,
    bystanders: news.bystanders,
    outlet,
    io,
    line,
    accepts: () => accepts,
  };
  const sessions = serve(options, shared);
  let guard: { close(): void } | undefined;
  return {
    broadcaster,
    hearing,
    io,
    devices: people,
    async attach(httpServer) {
      await revocations.start();
      rooms.start();
      news.bulletin.listen();
      people.start();
      io.attach(httpServer);
      shortenFarewells(io);
      guard = guardConnections(io, connections, options);
    },
    revoke: (userId, atMs) => revocations.revoke(userId, atMs),
    isRevoked: (token) => revocations.isRevoked(token),
    takeMessage: (userId) => rates.takeMessage(userId),
    listeners: (channelId) => rooms.listeners(channelId),
    connected: (channelId) => news.bystanders.connectedTo(channelId),
    outOfSpace: (spaceId, userId) => news.outOfSpace(spaceId, userId),
    onShardsMoved(shards) {
      const moved = new Set(shards);
      rooms.onShardsMoved(moved);
      news.onShardsMoved(moved);
      people.moved((userId) => moved.has(options.shardOf(userId)));
    },
    drain: (how) => drainConnections(connections, how),
    refuseNewConnections() {
      accepts = false;
    },
    async close() {
      accepts = false;
      broadcaster.flush();
      const parts = [line, sessions, readMarks, revocations, people, news, rooms, outlet, hearing, guard];
      for (const part of parts) part?.close();
      for (const { socket } of [...connections.all()]) socket.disconnect(true);
      await io.of("/").adapter.close();
      subscriptions.close();
      io.engine?.close();
    },
  };
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
  attachments: LocalPeople["attachments"];
  watches: LocalPeople["watches"];
  rates: Rates;
  revocations: Revocations;
  rooms: Rooms;
  readMarks: ReadMarks;
  spaces: News["spaces"];
  bystanders: News["bystanders"];
  outlet: BudgetedOutlet;
  io: Server;
  line: Line;
  accepts(): boolean;
};

/** Admission, sessions and requests on the server's sockets. */
function serve(options: GatewayOptions, shared: Shared): { close(): void } {
  const {
    router,
    memberships,
    history,
    accounts,
    people,
    clock,
    metrics,
    logger: log,
    node,
    heartbeatMs,
  } = options;
  const { meter, rates, revocations, rooms, readMarks, spaces, bystanders, outlet, watches, io } = shared;
  const isRevoked = (token: Token) => revocations.isRevoked(token);
  const admitted = new WeakMap<Socket, Admitted>();
  const { verifyToken, trustedProxies, health } = options;
  const count = (result: string) => metrics.connects.inc({ result });
  installAdmission(
    io,
    { verifyToken, isRevoked, rates, line: shared.line, accepts: shared.accepts, trustedProxies, count, log },
    admitted,
  );
  const userExists = knownUsers(accounts);
  const dispatch = createDispatch({
    surroundings: {
      router,
      rooms,
      readMarks,
      spaces,
      rates,
      history,
      memberships,
      accounts,
      people,
      watches,
      userExists,
      health,
      meter,
    },
    maySpeakTo: (connection) => outlet.maySpeakTo(connection),
    metrics,
    log,
  });
  const { connectionsPerUser = CONNECTIONS_PER_USER } = options;
  const limits = limitsOf(options);
  const ready = { router, rooms, spaces, bystanders, meter, memberships, node, heartbeatMs, limits };
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
