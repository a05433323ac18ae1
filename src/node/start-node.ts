/** One node, wired. Read it from top to bottom for what a node is made of, and in which order it comes and goes. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { createTokens, type Tokens } from "../../gateway/auth/tokens.ts";
import type { Verifier } from "../../gateway/auth/verifier.ts";
import { createGateway, type Gateway } from "../../gateway/create-gateway.ts";
import { Cluster } from "../cluster/cluster.ts";
import { RedisLog } from "../cluster/log/redis-log.ts";
import { shardOf } from "../cluster/shard-of.ts";
import type { Config } from "../config.ts";
import { LEVEL } from "../lib/level.ts";
import { openStore, type Store } from "../store/store.ts";
import type { Logger } from "../telemetry/logger.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { listen, logServers, openGatewayRedis, type Place, placeOf, redisAddress } from "./addresses.ts";
import { startAuditing } from "./auditing.ts";
import { clientServer, operatorServer } from "./http-servers.ts";
import { whileLeased } from "./lease-router.ts";
import { startCatchingUp } from "./search-catch-up.ts";
import { shardsOf } from "./shards.ts";
import { type StoreWatch, watchStores } from "./store-watch.ts";
import { tokenVerifier } from "./token-verifier.ts";
import { VERSION } from "./version.ts";

/** Fixed for the life of a cluster: 256 logs are few enough to claim at once and many enough to spread (10). */
const SHARDS = 256;
const PLACED_LOOK_MS = 20;
/** A lease and a take-over after it, twice. A node without the others' shards is of use all the same. */
const PLACED_WITHIN_MS = 30_000;

export type Node = {
  /** Its incarnation. */
  readonly id: string;
  readonly place: Readonly<Place>;
  /** Hands over the shards within `withinMs`, sends the sockets away in waves, closes everything. */
  leave(withinMs: number): Promise<void>;
};

export type NodeHooks = {
  /** An operator asked this node to drain: do what SIGTERM does. */
  onDrain(): void;
};

type Parts = {
  config: Config;
  place: Place;
  metrics: Metrics;
  logger: Logger;
  store: Store;
  cluster: Cluster;
  redis: ReturnType<typeof openGatewayRedis>;
  stores: StoreWatch;
  catchingUp: ReturnType<typeof startCatchingUp>;
  /** Undefined on a node without actors. */
  auditing: ReturnType<typeof startAuditing> | undefined;
  tokens: Tokens;
  verifier: Verifier;
  gateway: Gateway;
  log: RedisLog;
  state: { draining: boolean };
};

/** Starts a node and resolves when it serves. Rejects with what stands in the way. */
export async function startNode(config: Config, logger: Logger, hooks: NodeHooks): Promise<Node> {
  const parts = makeParts(config, logger, hooks);
  const { cluster, gateway, place, store, log, metrics } = parts;
  const clock = { nowMs: () => cluster.clock.nowMs() };
  await cluster.start({
    openShard: shardsOf({
      config,
      cluster,
      clock,
      store,
      broadcaster: gateway.broadcaster,
      log,
      metrics,
      logger,
    }),
    hearings: [gateway.hearing],
  });
  const httpParts = { ...parts, redis: parts.redis.commands, isDraining: () => parts.state.draining };
  const servers = [operatorServer(httpParts)];
  if (config.roles.includes("gateway")) {
    await parts.verifier.start();
    const clients = await clientServer(httpParts);
    servers.unshift(clients);
    await gateway.attach(clients.server);
    place.url = await listen(clients, config.host, config.port, config.publicUrl);
  }
  place.metricsUrl = await listen(servers.at(-1)!, config.host, config.metricsPort, config.publicMetricsUrl);
  cluster.join();
  await whenPlaced(cluster, logger);
  return { id: cluster.incarnation, place, leave: (withinMs) => leave(parts, servers, withinMs) };
}

/** Until this node is a member and every shard is answered for: who hears "ready" may create anything at once. */
async function whenPlaced(cluster: Cluster, logger: Logger): Promise<void> {
  const untilMs = performance.now() + PLACED_WITHIN_MS;
  for (;;) {
    const unserved = cluster.lease.holds() ? await cluster.unserved() : SHARDS;
    if (unserved === 0) return;
    if (cluster.lease.holds() && performance.now() > untilMs) {
      const why =
        "serving, though some shards are served by no node yet: see the other nodes' logs, and Postgres";
      return logger.warn({ unserved }, why);
    }
    await sleep(PLACED_LOOK_MS);
  }
}

