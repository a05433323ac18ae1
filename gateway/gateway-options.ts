/** What the gateway of a node is given. */
import type { Logger } from "pino";
import type { Clock, Router } from "../actors/ports.ts";
import type { Health } from "../protocol/requests.ts";
import type { Metrics } from "../src/telemetry/metrics.ts";
import type { RedisClient } from "./adapter/subscriptions.ts";
import type { VerifyToken } from "./auth/tokens.ts";
import type { Accounts, History, Memberships, People } from "./ports.ts";

export type GatewayOptions = {
  /** This node's incarnation. */
  node: string;
  /** Of keys and channels in Redis. */
  prefix: string;
  redis: {
    /** For scripts, streams and rates. */
    commands: RedisClient;
    /** For publishing only. With a `commandTimeout` and without an offline queue: what is not sent now is repaired later (rule H3). */
    publisher: RedisClient;
    /** For the adapter's subscriptions only; its `ssubscribe` and `sunsubscribe` are replaced. In Redis Cluster with `shardedSubscribers`. */
    subscriber: RedisClient;
  };
  router: Router;
  memberships: Memberships;
  history: History;
  accounts: Pick<Accounts, "users" | "byUsernames" | "revocations">;
  people: Pick<People, "choosePresence">;
  clock: Clock;
  verifyToken: VerifyToken;
  /** The shard of a channel's or user's id. */
  shardOf(id: string): number;
  /** What `health:check` answers, from what the node knows already. */
  health(): Health;
  transports: readonly ("websocket" | "polling")[];
  /** Origins of other sites whose pages may connect; `*`: all. The page's own host always may. */
  origins: readonly string[];
  trustedProxies: number;
  /** Between pings, milliseconds. */
  heartbeatMs: number;
  rates: { enabled: boolean; eventsPerSecond: number; messagesPerMinute: number; connectsPerMinute: number };
  /** Bytes that may wait for a slow reader before it is skipped forward. Default 256 KiB. */
  slowClientBytes?: number;
  /** Milliseconds over that budget until it is ended. Default 15,000. */
  slowCutMs?: number;
  /** Connections of one user on this node; one more takes the place of the oldest. Default 1,000. */
  connectionsPerUser?: number;
  /** Of the line of handshakes, milliseconds. Default 4,000: as long as the first waits longer, others are turned away. */
  connectPatienceMs?: number;
  /** Default 250: a handshake that waits longer for a store holds up the others no more. */
  connectHoldMs?: number;
  metrics: Metrics;
  logger: Logger;
};
