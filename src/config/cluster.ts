/** The drain, and how much the shard logs keep. */
import { whole } from "./setting.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MIB = 1_048_576;

/** The drain, and how much the shard logs keep. Field names are those of `Config`. */
export const CLUSTER_SETTINGS = {
  drainMs: whole({
    env: "HUBBUB_DRAIN_MS",
    unit: "ms",
    fallback: 25_000,
    min: 1_000,
    max: 600_000,
    reason:
      "From SIGTERM to the end at the latest: shards, then sockets in waves. Below the 30 s of Kubernetes",
    source: "chosen",
  }),
  resumeWindowMs: whole({
    env: "HUBBUB_RESUME_WINDOW_MS",
    unit: "ms",
    fallback: 10 * MINUTE_MS,
    min: 10_000,
    max: 60 * MINUTE_MS,
    reason: "How long the log is kept beyond Postgres, for who comes back",
    source: "rule L5",
  }),
  logBytesPerShard: whole({
    env: "HUBBUB_LOG_BYTES_PER_SHARD",
    unit: "bytes",
    fallback: 64 * MIB,
    min: MIB,
    max: 4_096 * MIB,
    reason: "A shard's log is trimmed to it; never what Postgres lacks",
    source: "rule L5",
  }),
  logMemoryPercent: whole({
    env: "HUBBUB_LOG_MEMORY_PERCENT",
    unit: "%",
    fallback: 60,
    min: 5,
    max: 90,
    reason:
      "Of Redis's maxmemory: when more is used, logs keep less for who comes back, never less than Postgres lacks",
    source: "rule L5",
  }),
  unflushedBytes: whole({
    env: "HUBBUB_UNFLUSHED_BYTES",
    unit: "bytes",
    fallback: 256 * MIB,
    min: MIB,
    max: 8_192 * MIB,
    reason: "What a node may hold that Postgres lacks; beyond it sends are `overloaded`",
    source: "rule L5",
  }),
  actorIdleMs: whole({
    env: "HUBBUB_ACTOR_IDLE_MS",
    unit: "ms",
    fallback: 5 * MINUTE_MS,
    min: 1_000,
    max: DAY_MS,
    reason: "An actor that is asked nothing leaves memory after it",
    source: "design 10",
  }),
};
