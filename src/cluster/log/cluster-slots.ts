/** Which master of a Redis Cluster serves a shard's log now. ioredis keeps the map of slots; commands never go through it. */

import keySlot from "cluster-key-slot";
import { Cluster, type ClusterNode, type ClusterOptions, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import { COMMAND_TIMEOUT_MS } from "./redis-link.ts";

/** `host:port` of a master. */
export type Address = string;

/** Between two looks at the map of slots when nothing asks for one, milliseconds. */
const REFRESH_INTERVAL_MS = 5_000;

export type ClusterSlotsOptions = {
  nodes: ClusterNode[];
  redis?: RedisOptions;
  natMap?: ClusterOptions["natMap"];
  keyOf: (shard: number) => string;
  logger: Logger;
  onChange: () => void;
};

export class ClusterSlots {
  #cluster: Cluster;
  #options: ClusterSlotsOptions;
  #masters = new Set<Address>();
  /** Asked for at every append. */
  #slotOf = new Map<number, number>();

  constructor(options: ClusterSlotsOptions) {
    this.#options = options;
    const { nodes, natMap, redis, logger } = options;
    this.#cluster = new Cluster(nodes, {
      natMap,
      slotsRefreshInterval: REFRESH_INTERVAL_MS,
      redisOptions: { ...redis, connectTimeout: COMMAND_TIMEOUT_MS, commandTimeout: COMMAND_TIMEOUT_MS },
    });
    this.#cluster.on("refresh", () => this.#refreshed());
    this.#cluster.on("error", (error) => logger.warn({ reason: error.message }, "log cluster out of reach"));
  }

  addressOf(shard: number): Address | undefined {
    const slot = this.#slotOf.get(shard) ?? keySlot(this.#options.keyOf(shard));
    this.#slotOf.set(shard, slot);
    return this.#cluster.slots[slot]?.[0];
  }

  serves(address: Address): boolean {
    return this.#masters.has(address);
  }

  endpoint(address: Address): { host: string; port: number } {
    const colon = address.lastIndexOf(":");
    return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  }

  /** Asks the cluster for its map; one question at a time. */
  refresh(): void {
    if (this.#cluster.status === "ready") this.#cluster.refreshSlotsCache();
  }

  #refreshed(): void {
    this.#masters = new Set(
      this.#cluster.slots.map((nodes) => nodes?.[0]).filter((address) => address !== undefined),
    );
    this.#options.onChange();
  }

  close(): void {
    this.#cluster.disconnect();
  }
}
