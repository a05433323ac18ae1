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

/** A node as its lease tells. `utilisation`: of its event loop, 0 to 1. */
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
};

/** `GET /admin/status`, `hubbub status --json`. `leader`: a node's id; absent without one. */
export type ClusterStatus = {
  nodes: NodeStatus[];
  leader?: string;
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
