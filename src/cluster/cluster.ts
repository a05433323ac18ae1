/** One node's part in the cluster: it joins, takes its share of the shards, finds everyone else's, and leaves in order. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Devices, NodeNews, Router } from "../../actors/ports.ts";
import type { ConnectedMembers } from "../../gateway/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { assert } from "../lib/assert.ts";
import { FIRST_LEVEL } from "../lib/level.ts";
import type { ChannelStatus, ClusterStatus, Placement } from "../ports.ts";
import type { ClusterOptions, ClusterParts } from "./cluster-options.ts";
import { agreeInRedis, mustAgree } from "./cluster-record.ts";
import { disconnect, type Ground, layGround, whenConnected } from "./ground.ts";
import { Leadership } from "./leader.ts";
import { NodeLease } from "./lease.ts";
import { followLevel, LevelRise } from "./level-rise.ts";
import { Messaging } from "./messaging.ts";
import { countUnserved, hasSuccessor, newestNamed } from "./neighbours.ts";
import { fromFields, type NodeRecord } from "./nodes.ts";
import { untilAnswered } from "./redis.ts";
import type { Lease } from "./shard-host.ts";
import { Vitals } from "./vitals.ts";

/** While draining: how often a node looks whether its shards are gone, and whether anyone is left to take them. */
const DRAIN_LOOK_MS = 100;
/** The last node to drain lets Postgres catch up for this long; the rest stays in the log (rule P3). */
const LAST_FLUSH_MS = 10_000;
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

  /** Connects, and waits for `start`. `ground`: the connections and the clock, unless Redis is to be reached otherwise. */
  constructor(options: ClusterOptions, ground: Ground = layGround(options)) {
    const { metrics, listeners, connected, devices, outOfSpace, onDrain, onShardsMoved } = options;
    this.#options = options;
    this.#ground = ground;
    this.#messaging = new Messaging({
      ground,
      openShard: (shard, events) => this.#made().openShard(shard, events),
      onShardChange: () => this.#lease.renewSoon(),
      listeners,
      connected,
      devices,
      hasLease: () => this.#lease.holds(),
      outOfSpace,
      onDrain,
      loads: () => this.#vitals.loads,
      grant: (wish) => this.#leadership.grant(wish),
      onLook: () => this.#leadership.lookSoon(),
      metrics,
    });
    const { shards, bus, news } = this.#messaging;
    this.#vitals = new Vitals({ hosts: () => shards.hosts(), metrics });
    this.#lease = new NodeLease({
      ...ground,
      hearings: () => [bus, ...this.#made().hearings],
      record: () => this.#record(),
      onHeld: (again) => this.#held(again),
      onTold: () => this.#tellLeader(),
    });
    this.#leadership = new Leadership({
      ...ground,
      lease: this.#lease,
      tellGone: (gone, nodes) => news.tellGone(gone, nodes),
      levels: new LevelRise({
        ...ground,
        level: ground.table.level,
        record: options.record,
        sendAway: (node) => void bus.send(node, { type: "drain" }),
      }),
      metrics,
    });
    ground.table.onChange(onShardsMoved);
    followLevel({ ...ground, level: ground.table.level, knows: options.level, metrics, onBeyond: onDrain });
  }

  /** This process among all that ever ran: `<name>.<nonce>`. A node's `id` everywhere. */
  get incarnation(): string {
    return this.#ground.incarnation;
  }

  /** Not to be read before `start` has resolved. */
  get clock(): Clock {
    return this.#ground.clock;
  }

  /** What of entries, commands and columns may be written now (rule E7). */
  get level(): number {
    return this.#ground.table.level.current;
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

  /** Who of a channel is connected, to whatever node. */
  get connected(): ConnectedMembers {
    return this.#messaging.connected;
  }

  /** Who is out of a space, and which nodes are gone. */
  get nodeNews(): NodeNews {
    return this.#messaging.news;
  }

  /**
   * How many shards nobody would answer for: without an owner, or owned by a node that is gone or does not serve them
   * yet. One that is handed over counts as served: requests wait for it. All of them while Redis is away.
   */
  unserved(): Promise<number> {
    return countUnserved(this.#ground, this.#options.name, this.#messaging.shards.serving());
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
    const { record, shards, level } = this.#options;
    await whenConnected(this.#ground);
    const again = (error: unknown) =>
      logger.warn({ reason: (error as Error).message }, "start: Redis did not answer; asking again");
    await untilAnswered(() => this.#setClock(), again);
    this.#startedAtMs = clock.nowMs();
    const ours = { shards, protocol: level, level, createdAtMs: this.#startedAtMs };
    const stored = await record.agree(ours);
    mustAgree("Postgres", ours, stored);
    mustAgree("Redis", ours, await untilAnswered(() => agreeInRedis(control, stored), again));
    this.#ground.table.level.rise(stored.level ?? FIRST_LEVEL);
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

  /** What runs where, and what operators ask of it. */
  get placement(): Placement {
    return this.#messaging.placement;
  }

  /** Asks a node to drain. False: no node with a lease has this id or name. Rejects when Redis is away. */
  async requestDrain(nodeIdOrName: string): Promise<boolean> {
    const node = newestNamed((await this.#ground.control.readNodes()).map(fromFields), nodeIdOrName);
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
    while (shards.hosts().length > 0 && performance.now() < untilMs && (await hasSuccessor(this.#ground)))
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

  /** The lease says something new, so that the leader need not wait to look. It is one of the owners, or it finds out by itself. */
  #tellLeader(): void {
    this.#leadership.lookSoon();
    for (const owner of this.#ground.table.owners())
      if (owner !== this.incarnation) this.#messaging.bus.send(owner, { type: "look" });
  }

  #held(again: boolean): void {
    this.#leadership.trySoon();
    if (!again) return;
    this.#messaging.news.missed();
    this.#options.onShardsMoved(Array.from({ length: this.#ground.table.shards }, (_, shard) => shard));
  }

  #made(): ClusterParts {
    assert(this.#parts !== undefined, "the cluster has started");
    return this.#parts;
  }

  #record(): NodeRecord {
    const { name, url, metricsUrl, roles, version, level } = this.#options;
    const { loads, utilisation, lagMs, traffic } = this.#vitals;
    const backlog = this.#vitals.backlog();
    return {
      name,
      url,
      metricsUrl,
      roles: [...roles],
      version,
      level,
      pid: process.pid,
      startedAtMs: this.#startedAtMs,
      draining: this.#draining,
      load: [...loads.values()].reduce((sum, load) => sum + load, 0),
      loads,
      utilisation,
      lagMs: Math.round(lagMs),
      traffic,
      unflushedEvents: backlog.events,
      unflushedAgeMs: backlog.ageMs,
      tableVersion: this.#ground.table.version,
      serving: this.#messaging.shards.serving(),
    };
  }
}
