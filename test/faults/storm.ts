/** What may befall a cluster, one fault at a time: each ends with all its parts running again. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Chatter } from "../cluster/chatter.ts";
import type { TestCluster, TestNode } from "../support/cluster.ts";

/** Longer than the lease: others have taken its shards. */
const FROZEN_MS = 8_000;
const STORE_AWAY_MS = 5_000;

export class Storm {
  readonly chatter: Chatter;
  readonly #cluster: TestCluster;
  #living: TestNode[];

  private constructor(cluster: TestCluster, chatter: Chatter) {
    this.#cluster = cluster;
    this.chatter = chatter;
    this.#living = [...cluster.nodes];
  }

  /** Over a cluster whose nodes all live; everyone listens, and nobody talks yet. */
  static async start(cluster: TestCluster): Promise<Storm> {
    return new Storm(cluster, await Chatter.start(cluster, { channels: 12, members: 3, everyMs: 200 }));
  }

  /** By name; `pick` chooses the node. */
  readonly faults: Record<string, (pick: number) => Promise<void>> = {
    "a node is killed": (pick) => this.#replace(pick, (node) => node.kill()),
    "a node is drained": (pick) => this.#replace(pick, (node) => node.term()),
    "a node stands still": async (pick) => {
      const node = this.#node(pick);
      node.freeze();
      await sleep(FROZEN_MS);
      node.thaw();
    },
    "Redis restarts": () => this.#cluster.redis.restart(),
    "Redis stands still": async () => {
      this.#cluster.redis.freeze();
      await sleep(STORE_AWAY_MS);
      this.#cluster.redis.thaw();
    },
    "Redis loses its last second": () => this.#forget(),
    "Redis loses everything": async () => {
      await this.chatter.keepLog();
      await this.#cluster.redis.restart({ empty: true });
    },
    "Postgres is away": async () => {
      await this.#cluster.postgres.stop();
      await sleep(STORE_AWAY_MS);
      await this.#cluster.postgres.start();
    },
  };

  #node(pick: number): TestNode {
    return this.#living[pick % this.#living.length]!;
  }

  async #replace(pick: number, end: (node: TestNode) => Promise<void>): Promise<void> {
    const node = this.#node(pick);
    await end(node);
    const heir = await this.#cluster.addNode({ name: node.name });
    this.#living = [...this.#living.filter((each) => each !== node), heir];
    this.chatter.goTo(this.#living);
  }

  async #forget(): Promise<void> {
    const { redis } = this.#cluster;
    const [aof, earlier] = [join(redis.dir, "appendonlydir"), join(redis.dir, "earlier")];
    cpSync(aof, earlier, { recursive: true });
    await this.chatter.untilAcked(60);
    await this.chatter.keepLog();
    await redis.kill();
    rmSync(aof, { recursive: true });
    cpSync(earlier, aof, { recursive: true });
    rmSync(earlier, { recursive: true });
    await redis.restart();
  }
}
