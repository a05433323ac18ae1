/** One node's part in the cluster: it joins, takes its share of the shards, finds everyone else's, and leaves in order. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Devices, NodeNews, Router } from "../../actors/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { assert } from "../lib/assert.ts";
import type { ChannelStatus, ClusterStatus } from "../ports.ts";
import type { ClusterOptions, ClusterParts } from "./cluster-options.ts";
import { agreeInRedis, mustAgree } from "./cluster-record.ts";
import { disconnect, type Ground, layGround, whenConnected } from "./ground.ts";
import { Leadership } from "./leader.ts";
import { NodeLease } from "./lease.ts";
import { Messaging } from "./messaging.ts";
import { fromFields, type LiveNode, type NodeRecord } from "./nodes.ts";
import { untilAnswered } from "./redis.ts";
import type { Lease } from "./shard-host.ts";
import { Vitals } from "./vitals.ts";

/** While draining: how often a node looks whether its shards are gone, and whether anyone is left to take them. */
const DRAIN_LOOK_MS = 100;
/** The last node to drain lets Postgres catch up for this long; the rest stays in the log (rule P3). */
const LAST_FLUSH_MS = 10_000;
/** Leases are renewed every 2 s; half as much again for a busy node. */
const RENEWED_WITHIN_MS = 3_000;
/** A node that stops without having drained gives its shards this long. */
const STOP_WITHIN_MS = 1_000;

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #ground: Ground;
  readonly #messaging: Messaging;
  readonly #vitals: Vitals;
  readonly #lease: NodeLease;
  readonly #leadership: Leadership;
  #parts: ClusterParts | undefined;
  #startedAtMs = 0;
  #draining = false;
  /** A lease may have been taken. */
  #joined = false;
  #stopped: Promise<void> | undefined;

  /** Connects, and waits for `start`. */
  constructor(options: ClusterOptions) {
    const { metrics, listeners, devices, outOfSpace, onDrain, onShardsMoved } = options;
    const ground = layGround(options);
    this.#options = options;
    this.#ground = ground;
    this.#messaging = new Messaging({
      ground,
      openShard: (shard, events) => this.#made().openShard(shard, events),
      onShardChange: () => this.#lease.renewSoon(),
      listeners,
      devices,
      hasLease: () => this.#lease.holds(),
      outOfSpace,
      onDrain,
      metrics,
    });
    const { shards, bus, news } = this.#messaging;
    this.#vitals = new Vitals({ hosts: () => shards.hosts(), metrics });
    this.#lease = new NodeLease({
      ...ground,
      hearings: () => [bus, ...this.#made().hearings],
      record: () => this.#record(),
      onHeld: (again) => this.#held(again),
    });
    this.#leadership = new Leadership({
      ...ground,
      lease: this.#lease,
      tellGone: (gone, nodes) => news.tellGone(gone, nodes),
      metrics,
    });
    ground.table.onChange(onShardsMoved);
  }

  /** This process among all that ever ran: `<name>.<nonce>`. A node's `id` everywhere. */
  get incarnation(): string {
    return this.#ground.incarnation;
  }

  /** Not to be read before `start` has resolved. */
  get clock(): Clock {
    return this.#ground.clock;
  }

  get lease(): Lease {
    return this.#lease;
  }

  get router(): Router {
    return this.#messaging.router;
  }

  /** The way of session actors to their people's connections, on whatever node. */
  get devices(): Devices {
    return this.#messaging.devices;
  }

  /** Who is out of a space, and which nodes are gone. */
  get nodeNews(): NodeNews {
    return this.#messaging.news;
  }

  /**
   * How many shards nobody would answer for: without an owner, or owned by a node that is gone or does not serve them
   * yet. One that is handed over counts as served: requests wait for it. All of them while Redis is away.
   */
  async unserved(): Promise<number> {
    const { table, control, incarnation, logger } = this.#ground;
    try {
      const nodes = (await control.readNodes()).map(fromFields).filter((node) => this.#isThere(node));
      const live = new Map(nodes.map((node) => [node.id, node.serving]));
      live.set(incarnation, this.#messaging.shards.serving());
      return Array.from({ length: table.shards }, (_, shard) => table.row(shard)).filter(
        ({ node = "", previous = "" }, shard) =>
          !live.has(node) || !(live.get(node)?.has(shard) || live.has(previous)),
      ).length;
    } catch (error) {
      logger.debug({ err: error }, "start: Redis did not answer");
      return table.shards;
    }
  }

  /**
   * Resolves when the clock is set and the table read: whatever is built on them can be, and nobody knows of this node yet.
   * Waits for Redis as long as it takes. Rejects with `ClusterDisagrees` when the cluster's record is another, and with
   * `StoreAway`.
   */
  async start(parts: ClusterParts): Promise<void> {
    assert(this.#parts === undefined, "a cluster starts once");
    this.#parts = parts;
    const { control, clock, reader, logger } = this.#ground;
    const { record, shards, protocol } = this.#options;
    await whenConnected(this.#ground);
    const again = (error: unknown) =>
      logger.warn({ reason: (error as Error).message }, "start: Redis did not answer; asking again");
    await untilAnswered(() => this.#setClock(), again);
    this.#startedAtMs = clock.nowMs();
    const ours = { shards, protocol, createdAtMs: this.#startedAtMs };
    const stored = await record.agree(ours);
    mustAgree("Postgres", ours, stored);
    mustAgree("Redis", ours, await untilAnswered(() => agreeInRedis(control, stored), again));
    await reader.read();
    reader.start();
    this.#vitals.start();
  }

  /**
   * From here on the node is one of the cluster, once everything else of it stands: its lease follows as soon as it hears itself
   * on every way, and shards follow the lease. A shard that came to a node still starting would wait for it.
   */
  join(): void {
    assert(this.#parts !== undefined, "the cluster has started");
    this.#joined = true;
    this.#lease.start();
    this.#leadership.start();
  }

  /** As `hubbub status --json`. Rejects when Redis is away. */
  status(): Promise<ClusterStatus> {
    return this.#messaging.status.status();
  }

  /** As `hubbub channel --json`. Rejects when Redis is away. */
  whereIs(channelId: ChannelId): Promise<ChannelStatus> {
    return this.#messaging.status.whereIs(channelId);
  }

  /** Asks a node to drain. False: no node with a lease has this id or name. Rejects when Redis is away. */
  async requestDrain(nodeIdOrName: string): Promise<boolean> {
    const live = (await this.#ground.control.readNodes()).map(fromFields);
    const named = live.filter(({ id, name }) => id === nodeIdOrName || name === nodeIdOrName);
    const node = named.toSorted((a, b) => b.startedAtMs - a.startedAtMs)[0]; // not one that died under that name just now
    if (node === undefined) return false;
    if (node.id === this.incarnation) this.#options.onDrain();
    else this.#messaging.bus.send(node.id, { type: "drain" });
    return true;
  }

  /**
   * Moves all shards of this node away, without an error to anyone (rule P3); after `withinMs`, or when no other node
   * takes shards, those that are left are stopped and flushed. Resolves when none runs. The node keeps its lease and
   * routes on until `stop`.
   */
  async drain({ withinMs }: { withinMs: number }): Promise<void> {
    const { logger } = this.#ground;
    const { shards } = this.#messaging;
    const untilMs = performance.now() + withinMs;
    this.#draining = true;
    logger.info({ shards: shards.hosts().length }, "drain: moving shards away");
    this.#lease.renewSoon();
    await this.#leadership.renounce();
    while (shards.hosts().length > 0 && performance.now() < untilMs && (await this.#hasSuccessor()))
      await sleep(DRAIN_LOOK_MS);
    const left = shards.hosts().length;
    if (left > 0) logger.info({ shards: left }, "drain: stopping shards that nobody takes");
    await shards.close({ withinMs: LAST_FLUSH_MS, flush: true });
    logger.info("drain: no shard is left");
  }

  /** Stops what runs, gives the lease back, so that everything is free at once, and closes all connections. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #setClock(): Promise<void> {
    const { control, clock } = this.#ground;
    const sentAtMs = performance.now();
    clock.observe(await control.time(), sentAtMs, performance.now());
  }

  async #stop(): Promise<void> {
    const { control, reader, incarnation, logger } = this.#ground;
    await this.#messaging.shards.close({ withinMs: STOP_WITHIN_MS, flush: false });
    this.#vitals.stop();
    reader.stop();
    await Promise.all([this.#leadership.stop(), this.#lease.stop()]);
    if (this.#joined) {
      await control.leave(incarnation).catch((error: unknown) => {
        logger.warn({ err: error }, "lease: could not be given back; it runs out");
      });
    }
    await this.#messaging.stop();
    await disconnect(this.#ground);
  }

  #held(again: boolean): void {
    this.#leadership.trySoon();
    if (!again) return;
    this.#messaging.news.missed();
    this.#options.onShardsMoved(Array.from({ length: this.#ground.table.shards }, (_, shard) => shard));
  }

  /** Does another node take shards? Unknown is yes: Redis is away, and the deadline decides. */
  async #hasSuccessor(): Promise<boolean> {
    try {
      const live = (await this.#ground.control.readNodes()).map(fromFields);
      return live.some(
        ({ id, roles, draining }) => id !== this.incarnation && roles.includes("actors") && !draining,
      );
    } catch (error) {
      this.#ground.logger.debug({ err: error }, "drain: Redis did not answer");
      return true;
    }
  }

  /** A lease outlives its node by seconds: not one that should have been renewed by now, nor the one that died under our name. */
  #isThere({ name, leaseAgeMs }: LiveNode): boolean {
    return leaseAgeMs < RENEWED_WITHIN_MS && name !== this.#options.name;
  }

  #made(): ClusterParts {
    assert(this.#parts !== undefined, "the cluster has started");
    return this.#parts;
  }

  #record(): NodeRecord {
    const { name, url, metricsUrl, roles, version } = this.#options;
    const { loads, utilisation } = this.#vitals;
    const backlog = this.#vitals.backlog();
    return {
      name,
      url,
      metricsUrl,
      roles: [...roles],
      version,
      pid: process.pid,
      startedAtMs: this.#startedAtMs,
      draining: this.#draining,
      load: [...loads.values()].reduce((sum, load) => sum + load, 0),
      loads,
      utilisation,
      unflushedEvents: backlog.events,
      unflushedAgeMs: backlog.ageMs,
      tableVersion: this.#ground.table.version,
      serving: this.#messaging.shards.serving(),
    };
  }
}
