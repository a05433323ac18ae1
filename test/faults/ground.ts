/** A cluster of three under a conversation, and everything by which a fault may get at it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { expect } from "vitest";
import { clusterKeys } from "../../src/cluster/keys.ts";
import { Chatter } from "../cluster/chatter.ts";
import { ownersOf } from "../cluster/stores.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster, type TestNode } from "../support/cluster.ts";
import { TestProxy } from "../support/proxy.ts";
import type { Order } from "./inside.ts";
import { giveOrder } from "./orders.ts";

export const NODES = 3;
/** 60 messages a second over 12 channels, 36 clients of several kinds, and four guests who are banned meanwhile. */
const TALK = {
  channels: 12,
  members: 3,
  everyMs: 200,
  durability: "persisted",
  kinds: "mixed",
  guests: 4,
} as const;
const INSIDE = pathToFileURL(join(import.meta.dirname, "inside.ts")).href;
const LEADER_WITHIN_MS = 20_000;

/** Answers that had left a node before Redis was gone reach their clients within it. */
const IN_FLIGHT_MS = 500;

/** What stands between one node and the stores, and between clients and it. */
export type Wires = { redis: TestProxy; postgres: TestProxy; clients: TestProxy };

export type GroundOptions = {
  /** Every connection goes through a proxy. */
  wired: boolean;
  /** Of each node's old space; absent: as Node.js chooses. */
  heapMib?: number;
};

export class Ground {
  readonly cluster: TestCluster;
  /** Set once everyone listens. */
  chatter!: Chatter;
  readonly #options: GroundOptions;
  readonly #wires = new Map<string, Wires>();
  /** Owners of all channels when Redis began to write what it was made to forget. */
  readonly #tails: ReadonlyMap<string, string>[] = [];
  readonly #proxies: TestProxy[] = [];
  #living: TestNode[] = [];
  /** Nodes that a fault has in its hands: the next one chooses among the others. */
  readonly #taken = new Set<TestNode>();
  /** Exits that a fault brought about. */
  readonly meant = new Set<TestNode>();

  private constructor(cluster: TestCluster, options: GroundOptions) {
    this.cluster = cluster;
    this.#options = options;
  }

  /** Three nodes that serve; everyone listens, and nobody talks yet. */
  static async prepare(options: GroundOptions): Promise<Ground> {
    const cluster = await startCluster({ nodes: 0 });
    const ground = new Ground(cluster, options);
    try {
      const names = Array.from({ length: NODES }, (_, i) => `node-${i}`);
      await Promise.all(names.map((name) => ground.add(name)));
      ground.chatter = await Chatter.start(cluster, { ...TALK, urlOf: (node) => ground.urlOf(node) });
      return ground;
    } catch (error) {
      await ground.clear();
      throw error;
    }
  }

