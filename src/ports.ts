/** What the cluster, the store and the gateway of one node are to each other. They meet here and in `main.ts`, never directly. */
import type { Devices, LogRecord } from "../actors/ports.ts";
import type { ChannelId, ConnectionId, UserId } from "../protocol/ids.ts";
import type { Presence } from "../protocol/signals.ts";

/** A stream ID of a shard's log: `<epoch>-<n>`. `n` 0 is the barrier of that reign. */
export type LogId = readonly [epoch: number, n: number];

/** Reigns as Postgres knows them: the second fence (rules L2, L3, P1). Each rejects with `StoreAway`. */
export interface Reigns {
  /** Draws an epoch greater than every one drawn before and than `atLeastEpoch`. */
  claim(shard: number, atLeastEpoch: number): Promise<{ epoch: number; flushed: LogId }>;
  /** Is `epoch` still the last one drawn? */
  stands(shard: number, epoch: number): Promise<boolean>;
}

/** A shard's confirmed records on their way to Postgres, for one reign. */
export interface FlushSource {
  readonly shard: number;
  readonly epoch: number;
  /** The position that Postgres holds for this reign: what the claim answered, then what the last flush wrote. */
  readonly flushedUpTo: LogId;
  /** The oldest records that Postgres lacks, whole entries, about `maxRecords` of them; undefined when there are none. */
  peek(maxRecords: number): { records: readonly LogRecord[]; upTo: LogId } | undefined;
  /** Committed. */
  flushed(upTo: LogId): void;
  /** Postgres knows a greater epoch: the reign is over. */
  fenced(): void;
  /** Postgres holds an older position than the last commit: it went back, and the retained log must be projected again. */
  rewound(to: LogId): void;
}

/** Moves confirmed events of all shards of the node into Postgres, in batches. */
export interface Projector {
  add(source: FlushSource): void;
  remove(source: FlushSource): void;
  /** There is something new; with `atOnce`, someone waits for `persisted`. */
  nudge(source: FlushSource, atOnce: boolean): void;
}

/** The gateway of this node, as session actors reach it from wherever they live. At most once; none of these throws. */
export interface LocalDevices {
  /** To all connections of `userId` here. */
  tellUser(userId: UserId, event: Parameters<Devices["tellUser"]>[2], payload: object): void;
  /** To those connections of `viewers` here that watch the person. */
  tellViewers(viewers: readonly UserId[], presence: Presence): void;
  /** Ends these connections of `userId`: another took their place (row P6). */
  replace(userId: UserId, connectionIds: readonly ConnectionId[]): void;
}

/** A way on which a node must be able to hear itself before it may call itself alive (rule P4). */
export interface Hearing {
  /** Sends a beat that should come back over this way. Never throws. */
  speak(): void;
  /** Monotonic milliseconds (`performance.now()`) at which the last beat that came back had been *sent*; -Infinity: none yet. */
  lastHeardAtMs(): number;
}

/** What passes through a node, as its own metrics counted it over the last seconds. `messagesPerSecond`: decided by its actors. */
export type Traffic = { connections: number; messagesPerSecond: number; deliveriesPerSecond: number };

/**
 * A node as its lease tells. `utilisation`: of its event loop, 0 to 1; `load`: messages × audience per second, over its shards;
 * `lagMs`: delay of its event loop, p99 of the last seconds; `version`: of the software; `traffic`: absent from a node that has not counted yet.
 */
export type NodeStatus = {
  id: string;
  name: string;
  pid: number;
  url: string;
  metricsUrl: string;
  roles: string[];
  leaseAgeMs: number;
  draining: boolean;
  shards: number;
  utilisation: number;
  lagMs: number;
  load: number;
  unflushedEvents: number;
  unflushedAgeMs: number;
  version: string;
  startedAtMs: number;
  traffic?: Traffic;
};

/**
 * `GET /admin/status`, `hubbub status --json`. `leader`: a node's id; absent without one. `atMs`: the cluster's time. Of the shards,
 * those `moving` are handed over (requests wait for them), and for those `unserved` nobody answers.
 */
export type ClusterStatus = {
  atMs: number;
  nodes: NodeStatus[];
  leader?: string;
  shards: { count: number; moving: number; unserved: number };
  log: { unflushedEvents: number; unflushedAgeMs: number };
};

/**
 * `GET /admin/channels/:id`, `hubbub channel --json`. `owner`: a node's id; `epoch`, `seq`, `mailbox` are absent while nobody
 * serves the shard; `listeners` on all nodes.
 */
export type ChannelStatus = {
  id: ChannelId;
  shard: number;
  owner?: string;
  epoch?: number;
  seq?: number;
  mailbox?: number;
  listeners: number;
};

/**
 * One shard in `GET /admin/shards`, `hubbub shards --json`. `epoch`, `channels` (actors in memory) and `load` (messages × audience
 * per second) as its owner last said; absent while nobody serves it. `to`: the node it is on its way to.
 */
export type ShardStatus = {
  shard: number;
  owner?: string;
  to?: string;
  served: boolean;
  epoch?: number;
  channels?: number;
  load?: number;
};

/** A move that placement would make, in `GET /admin/rebalance` and `hubbub rebalance --plan`. `why`: in words, with the figures. */
export type PlannedMove = {
  shard: number;
  from?: string;
  to: string;
  reason: "new" | "dead" | "stuck" | "drain" | "balance" | "asked";
  load: number;
  why: string;
};

/**
 * What an operator asks of placement. Only the leader acts; another node passes the question on. Each rejects with `StoreAway`
 * or a timeout in words while Redis, or the leader, does not answer.
 */
export interface Placement {
  shards(): Promise<ShardStatus[]>;
  /** What would move now, and why; empty: placement is content. Changes nothing. */
  plan(): Promise<PlannedMove[]>;
  /** Makes those moves now, at most as many at once as placement allows itself; answers them. */
  rebalance(): Promise<PlannedMove[]>;
  /**
   * Moves one shard to a node, by id or name. It stays there until loads or nodes change; placement does not undo it at once.
   * `moving`; or why not.
   */
  move(
    shard: number,
    node: string,
  ): Promise<"moving" | "there_already" | "no_such_shard" | "no_such_node" | "node_takes_none">;
}
