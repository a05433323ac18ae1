/** For this folder's server tests: several nodes in one process, each with connections of its own that can be cut. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { pino } from "pino";
import type { ChannelCommand } from "../../actors/commands.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { assert } from "../lib/assert.ts";
import { LEVEL } from "../lib/level.ts";
import type { RedisAddress } from "../lib/redis-address.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterOptions, ClusterParts } from "./cluster-options.ts";
import { FakeHost, World } from "./fake-host.ts";
import { shardOf } from "./shard-of.ts";

export const SHARDS = 32;

/** A TCP proxy before Redis: what stands between one node and it. */
class Wire {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #cut = false;

  constructor(redisUrl: string) {
    this.#target = new URL(redisUrl);
  }

  async open(): Promise<string> {
    const server = createServer((near) => {
      if (this.#cut) return near.destroy();
      const far = connect(Number(this.#target.port), this.#target.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.setNoDelay(true).pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert(address !== null && typeof address === "object", "the proxy listens");
    return `redis://127.0.0.1:${address.port}`;
  }

  /** Every connection ends, and none is let through. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#cut = false;
  }

  close(): void {
    this.cut();
    this.#server?.close();
  }
}

export type TestNode = {
  cluster: Cluster;
  wire: Wire | undefined;
  metrics: ClusterOptions["metrics"];
  moved: number[][];
  drains: number;
  /** Who is said to be out of a space. */
  outs: { spaceId: ChannelId; userId: UserId }[];
  /** Whether its gateway can say that they are. */
  confirms: boolean;
};

/** Makes nodes of one cluster, and ends them all. */
export class Nodes {
  readonly world = new World();
  readonly all: TestNode[] = [];
  /** What gateways were told by session actors, with the name of their node. */
  readonly told: unknown[][] = [];
  readonly #redis: RedisAddress;
  readonly #prefix: string;

  constructor(redis: RedisAddress, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Made, not started. Behind a wire that can be cut where Redis stands alone. */
  async make(name: string, changes: Partial<ClusterOptions> = {}): Promise<TestNode> {
    const wire = this.#redis.kind === "standalone" ? new Wire(this.#redis.url) : undefined;
    const metrics = createMetrics({ defaults: false });
    const moved: number[][] = [];
    const told = (...said: unknown[]) => void this.told.push([name, ...said]);
    const redis: RedisAddress = wire ? { kind: "standalone", url: await wire.open() } : this.#redis;
    const node: TestNode = {
      wire,
      metrics,
      moved,
      drains: 0,
      outs: [],
      confirms: true,
      cluster: undefined as unknown as Cluster,
    };
    node.cluster = new Cluster({
      redis,
      prefix: this.#prefix,
      shards: SHARDS,
      level: LEVEL,
      name,
      url: `http://localhost/${name}`,
      metricsUrl: `http://localhost/${name}/metrics`,
      roles: ["gateway", "actors"],
      version: "0.1.0",
      record: this.world.record(),
      listeners: () => 2,
      connected: () => ({ userIds: [], count: 0 }),
      devices: () => ({ tellUser: told, tellViewers: told, replace: told }),
      outOfSpace: async (spaceId, userId) => {
        node.outs.push({ spaceId, userId });
        return node.confirms;
      },
      onDrain: () => void node.drains++,
      onShardsMoved: (shards) => void moved.push([...shards]),
      metrics,
      logger: pino({ level: "silent", base: { node: name } }),
      ...changes,
    });
    this.all.push(node);
    return node;
  }

  /** Made, started, and one of the cluster. */
  async start(
    name: string,
    changes: Partial<ClusterOptions> = {},
    parts: Partial<ClusterParts> = {},
  ): Promise<TestNode> {
    const node = await this.make(name, changes);
    const { incarnation } = node.cluster;
    await node.cluster.start({
      openShard: (shard, events) => new FakeHost(this.world, incarnation, shard, events),
      hearings: [],
      ...parts,
    });
    node.cluster.join();
    return node;
  }

  /** Cuts a node off for ever, as a crash does. */
  crash(node: TestNode): void {
    node.wire?.close();
  }

  async stop(): Promise<void> {
    for (const { wire } of this.all) wire?.heal();
    await Promise.all(this.all.map(({ cluster }) => cluster.stop()));
    for (const { wire } of this.all) wire?.close();
  }
}

/** A channel in this shard; `n` makes another one. */
export function channelIn(shard: number, n = 0): ChannelId {
  for (let i = 0, found = 0; ; i++) {
    const id = `0190f5c4-3b7a-7c3e-8f21-${i.toString(16).padStart(12, "0")}` as ChannelId;
    if (shardOf(id, SHARDS) === shard && found++ === n) return id;
  }
}

/** Harmless, and told apart by `by`. */
export function command(by: string, type: "join" | "leave" = "join"): ChannelCommand {
  return { type, by } as ChannelCommand;
}
