/** What a node measures about itself for placement and operators: its load by shard, its utilisation, its backlog. */
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Traffic } from "../ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ShardHost } from "./shard-host.ts";
import { TrafficMeter } from "./traffic.ts";

const SAMPLE_EVERY_MS = 2_000;
/** Weight of the newest sample: a load that lasts shows within 10 s, a burst moves nothing. Chosen. */
const NEWEST = 0.3;
/** Of the commands that wait in a shard's mailboxes, over the node's shards. */
const DEPTH_QUANTILES = [0.5, 0.99, 1];
/** Of the event loop's delay, milliseconds. */
const LAG_RESOLUTION_MS = 20;
/** Loads below this (messages × audience per second) are not worth mentioning. */
const NEGLIGIBLE = 0.1;

export type VitalsOptions = {
  hosts: () => readonly ShardHost[];
  metrics: Pick<
    Metrics,
    | "shardLoad"
    | "nodeUtilisation"
    | "eventLoopLag"
    | "actors"
    | "mailboxDepth"
    | "unflushedEvents"
    | "unflushedAge"
    | "connections"
    | "events"
    | "deliveries"
  >;
};

export class Vitals {
  readonly #options: VitalsOptions;
  #loads = new Map<number, number>();
  #utilisation = 0;
  #lagMs = 0;
  #loop: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  #sampledAtMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  readonly #traffic: TrafficMeter;

  constructor(options: VitalsOptions) {
    this.#options = options;
    this.#traffic = new TrafficMeter(options.metrics);
  }

  start(): void {
    this.#lag.enable();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#lag.disable();
  }

  /** Messages × audience per second by shard, smoothed. */
  get loads(): ReadonlyMap<number, number> {
    return this.#loads;
  }

  /** Event-loop utilisation over the last sample, 0 to 1. */
  get utilisation(): number {
    return this.#utilisation;
  }

  /** Over the last sample; undefined before there is one. */
  get traffic(): Traffic | undefined {
    return this.#traffic.traffic;
  }

  /** Delay of the event loop over the last sample, p99. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** Over all shards: confirmed events that Postgres lacks, and the age of the oldest. */
  backlog(): { events: number; ageMs: number } {
    let [events, ageMs] = [0, 0];
    for (const host of this.#options.hosts()) {
      const backlog = host.backlog();
      events += backlog.events;
      ageMs = Math.max(ageMs, backlog.ageMs);
    }
    return { events, ageMs };
  }

  #sample(): void {
    const { hosts, metrics } = this.#options;
    const now = performance.eventLoopUtilization();
    this.#utilisation = performance.eventLoopUtilization(now, this.#loop).utilization;
    this.#loop = now;
    metrics.nodeUtilisation.set(this.#utilisation);
    this.#lagMs = Math.max(0, this.#lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS);
    metrics.eventLoopLag.set(this.#lagMs / 1_000);
    this.#lag.reset();
    const seconds = (performance.now() - this.#sampledAtMs) / 1_000;
    this.#sampledAtMs = performance.now();
    void this.#traffic.sample(this.#sampledAtMs);
    const serving = hosts().filter(({ state }) => state === "serving");
    this.#loads = new Map(serving.map((host) => [host.shard, this.#load(host, seconds)]));
    this.#count(serving);
    const { events, ageMs } = this.backlog();
    metrics.unflushedEvents.set(events);
    metrics.unflushedAge.set(ageMs / 1_000);
  }

  #load({ shard, actors }: ShardHost, seconds: number): number {
    const before = this.#loads.get(shard) ?? 0;
    const load = before + NEWEST * ((actors?.takeLoad() ?? 0) / seconds - before);
    this.#options.metrics.shardLoad.set({ shard: String(shard) }, load);
    return load >= NEGLIGIBLE ? load : 0;
  }

  #count(serving: readonly ShardHost[]): void {
    const { metrics } = this.#options;
    const counts = serving.map(
      ({ actors }) => actors?.census() ?? { channels: 0, sessions: 0, mailboxDepth: 0 },
    );
    const depths = counts.map(({ mailboxDepth }) => mailboxDepth).sort((a, b) => a - b);
    metrics.actors.set(
      { kind: "channel" },
      counts.reduce((sum, { channels }) => sum + channels, 0),
    );
    metrics.actors.set(
      { kind: "session" },
      counts.reduce((sum, { sessions }) => sum + sessions, 0),
    );
    for (const quantile of DEPTH_QUANTILES) {
      metrics.mailboxDepth.set(
        { quantile: String(quantile) },
        depths[Math.ceil(quantile * depths.length) - 1] ?? 0,
      );
    }
  }
}
