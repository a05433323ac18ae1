/** For this folder's server tests: several nodes in one process, each with connections of its own that can be cut. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { pino } from "pino";
import type { ChannelCommand } from "../../actors/commands.ts";
import type { ShardActors } from "../../actors/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { assert } from "../lib/assert.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Cluster, type ClusterOptions, type ClusterParts } from "./cluster.ts";
import type { ClusterFacts, ClusterRecord } from "./cluster-record.ts";
import type { RedisAddress } from "./redis.ts";
import type { ShardHost, ShardHostEvents } from "./shard-host.ts";
import { shardOf } from "./shard-of.ts";

export const SHARDS = 32;

/** One thing that happened to a shard, in the order of the one process that all nodes of a test share. */
type Happening = {
  shard: number;
  node: string;
  what: "claims" | "serves" | "stops" | "ended" | "fenced" | "hears";
  text?: string;
};

/** What all fake hosts of a test share: the epochs as the log would keep them, and the story. */
class World {
  readonly story: Happening[] = [];
  readonly facts: ClusterFacts[] = [];
  readonly #epochs = new Map<number, number>();
  readonly #reigning = new Map<number, FakeHost>();
  /** A claim takes this long; Infinity: it never serves. */
  claimMs = 1;
  /** A release takes this long. */
  releaseMs = 1;
  /** Actors take this long to answer. */
  answerMs = 0;

  /** The barrier: fences whoever reigned. */
  claim(host: FakeHost): number {
    const epoch = (this.#epochs.get(host.shard) ?? 0) + 1;
    this.#epochs.set(host.shard, epoch);
    const before = this.#reigning.get(host.shard);
    this.#reigning.set(host.shard, host);
    before?.fence();
    return epoch;
  }

  tell(happening: Happening): void {
    this.story.push(happening);
  }

  /** What the shard's owners heard, in order. */
  heard(shard: number): string[] {
    return this.story.filter((one) => one.shard === shard && one.what === "hears").map((one) => one.text!);
  }

  record(): ClusterRecord {
    return {
      agree: async (facts) => {
        if (this.facts.length === 0) this.facts.push(facts);
        return this.facts[0]!;
      },
    };
  }
}

/** A shard host without a log: claims, serves, and answers who it is. */
export class FakeHost implements ShardHost {
  readonly shard: number;
  readonly node: string;
  epoch = 0;
  state: ShardHost["state"] = "claiming";
  actors: ShardActors | undefined;
  readonly #world: World;
  readonly #events: ShardHostEvents;
  #released: (() => void) | undefined;

  constructor(world: World, node: string, shard: number, events: ShardHostEvents) {
    this.#world = world;
    this.node = node;
    this.shard = shard;
    this.#events = events;
  }

  start(): void {
    this.epoch = this.#world.claim(this);
    this.#tell("claims");
    if (this.#world.claimMs === Number.POSITIVE_INFINITY) return;
    setTimeout(() => {
      if (this.state !== "claiming") return;
      this.state = "serving";
      this.actors = this.#makeActors();
      this.#tell("serves");
      this.#events.onServing(this);
    }, this.#world.claimMs);
  }

  async release(): Promise<void> {
    if (this.state === "ended") return;
    this.state = "releasing";
    this.actors = undefined;
    this.#tell("stops");
    await new Promise<void>((resolve) => {
      this.#released = resolve;
      setTimeout(resolve, this.#world.releaseMs).unref();
    });
    this.#end("released");
  }

  fence(): void {
    this.#end("fenced");
  }

  backlog(): { events: number; ageMs: number } {
    return { events: 1, ageMs: 5 };
  }

  #end(why: "released" | "fenced"): void {
    if ((this.state as string) === "ended") return;
    this.state = "ended";
    this.#released?.();
    this.actors = undefined;
    this.#tell(why === "fenced" ? "fenced" : "ended");
    this.#events.onEnded(this, why);
  }

  #tell(what: Happening["what"], text?: string): void {
    this.#world.tell({ shard: this.shard, node: this.node, what, text });
  }

  #makeActors(): ShardActors {
    const ask = (actor: string, command: { type: string; by?: string }, reply: (answer: Answer) => void) => {
      if (this.state !== "serving") return reply(refused("moved"));
      this.#tell("hears", command.by ?? command.type);
      const answer = () => reply({ ok: true, actor, node: this.node, epoch: this.epoch } as Answer);
      if (command.type === "leave") return; // never answers
      if (this.#world.answerMs > 0) setTimeout(answer, this.#world.answerMs);
      else answer();
    };
    return {
      askChannel: ask,
      askUser: ask,
      heads: async (ids) => new Map(ids.map((id) => [id, [7, this.epoch]])),
      flushed: () => {},
      close: async () => {},
      end: () => {},
      census: () => ({ channels: 0, sessions: 0, mailboxDepth: 0 }),
      channel: () => ({ seq: 7, mailbox: 1 }),
      takeLoad: () => 0,
    };
  }
}

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
};

/** Makes nodes of one cluster, and ends them all. */
export class Nodes {
  readonly world = new World();
  readonly all: TestNode[] = [];
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
    const redis: RedisAddress = wire ? { kind: "standalone", url: await wire.open() } : this.#redis;
    const node: TestNode = { wire, metrics, moved, drains: 0, cluster: undefined as unknown as Cluster };
    node.cluster = new Cluster({
      redis,
      prefix: this.#prefix,
      shards: SHARDS,
      protocol: 1,
      name,
      url: `http://localhost/${name}`,
      metricsUrl: `http://localhost/${name}/metrics`,
      roles: ["gateway", "actors"],
      version: "0.1.0",
      record: this.world.record(),
      listeners: () => 2,
      onDrain: () => void node.drains++,
      onShardsMoved: (shards) => void moved.push([...shards]),
      metrics,
      logger: pino({ level: "silent", base: { node: name } }),
      ...changes,
    });
    this.all.push(node);
    return node;
  }

  /** Made and started. */
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