  /** Ends everything; rejects where the tables say numbers that a recount does not find. */
  async clear(): Promise<void> {
    try {
      await stopAudited(this.cluster);
    } finally {
      for (const proxy of this.#proxies) proxy.close();
    }
  }

  get living(): readonly TestNode[] {
    return this.#living;
  }

  /** Where clients reach a node. */
  urlOf(node: TestNode): string {
    return this.#options.wired ? this.wires(node).clients.via(node.url) : node.url;
  }

  wires(node: TestNode): Wires {
    const wires = this.#wires.get(node.name);
    if (wires === undefined) throw new Error("this fault needs wires: say so in its row");
    return wires;
  }

  /** One more, or the next incarnation of one that ended. */
  async add(name: string): Promise<TestNode> {
    const { cluster } = this;
    mkdirSync(cluster.logDir, { recursive: true });
    const env: Record<string, string> = {
      NODE_OPTIONS: this.#nodeOptions(),
      FAULT_ORDERS: this.#orders(name),
    };
    const { wired } = this.#options;
    const wires = wired ? (this.#wires.get(name) ?? (await this.#wire())) : undefined;
    if (wires) {
      env.REDIS_URL = wires.redis.via(cluster.redis.url);
      env.DATABASE_URL = wires.postgres.via(cluster.databaseUrl);
    }
    const node = await cluster.addNode({ name, env });
    if (wires) {
      // Clients find every incarnation at an address of its own.
      const clients = await this.#proxy(Number(new URL(node.url).port));
      this.#wires.set(name, { ...wires, clients });
    }
    this.#living.push(node);
    this.#tellClients();
    return node;
  }

  /** It is gone after `end`; the next one of its name takes its place. */
  async replace(node: TestNode, end: (node: TestNode) => Promise<void>): Promise<void> {
    await this.remove(node, end);
    await this.add(node.name);
  }

  /** It is gone after `end`, for good. */
  async remove(node: TestNode, end: (node: TestNode) => Promise<void>): Promise<void> {
    this.#taken.add(node);
    this.meant.add(node);
    await end(node);
    this.#living = this.#living.filter((each) => each !== node);
    this.#tellClients();
  }

  /** Does something to a node that stays. */
  async hold(node: TestNode, work: (node: TestNode) => Promise<void>): Promise<void> {
    this.#taken.add(node);
    await work(node);
    this.#taken.delete(node);
  }

  /** From now on Redis holds what it is made to forget. Call the answer when it is gone, and before it comes back. */
  async beginTail(): Promise<() => Promise<void>> {
    const { channelIds, recorder } = this.chatter;
    const tail = this.#tails.length;
    this.#tails.push(await ownersOf(this.cluster.redis.url, channelIds));
    recorder.mark({ what: "tail", tail });
    return async () => {
      await sleep(IN_FLIGHT_MS);
      recorder.mark({ what: "tail-end", tail });
    };
  }

  /** After all faults: the channels whose owner died in the same run in which Redis forgot may have lost what was in both. */
  nameLosses(): void {
    const dead = new Set([...this.meant].map(({ id }) => id));
    for (const [tail, owners] of this.#tails.entries()) {
      const channelIds = [...owners].flatMap(([channelId, owner]) => (dead.has(owner) ? [channelId] : []));
      if (channelIds.length > 0) this.chatter.recorder.mark({ what: "loss", tail, channelIds });
    }
  }

  /** Has the process do something to itself. */
  order(node: TestNode, order: Order): void {
    giveOrder(node.pid, this.#orders(node.name), order);
  }

  /** The node that owns most channels, of those that no other fault has taken. */
  async owner(): Promise<TestNode> {
    const { channelIds } = this.chatter;
    const owners = await ownersOf(this.cluster.redis.url, channelIds);
    const owned = ({ id }: TestNode) => channelIds.filter((channel) => owners.get(channel) === id).length;
    return this.#first(this.#free().toSorted((a, b) => owned(b) - owned(a)));
  }

  /** The node that owns fewest: what ends with it is mostly connections. */
  async gateway(): Promise<TestNode> {
    const owner = await this.owner();
    return this.#first(this.#free().filter((node) => node !== owner));
  }

  /** The node that leads placement; waits until one that is free does. */
  async leader(): Promise<TestNode> {
    const redis = new Redis(this.cluster.redis.url);
    try {
      let found: TestNode | undefined;
      const look = async () => {
        const leads = (await redis.get(clusterKeys("hub").leader))?.split(" ")[0];
        found = this.#free().find(({ id }) => id === leads);
        return found !== undefined;
      };
      await expect.poll(look, { timeout: LEADER_WITHIN_MS, message: "nobody leads" }).toBe(true);
      return found!;
    } finally {
      redis.disconnect();
    }
  }

  any(pick: number): TestNode {
    const free = this.#free();
    return this.#first(free.slice(pick % Math.max(1, free.length)));
  }

  #free(): TestNode[] {
    return this.#living.filter((node) => !this.#taken.has(node));
  }

  #first(nodes: readonly TestNode[]): TestNode {
    const [node] = nodes;
    if (node === undefined) throw new Error("every node is in the hands of a fault already");
    return node;
  }

  #tellClients(): void {
    this.chatter?.goTo(this.#living);
  }

  #nodeOptions(): string {
    const { heapMib } = this.#options;
    const heap = heapMib === undefined ? [] : [`--max-old-space-size=${heapMib}`];
    return [process.env.NODE_OPTIONS ?? "", `--import=${INSIDE}`, ...heap].join(" ").trim();
  }

  #orders(name: string): string {
    return join(this.cluster.logDir, `${name}.orders`);
  }

  async #wire(): Promise<Pick<Wires, "redis" | "postgres">> {
    const { redis, postgres } = this.cluster;
    const [toRedis, toPostgres] = await Promise.all([this.#proxy(redis.port), this.#proxy(postgres.port)]);
    return { redis: toRedis, postgres: toPostgres };
  }

  async #proxy(port: number): Promise<TestProxy> {
    const proxy = await TestProxy.before({ host: "127.0.0.1", port });
    this.#proxies.push(proxy);
    return proxy;
  }
}
