/** One run: a cluster on machines that fail, between stores that fail, from a seed to its rest; and what was seen on the way. */
import { pino } from "pino";
import type { ClusterFacts } from "../../src/cluster/cluster-record.ts";
import { ModelledRedis } from "../../src/cluster/log/modelled-log.ts";
import { seeded } from "../../src/cluster/log/modelled-time.ts";
import { FIRST_LEVEL } from "../../src/lib/level.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { Faults } from "./faults.ts";
import { Ledger, nameOf } from "./ledger.ts";
import { ModelledNetwork } from "./modelled-client.ts";
import { ModelledKeys } from "./modelled-control.ts";
import { ModelledPostgres } from "./modelled-postgres.ts";
import { People } from "./people.ts";
import { CALM_MS, type Plan } from "./plan.ts";
import { SimNode } from "./sim-node.ts";
import { Machine, Scheduler } from "./time.ts";
import { EPOCH_MS, installVirtualProcess } from "./virtual-process.ts";
import type { RuleOff } from "./wrong-parts.ts";

/** After this a cluster that has not come to rest never will. */
const END_MS = CALM_MS + 150_000;
/** How long everything must have been settled, and how often that is looked at, milliseconds. */
const REST_MS = 2_000;
const LOOK_EVERY_MS = 100;
/** A drained node has this long to hand its shards over. */
const DRAIN_WITHIN_MS = 5_000;

export type Violation = { kind: string; text: string; atMs: number };

const metrics = createMetrics({ defaults: false });

export class World {
  readonly plan: Plan;
  readonly off: readonly RuleOff[];
  readonly scheduler = new Scheduler();
  readonly random: () => number;
  readonly redis: ModelledRedis;
  readonly keys: ModelledKeys;
  readonly network: ModelledNetwork;
  readonly postgres: ModelledPostgres;
  readonly people: People;
  readonly faults: Faults;
  nodes: SimNode[] = [];
  /** All that ever ran. */
  readonly incarnations: SimNode[] = [];
  readonly violations: Violation[] = [];
  readonly ledger: Ledger;
  readonly lines: string[] = [];
  /** The cluster's own, in Postgres. */
  readonly record = new SharedRecord();
  isHealed = false;
  readonly #isTraced: boolean;
  #settledSinceMs: number | undefined;

  constructor(plan: Plan, off: readonly RuleOff[], isTraced: boolean) {
    installVirtualProcess();
    this.plan = plan;
    this.off = off;
    this.#isTraced = isTraced;
    this.random = seeded(plan.seed);
    const { scheduler, random } = this;
    this.redis = new ModelledRedis(scheduler, random, {
      onAccepted: (shard, entry) => this.ledger.accepted(shard, entry),
      onForgotten: (shard, entry) => this.ledger.forgotten(shard, entry),
      onTrimmed: (_shard, entries) => this.ledger.trimmed(entries),
      onEmptied: () => this.keys.empty(),
    });
    this.keys = new ModelledKeys(this.redis, EPOCH_MS);
    this.network = new ModelledNetwork(this.redis, plan);
    this.postgres = new ModelledPostgres(scheduler, random, {
      onDone: (what) => this.faults.moment(what),
      onRow: (record) => this.ledger.row(record),
      onRefused: (record) => this.violate("clientId twice", nameOf(record)),
      onBroken: (why) => this.violate("no history", why),
    });
    this.postgres.isFenced = !off.includes("claim");
    this.ledger = new Ledger(this);
    this.faults = new Faults(this);
    this.people = new People(this);
    for (let i = 0; i < plan.nodes; i++) this.boot(i);
  }

  /** A new process in the place of the n-th node. */
  boot(nth: number): void {
    const { scheduler, random } = this;
    const name = `n${nth}`;
    const machine = new Machine({ name, scheduler, random, rate: 1 + (nth - 1) * 0.0005 });
    const logger = this.#logger(machine);
    const node = machine.run(() => new SimNode({ world: this, machine, name, metrics, logger }));
    this.nodes[nth] = node;
    this.incarnations.push(node);
    this.trace(() => `${node.id} boots`);
  }

