/** One node of the simulation: everything of the product between its gateway and its stores, on a machine of its own. */
import type { Logger } from "pino";
import { HandPeople } from "../../actors/doubles.ts";
import { type Reign, type Router, type StartActors, StoreAway } from "../../actors/ports.ts";
import { createStartActors } from "../../actors/shard-actors.ts";
import { ClusterClock } from "../../src/cluster/clock.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { Continuity } from "../../src/cluster/continuity.ts";
import type { Ground } from "../../src/cluster/ground.ts";
import { clusterKeys } from "../../src/cluster/keys.ts";
import { Turnstile, UnflushedBudget } from "../../src/cluster/log/budget.ts";
import type { ModelledLogStore } from "../../src/cluster/log/modelled-log.ts";
import { openShards } from "../../src/cluster/log/shard-owner.ts";
import { drawIncarnation } from "../../src/cluster/nodes.ts";
import { PlacementTable } from "../../src/cluster/placement-table.ts";
import type { RedisClient } from "../../src/cluster/redis.ts";
import type { OpenShard } from "../../src/cluster/shard-host.ts";
import { TableReader } from "../../src/cluster/table-reader.ts";
import { LEVEL } from "../../src/lib/level.ts";
import { whileLeased } from "../../src/node/lease-router.ts";
import { salvage } from "../../src/node/salvage.ts";
import { projectorOver, type StoppableProjector } from "../../src/store/projector/projector.ts";
import type { Metrics } from "../../src/telemetry/metrics.ts";
import { ModelledClient } from "./modelled-client.ts";
import { ModelledControl } from "./modelled-control.ts";
import type { Machine } from "./time.ts";
import type { World } from "./world.ts";
import { type Breakable, WRONG_PARTS } from "./wrong-parts.ts";

export const KEYS = clusterKeys("hub");

/** Whoever watches over processes starts one that has ended again after this, milliseconds. */
const RESTART_MS = 500;

export type NodeOptions = { world: World; machine: Machine; name: string; metrics: Metrics; logger: Logger };

export class SimNode {
  readonly name: string;
  readonly machine: Machine;
  readonly cluster: Cluster;
  readonly router: Router;
  /** Its copy. */
  readonly table: PlacementTable;
  /** It died, or was sent away: its memory is gone. */
  hasCrashed = false;
  hasLeft = false;
  isJoined = false;
  readonly #world: World;
  readonly #clients: readonly ModelledClient[];
  readonly #log: ModelledLogStore;
  readonly #projector: StoppableProjector;
  #openUntilMs = 0;

