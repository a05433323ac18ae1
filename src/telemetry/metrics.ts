/** Every metric of a node, in one table. Names end in their unit; no label carries a user or channel id. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Where a message's time goes: 0.25 ms to 8 s, each bucket twice the last. */
const LATENCY_BUCKETS_S = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);

export type Metrics = ReturnType<typeof createMetrics>;

/** One registry per node, so that tests can run several in one process. */
export function createMetrics(options: { defaults: boolean } = { defaults: true }) {
  const registry = new Registry();
  if (options.defaults) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers });
  const seconds = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, labelNames: [...labelNames], buckets: LATENCY_BUCKETS_S, registers });

  return {
    registry,
    connections: gauge("hubbub_connections", "Open connections.", ["transport"]),
    connects: counter("hubbub_connects_total", "Handshakes.", ["result"]),
    connectsWaiting: gauge("hubbub_connects_waiting", "Handshakes that wait in line."),
    disconnects: counter("hubbub_disconnects_total", "Connections that ended.", ["reason"]),
    reconnects: counter("hubbub_reconnects_total", "Channels resumed.", ["outcome"]),
    requests: counter("hubbub_requests_total", "Requests by event and answer.", ["event", "code"]),
    requestDuration: seconds("hubbub_request_duration_seconds", "From request to answer, at the gateway.", [
      "event",
    ]),
    stageDuration: seconds("hubbub_stage_duration_seconds", "Where a message's time goes.", ["stage"]),
    unflushedEvents: gauge(
      "hubbub_log_unflushed_events",
      "Events in the log that Postgres does not have yet.",
    ),
    unflushedAge: gauge(
      "hubbub_log_unflushed_age_seconds",
      "Age of the oldest of them: the loss window of `logged` acks.",
    ),
    logFenced: counter("hubbub_log_fenced_total", "Reigns that ended because another owner took the shard."),
    logLost: counter(
      "hubbub_log_lost_events_total",
      "Acknowledged events that salvage could not bring to the new owner.",
    ),
    logReappended: counter("hubbub_log_reappended_total", "Entries put back after Redis had forgotten them."),
    logUnreadable: counter(
      "hubbub_log_unreadable_total",
      "Take-overs given up at an entry that this version cannot read.",
    ),
    logAppends: counter("hubbub_log_appends_total", "Entries appended to shard logs."),
    deadEvents: counter("hubbub_dead_events_total", "Events that Postgres refuses, set aside."),
    actorCrashes: counter("hubbub_actor_crashes_total", "Actors that threw and were rebuilt.", ["kind"]),
    syncRequests: counter("hubbub_sync_requests_total", "Histories asked for.", ["source"]),
    gaps: counter("hubbub_gaps_total", "Gaps that this gateway found in a room."),
    duplicates: counter("hubbub_duplicates_total", "Frames that this gateway had already relayed."),
    shardLoad: gauge("hubbub_shard_load", "Messages × audience per second.", ["shard"]),
    shardEpoch: gauge("hubbub_shard_epoch", "Reign of the shard, exported by its owner.", ["shard"]),
    actors: gauge("hubbub_actors", "Actors in memory.", ["kind"]),
    mailboxDepth: gauge("hubbub_mailbox_depth", "Commands that wait in mailboxes.", ["quantile"]),
    mailboxRejected: counter("hubbub_mailbox_rejected_total", "Commands refused because a mailbox was full."),
    nodeUtilisation: gauge("hubbub_node_utilisation", "Event-loop utilisation, 0 to 1."),
    eventLoopLag: gauge("hubbub_event_loop_lag_seconds", "Event-loop delay, p99 of the last interval."),
    shardMoves: counter("hubbub_shard_moves_total", "Shards that changed their owner.", ["reason"]),
    handoverDuration: seconds(
      "hubbub_handover_duration_seconds",
      "Planned hand-over: intake stopped to served again.",
    ),
    failoverDuration: seconds(
      "hubbub_failover_duration_seconds",
      "Unplanned take-over: table read to served.",
    ),
    level: gauge("hubbub_cluster_level", "What the nodes write to each other: the lowest that all know."),
    nodesWanted: gauge("hubbub_nodes_wanted", "The leader's advice for an autoscaler; 0 on the others."),
    leader: gauge("hubbub_leader", "1 on the node that leads placement."),
    laggingConnections: gauge("hubbub_lagging_connections", "Connections over their byte budget."),
    skippedEvents: counter("hubbub_skipped_events_total", "Events not sent to connections that lagged."),
    writeBufferBytes: gauge("hubbub_write_buffer_bytes", "Bytes that wait for slow connections."),
    events: counter("hubbub_events_total", "Events decided.", ["type"]),
    deliveries: counter("hubbub_deliveries_total", "Frames written to connections."),
    batchSize: new Histogram({
      name: "hubbub_batch_size",
      help: "Events per broadcast frame.",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    }),
    sqlStatements: counter("hubbub_postgres_statements_total", "Statements sent to Postgres.", ["pool"]),
    postgresPool: gauge("hubbub_postgres_pool", "Connections of the pool.", ["state"]),
    auditDrift: gauge(
      "hubbub_audit_drift",
      "Numbers of the tables that a recount does not find, in the last channels that this node looked at.",
      ["what"],
    ),
    projected: counter("hubbub_projected_events_total", "Events written to Postgres."),
  };
}
