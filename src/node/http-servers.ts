/** The two HTTP servers of a node: clients' (REST, page, sockets) and operators'. */
import type { FastifyInstance } from "fastify";
import { createSignIns } from "../../gateway/auth/accounts.ts";
import { createPasswords } from "../../gateway/auth/passwords.ts";
import type { Tokens } from "../../gateway/auth/tokens.ts";
import type { Verifier } from "../../gateway/auth/verifier.ts";
import type { Gateway } from "../../gateway/create-gateway.ts";
import { createAccountRates } from "../../gateway/http/account-rates.ts";
import { createHttp } from "../../gateway/http/create-http.ts";
import { createOperations } from "../../gateway/http/operations.ts";
import { onceASecond } from "../../gateway/once-a-second.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { RedisClient } from "../cluster/redis.ts";
import type { Config } from "../config.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { whileLeased } from "./lease-router.ts";
import { tokenLender } from "./lend-token.ts";
import type { StoreWatch } from "./store-watch.ts";

export type HttpParts = {
  config: Config;
  cluster: Cluster;
  store: Store;
  gateway: Gateway;
  tokens: Tokens;
  verifier: Verifier;
  redis: RedisClient;
  stores: StoreWatch;
  isDraining: () => boolean;
  metrics: Metrics;
  logger: Logger;
};

export function clientServer(parts: HttpParts): Promise<FastifyInstance> {
  const { config, cluster, store, gateway, tokens, verifier, redis, metrics, logger } = parts;
  const nowMs = () => cluster.clock.nowMs();
  return createHttp({
    router: whileLeased(cluster.router, cluster.lease),
    accounts: store.accounts,
    history: store.history,
    memberships: store.memberships,
    people: store.people,
    search: store.search,
    connected: onceASecond(cluster.connected),
    ownAccounts: config.ownAccounts,
    signIns: createSignIns({
      accounts: store.accounts,
      tokens,
      passwords: createPasswords(),
      revocations: gateway,
      nowMs,
      refreshTtlMs: config.refreshTokenTtlMs,
    }),
    accountRates: createAccountRates({
      redis,
      prefix: config.prefix,
      registrationsPerMinute: config.registrationsPerMinute,
      enabled: config.rateLimits,
    }),
    takeMessage: (userId) => gateway.takeMessage(userId),
    nowMs,
    tokens: verifier,
    isRevoked: (token) => gateway.isRevoked(token),
    origins: config.origins,
    trustedProxies: config.trustedProxies,
    logger,
    metrics,
  });
}

export function operatorServer(parts: HttpParts): FastifyInstance {
  const { config, cluster, store, tokens, stores, isDraining, metrics, logger } = parts;
  return createOperations({
    adminToken: config.adminToken,
    registry: metrics.registry,
    readiness: async () => ({
      ...(await stores.look()),
      lease: cluster.lease.holds(),
      draining: isDraining(),
    }),
    status: () => cluster.status(),
    channel: (id) => channelPlace(cluster, id),
    drain: (node) => cluster.requestDrain(node),
    placement: cluster.placement,
    lendToken: tokenLender(store.accounts, tokens),
    logger,
  });
}

/** Undefined where its owner knows no such channel. */
async function channelPlace(cluster: Cluster, id: ChannelId) {
  const place = await cluster.whereIs(id);
  return place.epoch !== undefined && place.seq === undefined ? undefined : place;
}
