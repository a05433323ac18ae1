/** What placement opens a shard with: log, gate and projector around the actors. */
import { performance } from "node:perf_hooks";
import type { ActorMeter, Broadcaster, Clock } from "../../actors/ports.ts";
import { createStartActors } from "../../actors/shard-actors.ts";
import type { ActorAlarm, ActorTimers, World } from "../../actors/world.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { Turnstile, UnflushedBudget } from "../cluster/log/budget.ts";
import type { RedisLog } from "../cluster/log/redis-log.ts";
import { openShards } from "../cluster/log/shard-owner.ts";
import type { OpenShard } from "../cluster/shard-host.ts";
import type { Config } from "../config.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { whileUnderstood } from "./level-broadcaster.ts";
import { salvage } from "./salvage.ts";

export type ShardParts = {
  config: Config;
  cluster: Pick<Cluster, "router" | "lease" | "devices" | "nodeNews" | "level">;
  clock: Clock;
  store: Pick<Store, "facts" | "userFacts" | "reigns" | "projector">;
  broadcaster: Broadcaster;
  log: RedisLog;
  metrics: Metrics;
  logger: Logger;
};

export function shardsOf(parts: ShardParts): OpenShard {
  const { config, cluster, store, log, metrics, logger } = parts;
  return openShards({
    store: log,
    reigns: store.reigns,
    projector: store.projector,
    lease: cluster.lease,
    startActors: createStartActors(worldOf(parts), {
      idleMs: config.actorIdleMs,
      isSingle: config.connections === "one",
    }),
    salvage: (_shard, records) => salvage(cluster.router, records),
    unflushed: new UnflushedBudget(config.unflushedBytes),
    replays: new Turnstile(),
    metrics,
    logger,
    keepForMs: config.resumeWindowMs,
    keepBytes: config.logBytesPerShard,
  });
}

function worldOf({ cluster, clock, store, broadcaster, metrics, logger }: ShardParts): World {
  return {
    facts: store.facts,
    people: store.userFacts,
    router: cluster.router,
    broadcaster: whileUnderstood(broadcaster, cluster),
    devices: cluster.devices,
    nodeNews: cluster.nodeNews,
    clock,
    meter: meterOf(metrics),
    timers,
    alarm: ({ kind, id, error, isClosed }: ActorAlarm) =>
      logger.error(
        { kind, id, err: error, closed: isClosed },
        isClosed ? "actor throws too often: closed" : "actor threw: rebuilt",
      ),
  };
}

const timers: ActorTimers = {
  nowMs: () => performance.now(),
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

function meterOf(metrics: Metrics): ActorMeter {
  return {
    stage: (stage, seconds) => metrics.stageDuration.observe({ stage }, seconds),
    mailboxRejected: () => metrics.mailboxRejected.inc(),
    crashed: (kind) => metrics.actorCrashes.inc({ kind }),
    events: (type) => metrics.events.inc({ type }),
  };
}