  /** To be made on its machine. */
  constructor({ world, machine, name, metrics, logger }: NodeOptions) {
    this.name = name;
    this.machine = machine;
    this.#world = world;
    const { network, redis, postgres } = world;
    const isOpen = () => redis.timers.nowMs() >= this.#openUntilMs;
    const client = () => new ModelledClient({ network, node: machine, isOpen });
    const clients = { commands: client(), publisher: client(), subscriber: client() };
    this.#clients = Object.values(clients);
    this.#log = redis.store(machine);
    this.#log.isOpen = isOpen;
    const control = new ModelledControl(clients.commands, KEYS, world.keys);
    this.#projector = projectorOver({
      log: logger,
      metrics,
      write: (batch) => postgres.ask(machine, "flush", () => postgres.write(batch)),
    });
    const ground = groundOf(clients, control, { name, shards: world.plan.shards, logger });
    this.table = ground.table;
    this.cluster = new Cluster(
      {
        redis: { kind: "standalone", url: "redis://modelled" },
        prefix: "hub",
        shards: world.plan.shards,
        level: LEVEL,
        name,
        url: "",
        metricsUrl: "",
        roles: ["gateway", "actors"],
        version: "0.0.0",
        record: {
          agree: (facts) => postgres.ask(machine, "facts", () => world.record.agree(facts)),
          raise: (to) => postgres.ask(machine, "facts", () => world.record.raise(to)),
        },
        listeners: () => 1,
        connected: () => ({ userIds: [], count: 0 }),
        devices: () => ({ tellUser: () => {}, tellViewers: () => {}, replace: () => {} }),
        outOfSpace: async () => true,
        onDrain: () => {},
        onShardsMoved: () => {},
        metrics,
        logger,
      },
      ground,
    );
    this.router = whileLeased(this.cluster.router, this.cluster.lease);
    void this.#start(metrics, logger);
  }

  get id(): string {
    return this.cluster.incarnation;
  }

  async #start(metrics: Metrics, logger: Logger): Promise<void> {
    try {
      await this.cluster.start({ openShard: this.#openShard(metrics, logger), hearings: [] });
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      this.#world.crash(this, RESTART_MS); // the process ends with a line about Postgres, and is started again
      return;
    }
    this.cluster.join();
    this.isJoined = true;
  }

  #openShard(metrics: Metrics, logger: Logger): OpenShard {
    const { world, cluster, machine } = { world: this.#world, cluster: this.cluster, machine: this.machine };
    const facts = world.postgres.facts(machine);
    let parts: Breakable = {
      reigns: world.postgres.reigns(machine),
      facts,
      log: this.#log,
      lease: cluster.lease,
      startActors: async (reign, retained) => {
        const started = await this.#actors(parts, metrics)(this.#watched(reign), retained);
        world.ledger.held(this, retained); // not before: what a take-over read in vain is not kept
        return started;
      },
      openShard: ({ reigns, log, lease, startActors }) =>
        openShards({
          store: log,
          reigns,
          projector: this.#projector,
          lease,
          startActors,
          salvage: (_shard, records) => salvage(cluster.router, records),
          unflushed: new UnflushedBudget(),
          replays: new Turnstile(),
          metrics,
          logger,
          keepForMs: world.plan.keepForMs,
        }),
    };
    for (const rule of world.off) parts = WRONG_PARTS[rule].breaks(parts);
    const open = parts.openShard(parts);
    return (shard, events) =>
      open(shard, {
        onServing: (host) => events.onServing(host),
        onEnded: (host, why) => {
          world.ledger.hostEnded(this, shard, why);
          events.onEnded(host, why);
        },
      });
  }

  #actors({ facts }: Pick<Breakable, "facts">, metrics: Metrics): StartActors {
    const { cluster, machine } = this;
    const world = this.#world;
    return createStartActors({
      facts,
      people: new HandPeople(),
      router: cluster.router,
      broadcaster: {
        publish: (channelId, epoch, events) => world.ledger.heard(this, channelId, epoch, events),
        signal: () => {},
      },
      devices: cluster.devices,
      nodeNews: cluster.nodeNews,
      clock: { nowMs: () => cluster.clock.nowMs() },
      meter: {
        stage: () => {},
        mailboxRejected: () => metrics.mailboxRejected.inc(),
        crashed: () => {},
        events: () => {},
      },
      timers: {
        nowMs: () => machine.nowMs(),
        every(intervalMs, run) {
          const timer = setInterval(run, intervalMs);
          return () => clearInterval(timer);
        },
      },
      alarm: ({ kind, id, error }) =>
        world.violate("threw", `${kind} ${id} threw: ${(error as Error).stack}`),
    });
  }

  /** Who holds which record in memory is known to the judge. */
  #watched(reign: Reign): Reign {
    const world = this.#world;
    return {
      shard: reign.shard,
      epoch: reign.epoch,
      hasRoom: () => reign.hasRoom(),
      enter: (records, release) => {
        world.ledger.held(this, records);
        reign.enter(records, release);
      },
      whenFlushed: (then) => reign.whenFlushed(then),
    };
  }

  /** Its connections to Redis break; with `late`, what was on its way arrives. */
  cut(late: boolean): void {
    for (const client of this.#clients) client.cut(late);
    this.#log.cut(late);
  }

  /** It reaches no Redis for so long. */
  partition(ms: number): void {
    this.#openUntilMs = this.#world.scheduler.nowMs() + ms;
    this.cut(this.#world.random() < 0.5);
  }

  heal(): void {
    this.#openUntilMs = 0;
    this.machine.thaw();
  }

  /** The process dies with all that it knew. */
  crash(): void {
    this.hasCrashed = true;
    this.machine.isAlive = false;
    this.#log.kill();
    for (const client of this.#clients) client.cut(this.#world.random() < 0.5);
  }

  /** SIGTERM: resolves when it has ended. To be called on its machine. */
  async leave(withinMs: number): Promise<void> {
    await this.cluster.drain({ withinMs });
    await this.#projector.stop();
    await this.cluster.stop();
    this.hasLeft = true;
  }

  end(): void {
    this.machine.isAlive = false;
    this.#log.kill();
  }
}

type Clients = { commands: ModelledClient; publisher: ModelledClient; subscriber: ModelledClient };

/** As `layGround`, over modelled connections. */
function groundOf(
  clients: Clients,
  control: ModelledControl,
  { name, shards, logger }: { name: string; shards: number; logger: Logger },
): Ground {
  const table = new PlacementTable(shards);
  const continuity = new Continuity();
  clients.commands.on("close", () => continuity.broke());
  return {
    incarnation: drawIncarnation(name),
    keys: KEYS,
    commands: clients.commands as unknown as RedisClient,
    publisher: clients.publisher as unknown as RedisClient,
    subscriber: clients.subscriber as unknown as RedisClient,
    control,
    table,
    reader: new TableReader(control, table, logger),
    clock: new ClusterClock(),
    continuity,
    logger,
  };
}