  #logger(machine: Machine) {
    const broken = /broke|threw|batch failed|take-over failed/;
    const write = (line: string) => {
      const { msg, level, err, ...facts } = JSON.parse(line);
      if (level >= 50 && broken.test(msg))
        this.violate("broke", `${machine.name}: ${msg} ${err?.stack ?? ""}`);
      this.trace(() => `${machine.name}: ${msg} ${JSON.stringify(facts)}`);
    };
    return pino({ level: this.#isTraced ? "debug" : "error", base: undefined, timestamp: false }, { write });
  }

  /** Takes it out of service in order, and starts it again. */
  drain(node: SimNode): void {
    const nth = this.nodes.indexOf(node);
    const back = () => {
      if (this.nodes[nth] !== node || node.hasCrashed) return;
      node.end();
      this.boot(nth);
    };
    node.machine.after(0, () => void node.leave(DRAIN_WITHIN_MS).then(() => this.scheduler.after(200, back)));
  }

  crash(node: SimNode, downMs: number): void {
    const nth = this.nodes.indexOf(node);
    if (node.hasCrashed || node.hasLeft) return;
    node.crash();
    this.scheduler.after(downMs, () => this.boot(nth));
  }

  trace(line: () => string): void {
    if (this.#isTraced)
      this.lines.push(`${Math.round(this.scheduler.nowMs()).toString().padStart(6)} ${line()}`);
  }

  violate(kind: string, text: string): void {
    this.violations.push({ kind, text, atMs: this.scheduler.nowMs() });
    this.trace(() => `!! ${kind}: ${text}`);
  }

  /** From here on nothing fails, and everyone who is down comes back. */
  heal(): void {
    this.isHealed = true;
    this.trace(() => "== healed");
    const { redis, postgres, network } = this;
    Object.assign(redis, { full: false, up: true, frozenUntilMs: 0 });
    Object.assign(postgres, { isAway: false, isSlow: false, isUnsteady: false });
    Object.assign(network, { lost: 0, late: 0 });
    for (const node of this.nodes) node.heal();
  }

  /** Runs to the rest. Each step ends before the next begins, with all that promises do in it. */
  run(): Promise<void> {
    const { scheduler, plan, people, faults } = this;
    scheduler.after(2_000, () => people.createChannels());
    people.plan(plan.sendings);
    faults.plan(plan.faults);
    scheduler.after(CALM_MS, () => this.heal());
    const look = () => {
      this.#look();
      scheduler.after(LOOK_EVERY_MS, look);
    };
    scheduler.after(CALM_MS, look);
    return this.advance(() => this.#isAtRest() || scheduler.nowMs() >= END_MS);
  }

  /** Steps until `isDone`, or until a promise is broken: what follows from that is of no interest. */
  advance(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (this.violations.length > 0 || isDone() || !this.scheduler.step(END_MS)) return resolve();
          setImmediate(step);
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(step);
    });
  }

  #look(): void {
    const isSettled =
      this.people.open === 0 &&
      this.nodes.every((node) => node.machine.isAlive && node.isJoined && !node.hasLeft) &&
      this.ledger.isFlushed();
    const nowMs = this.scheduler.nowMs();
    this.#settledSinceMs = isSettled ? (this.#settledSinceMs ?? nowMs) : undefined;
  }

  #isAtRest(): boolean {
    const sinceMs = this.#settledSinceMs;
    return sinceMs !== undefined && this.scheduler.nowMs() - sinceMs >= REST_MS;
  }

  get isSettled(): boolean {
    return this.#isAtRest();
  }
}

/** What all nodes must agree on: the first says it, and levels only rise. */
class SharedRecord {
  #facts: ClusterFacts | undefined;

  agree(facts: ClusterFacts): ClusterFacts {
    this.#facts ??= { ...facts, protocol: FIRST_LEVEL, level: FIRST_LEVEL };
    return this.#facts;
  }

  raise({ protocol, level }: { protocol: number; level: number }): void {
    const facts = this.#facts;
    if (facts === undefined) return;
    const highest = {
      protocol: Math.max(facts.protocol, protocol),
      level: Math.max(facts.level ?? 0, level),
    };
    this.#facts = { ...facts, ...highest };
  }
}
