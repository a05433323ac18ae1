/** Where a node is reached, and where it reaches Redis. */
import type { FastifyInstance } from "fastify";
import type { LogServers } from "../cluster/log/redis-log.ts";
import { openRedis } from "../cluster/redis.ts";
import type { Config } from "../config.ts";
import { clusterEntry, endpointOf, type RedisAddress, serverOptions } from "../lib/redis-address.ts";
import type { Logger } from "../telemetry/logger.ts";

/** What others reach this node by. A port of 0 is known only once it listens. */
export type Place = { url: string; metricsUrl: string };

export function placeOf(config: Config): Place {
  return {
    url: config.publicUrl ?? urlAt(config.host, config.port),
    metricsUrl: config.publicMetricsUrl ?? urlAt(config.host, config.metricsPort),
  };
}

/** Listens, and answers under which URL. Rejects with the system's error where the port is taken. */
export async function listen(
  app: FastifyInstance,
  host: string,
  port: number,
  publicUrl?: string,
): Promise<string> {
  await app.listen({ host, port });
  const address = app.server.address();
  return publicUrl ?? urlAt(host, typeof address === "object" && address ? address.port : port);
}

function urlAt(host: string, port: number): string {
  const name = host === "::" || host === "0.0.0.0" ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** The gateway's connections: scripts and rates, publishing, subscribing: apart, so that none waits behind another. */
export function openGatewayRedis(config: Config, logger: Logger) {
  const redis = redisAddress(config);
  const clients = {
    commands: openRedis(redis, "commands"),
    publisher: openRedis(redis, "publisher"),
    subscriber: openRedis(redis, "subscriber"),
  };
  // `store-watch.ts` says once that Redis is away; each client would say it several times a second, with a stack.
  for (const [client, connection] of Object.entries(clients))
    connection.on("error", (error: Error) =>
      logger.debug({ client, reason: error.message }, "gateway: connection error"),
    );
  return clients;
}

/** The logs' own form of `REDIS_URL`: they open one connection per server themselves. */
export function logServers(config: Config): LogServers {
  const address = redisAddress(config);
  if (address.kind === "standalone") return { kind: "single", redis: serverOptions(address) };
  if (address.kind === "cluster")
    return { kind: "cluster", nodes: address.urls.map(endpointOf), redis: clusterEntry(address) };
  return { kind: "sentinel", address };
}

/** `REDIS_URL`, with what signs the servers' certificates. */
export function redisAddress({ redis, redisCa }: Config): RedisAddress {
  return { ...redis, ...(redisCa !== undefined && { ca: redisCa }) };
}