function makeParts(config: Config, logger: Logger, hooks: NodeHooks): Parts {
  const metrics = createMetrics();
  const { databaseUrl, databaseReadUrl: replicaUrl } = config;
  const store = openStore({ databaseUrl, replicaUrl, metrics, log: logger });
  const place = placeOf(config);
  const cluster: Cluster = new Cluster({
    get url() {
      return place.url;
    },
    get metricsUrl() {
      return place.metricsUrl;
    },
    redis: redisAddress(config),
    prefix: config.prefix,
    shards: SHARDS,
    name: config.name,
    level: LEVEL,
    roles: config.roles,
    version: VERSION,
    record: store.clusterRecord,
    listeners: (channelId) => gateway.listeners(channelId),
    connected: (channelId) => gateway.connected(channelId),
    devices: () => gateway.devices,
    outOfSpace: (spaceId, userId) => gateway.outOfSpace(spaceId, userId),
    onDrain: hooks.onDrain,
    onShardsMoved: (shards) => gateway.onShardsMoved(shards),
    metrics,
    logger,
  });
  const redis = openGatewayRedis(config, logger);
  const stores = watchStores({ redis: redis.commands, ping: () => store.ping(), logger });
  const catchingUp = startCatchingUp(() => store.search.catchUp(), logger);
  const { audit } = store;
  const auditing = config.roles.includes("actors")
    ? startAuditing({ audit, stores, metrics, logger })
    : undefined;
  const tokens = createTokens({
    secret: config.tokenSecret,
    issuer: "hubbub",
    audience: "hubbub",
    ttlMs: config.accessTokenTtlMs,
    nowMs: () => cluster.clock.nowMs(),
  });
  const nowMs = () => cluster.clock.nowMs();
  const verifier = tokenVerifier(config, tokens, { people: store.people, nowMs, log: logger });
  const parts = { config, logger, metrics, store, cluster, redis, stores, tokens, verifier };
  const gateway: Gateway = makeGateway(parts);
  const log = new RedisLog({
    servers: logServers(config),
    prefix: config.prefix,
    memoryShare: config.logMemoryPercent / 100,
    level: () => cluster.level,
    logger,
  });
  return {
    config,
    place,
    metrics,
    logger,
    store,
    cluster,
    redis,
    stores,
    catchingUp,
    auditing,
    tokens,
    verifier,
    gateway,
    log,
    state: { draining: false },
  };
}

function makeGateway(
  parts: Omit<Parts, "gateway" | "log" | "place" | "state" | "catchingUp" | "auditing">,
): Gateway {
  const { config, cluster, store, redis, stores, verifier, metrics, logger } = parts;
  const nowMs = () => cluster.clock.nowMs();
  return createGateway({
    node: cluster.incarnation,
    prefix: config.prefix,
    redis,
    router: whileLeased(cluster.router, cluster.lease),
    memberships: store.memberships,
    history: store.history,
    accounts: store.accounts,
    people: store.people,
    clock: { nowMs },
    verifyToken: verifier.verifyToken,
    shardOf: (id) => shardOf(id, SHARDS),
    health: () => ({
      node: cluster.incarnation,
      atMs: nowMs(),
      redis: stores.redis ? "ok" : "away",
      postgres: stores.postgres ? "ok" : "away",
      roles: [...config.roles],
    }),
    transports: config.transports,
    origins: config.origins,
    trustedProxies: config.trustedProxies,
    heartbeatMs: config.heartbeatMs,
    rates: { enabled: config.rateLimits, ...config },
    slowClientBytes: config.slowClientBytes,
    metrics,
    logger,
  });
}

/** Shards first, while sockets still talk through the others; then sockets, in waves; then everything else. */
async function leave(parts: Parts, servers: readonly FastifyInstance[], withinMs: number): Promise<void> {
  const { cluster, gateway, verifier, store, stores, catchingUp, auditing, log, redis, state } = parts;
  state.draining = true;
  await cluster.drain({ withinMs });
  gateway.refuseNewConnections();
  await gateway.drain();
  await gateway.close();
  verifier.close();
  await store.projector.stop();
  await cluster.stop();
  stores.stop();
  catchingUp.stop();
  auditing?.stop();
  await Promise.allSettled(servers.map((server) => server.close()));
  log.close();
  for (const client of Object.values(redis)) client.disconnect();
  await store.close();
}
