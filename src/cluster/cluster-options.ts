/** What one node's part in the cluster is given. */
import type { Connected } from "../../gateway/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { Hearing, LocalDevices } from "../ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ClusterRecord } from "./cluster-record.ts";
import type { GroundOptions } from "./ground.ts";
import type { NodeRole } from "./nodes.ts";
import type { OpenShard } from "./shard-host.ts";

export type ClusterOptions = GroundOptions & {
  /** What this node knows of entries, commands and columns (rule E7): `LEVEL`, unless a test says less. */
  level: number;
  /** Where clients and Prometheus reach this node. */
  url: string;
  metricsUrl: string;
  roles: readonly NodeRole[];
  /** Of the software. */
  version: string;
  record: ClusterRecord;
  /** Connections on this node that listen to the channel, for `hubbub channel`. */
  listeners: (channelId: ChannelId) => number;
  /** Members of the channel who are connected to this node. Nobody where it has no gateway. */
  connected: (channelId: ChannelId) => Connected;
  /** The gateway of this node, for what session actors of any node tell their people. First asked for after `start`. */
  devices: () => LocalDevices;
  /**
   * The person may be out of this space. The gateway of this node resolves to true when they hear nothing of its channels here,
   * or are in it again (rule E1); to false when the space could not be asked. Never rejects.
   */
  outOfSpace: (spaceId: ChannelId, userId: UserId) => Promise<boolean>;
  /** Another node asks this one to drain: do what SIGTERM does. */
  onDrain: () => void;
  /**
   * These shards have another owner now, or all after this node's lease had lapsed, since it may have missed anything: gateways
   * ask for heads, and attach their people again (rules H1, E4).
   */
  onShardsMoved: (shards: readonly number[]) => void;
  metrics: Metrics;
};

/** What can be made only once the cluster's clock, lease and router exist. */
export type ClusterParts = {
  /** Never called on a node without the role `actors`. */
  openShard: OpenShard;
  /** Ways beside the inbox on which the node must hear itself (rule P4): the gateway's adapter. They may begin to hear later. */
  hearings: readonly Hearing[];
};
