/** The shard logs of a standalone Redis or of a Redis Cluster. */
import type { ClusterNode, ClusterOptions, RedisOptions } from "ioredis";
import type { Logger } from "pino";
import { LEVEL } from "../../lib/level.ts";
import { type RedisAddress, sentinelOptions } from "../../lib/redis-address.ts";
import { SentinelWatch } from "../sentinel-watch.ts";
import { type Address, ClusterSlots } from "./cluster-slots.ts";
import type { LogLink, LogStore } from "./log-store.ts";
import { isWithoutRoom, logKey, RedisLink } from "./redis-link.ts";
import { LOG_MEMORY_SHARE } from "./retention.ts";
import { RETRY_FIRST_MS, RETRY_LONGEST_MS } from "./timers.ts";

/**
 * Where the logs are. `single`: one server (`host`, `port` or `path`). `sentinel`: the one that the Sentinels call the
 * master. `cluster`: nodes to start from; `redis` says how to enter each (`username`, `password`, `tls`), `natMap` how to reach it.
 */
export type LogServers =
  | { kind: "single"; redis: RedisOptions }
  | { kind: "sentinel"; address: Extract<RedisAddress, { kind: "sentinel" }> }
  | { kind: "cluster"; nodes: ClusterNode[]; redis?: RedisOptions; natMap?: ClusterOptions["natMap"] };

export type RedisLogOptions = {
  servers: LogServers;
  /** Of all keys: `hub`. */
  prefix: string;
  /** See `RedisLinkOptions`; default `LOG_MEMORY_SHARE`. */
  memoryShare?: number;
  /** The cluster's level, now (rule E7). Default: all that this version knows. */
  level?: () => number;
  logger: Logger;
};

/** A server that may hold logs, and the one link to it, made anew whenever it ends. */
type Line = { link: RedisLink | undefined; retry: NodeJS.Timeout | undefined; retryMs: number };

const SAY_AGAIN_MS = 60_000;

/** The only server where there is no cluster. */
const ONLY: Address = "";

export class RedisLog implements LogStore {
  #options: RedisLogOptions;
  #lines = new Map<Address, Line>();
  #watchers = new Set<() => void>();
  #slots: ClusterSlots | undefined;
  #sentinels: SentinelWatch | undefined;
  /** Failovers that Sentinels spoke of, each as often as it was said. */
  #switches = 0;
  /** When it was last said that a server has no room; monotonic. */
  #fullSaidAtMs = Number.NEGATIVE_INFINITY;
  #begun = false;
  #closed = false;

  constructor(options: RedisLogOptions) {
    this.#options = options;
  }

  /** Said once a minute while it lasts: each append that is tried again finds the same. */
  #troubled(address: Address, error: Error): void {
    const { logger } = this.#options;
    const facts = { ...named(address), reason: error.message };
    const nowMs = performance.now();
    if (!isWithoutRoom(error)) logger.debug(facts, "log connection");
    else if (nowMs - this.#fullSaidAtMs > SAY_AGAIN_MS) {
      this.#fullSaidAtMs = nowMs;
      logger.error(facts, "log: Redis has no room; nothing is confirmed until it has");
    }
  }

  /** Not before the first question: a node without actors opens no log. */
  #begin(): void {
    this.#begun = true;
    const { servers, prefix, logger } = this.#options;
    if (servers.kind === "sentinel")
      this.#sentinels = new SentinelWatch(servers.address, () => this.#switched());
    if (servers.kind === "cluster")
      this.#slots = new ClusterSlots({
        ...servers,
        keyOf: (shard) => logKey(prefix, shard),
        logger,
        onChange: () => this.#slotsChanged(),
      });
    else this.#openLine(ONLY);
  }

  link(shard: number): LogLink | undefined {
    if (this.#closed) return undefined;
    if (!this.#begun) this.#begin();
    const address = this.#slots ? this.#slots.addressOf(shard) : ONLY;
    if (address === undefined) return undefined;
    return (this.#lines.get(address) ?? this.#openLine(address)).link;
  }

  watch(_shard: number, changed: () => void): () => void {
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Ends all connections. */
  close(): void {
    this.#closed = true;
    this.#slots?.close();
    this.#sentinels?.close();
    for (const address of [...this.#lines.keys()]) this.#closeLine(address);
  }

  #openLine(address: Address): Line {
    const line: Line = { link: undefined, retry: undefined, retryMs: RETRY_FIRST_MS };
    this.#lines.set(address, line);
    void this.#connect(address, line);
    return line;
  }

  #closeLine(address: Address): void {
    const line = this.#lines.get(address);
    this.#lines.delete(address);
    clearTimeout(line?.retry);
    line?.link?.close();
  }

  async #connect(address: Address, line: Line): Promise<void> {
    const { prefix, logger, memoryShare = LOG_MEMORY_SHARE, level = () => LEVEL } = this.#options;
    const switches = this.#switches;
    try {
      const link = await RedisLink.open({
        redis: this.#redisAt(address),
        prefix,
        memoryShare,
        level,
        onEnd: (ended) => this.#ended(address, line, ended),
        onMoved: () => this.#slots?.refresh(),
        onError: (error) => this.#troubled(address, error),
      });
      if (this.#lines.get(address) !== line) return link.close();
      if (this.#switches !== switches) {
        link.close();
        return this.#retry(address, line); // it may have been led to the former master
      }
      line.link = link;
      line.retryMs = RETRY_FIRST_MS;
      logger.info({ ...named(address), runId: link.server.runId }, "log connected");
      this.#changed();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const facts = { ...named(address), reason: error.message };
      // Once per outage: the tries that follow say nothing new.
      if (line.retryMs > RETRY_FIRST_MS) logger.debug(facts, "log out of reach");
      else logger.warn(facts, "log out of reach: nothing is confirmed until Redis answers; trying on");
      this.#retry(address, line);
    }
  }

  #ended(address: Address, line: Line, link: RedisLink): void {
    if (line.link !== link) return;
    line.link = undefined;
    if (this.#lines.get(address) === line) {
      this.#options.logger.warn(
        named(address),
        "log connection ended: nothing is confirmed until it is back",
      );
      this.#retry(address, line);
    }
    this.#changed();
  }

  #retry(address: Address, line: Line): void {
    if (this.#lines.get(address) !== line) return;
    this.#slots?.refresh();
    line.retry = setTimeout(() => void this.#connect(address, line), line.retryMs);
    line.retryMs = Math.min(line.retryMs * 2, RETRY_LONGEST_MS);
  }

  #redisAt(address: Address): RedisOptions {
    const { servers } = this.#options;
    if (servers.kind === "cluster") return { ...servers.redis, ...this.#slots!.endpoint(address) };
    // Looked up anew by every connection; where no Sentinel answers, that try has failed.
    if (servers.kind === "sentinel")
      return { ...sentinelOptions(servers.address), sentinelRetryStrategy: () => null };
    return servers.redis;
  }

  /** Another master: whoever is linked to the former one must not write there any more, though it may answer. */
  #switched(): void {
    this.#switches++;
    for (const { link } of this.#lines.values()) link?.close();
  }

  /** Servers that hold no slot any more are left. */
  #slotsChanged(): void {
    for (const address of [...this.#lines.keys()])
      if (!this.#slots!.serves(address)) this.#closeLine(address);
    this.#changed();
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** The only server has no address worth a field. */
function named(address: Address): { address?: Address } {
  return address === ONLY ? {} : { address };
}
