/** The operations port over a cluster that is only told of: two nodes, four shards, one person. */
import { pino } from "pino";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { ClusterStatus, NodeStatus, PlannedMove } from "../../src/ports.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createOperations, type OperationsOptions } from "./operations.ts";

export const TOKEN = "an admin token of the tests";
export const CHANNEL = "01890000-0000-7000-8000-000000000009" as ChannelId;
const ADA = "01890000-0000-7000-8000-000000000001" as UserId;

function node(name: string, shards: number): NodeStatus {
  return {
    id: `${name}.abc`,
    name,
    pid: 1,
    url: "http://h:3000",
    metricsUrl: "http://h:9464",
    roles: ["gateway", "actors"],
    leaseAgeMs: 400,
    draining: false,
    shards,
    utilisation: 0.1,
    lagMs: 0,
    load: 3,
    unflushedEvents: 0,
    unflushedAgeMs: 0,
    version: "0.2.0",
    startedAtMs: 1,
  };
}

export const STATUS: ClusterStatus = {
  atMs: 1_000,
  nodes: [node("node-1", 0), node("node-0", 4)],
  leader: "node-0.abc",
  shards: { count: 4, moving: 0, unserved: 0 },
  log: { unflushedEvents: 0, unflushedAgeMs: 0 },
};

export const MOVE: PlannedMove = {
  shard: 2,
  from: "node-0.abc",
  to: "node-1.abc",
  reason: "balance",
  load: 3,
  why: "node-0 has 4 shards, node-1 none",
};

/** Answers who asks, and holds every line that was logged. */
export function operations({
  level = "info",
  ...more
}: Partial<OperationsOptions> & { level?: string } = {}) {
  const lines: Record<string, unknown>[] = [];
  const app = createOperations({
    adminToken: TOKEN,
    registry: createMetrics({ defaults: false }).registry,
    logger: pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    readiness: async () => ({ redis: true, postgres: true, lease: true, draining: false }),
    status: async () => STATUS,
    channel: async (id) =>
      id === CHANNEL
        ? { id, shard: 1, owner: "node-0.abc", epoch: 2, seq: 3, mailbox: 0, listeners: 4 }
        : undefined,
    drain: async (name) => name === "node-0",
    placement: {
      shards: async () => [{ shard: 0, owner: "node-0.abc", served: true, epoch: 2, channels: 1, load: 3 }],
      plan: async () => [MOVE],
      rebalance: async () => [MOVE],
      move: async (shard, to) => {
        if (shard > 3) return "no_such_shard";
        if (to === "node-1") return "moving";
        return to === "node-0" ? "there_already" : "no_such_node";
      },
    },
    lendToken: async (user) =>
      user === "ada" ? { user: { id: ADA, username: "ada" }, token: "a.b.c", expiresAtMs: 9_000 } : undefined,
    ...more,
  });
  const ask = (method: "GET" | "POST", url: string, token?: string, body?: object | string) =>
    app.inject({
      method,
      url,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      payload: typeof body === "string" ? body : body && JSON.stringify(body),
    });
  return Object.assign(ask, { lines, audit: () => lines.filter(({ audit }) => audit === true) });
}
