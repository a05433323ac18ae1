/** Names in Redis of what nodes share. Keys carry the tag `{prefix}`, so that one script may touch several (rule P2). */
import { assert } from "../lib/assert.ts";

export type ClusterKeys = {
  /** Hash: shard count, protocol version, created at. For ever. */
  readonly cluster: string;
  /** Set of incarnations; renewed by every node. */
  readonly nodes: string;
  /** What `node(incarnation)` adds its argument to. */
  readonly nodePrefix: string;
  /** String `<incarnation> <epoch>`: the leader's lease. */
  readonly leader: string;
  /** Hash: shard → row, `version`, `leaderEpoch`. For ever. */
  readonly placement: string;
  /** Channel on which every new table version is announced. */
  readonly announcements: string;
  /** Hash: one node's lease. */
  node(incarnation: string): string;
  /** String, 24 h: this incarnation stopped on purpose; its shards are free at once. */
  left(incarnation: string): string;
  /** Sharded channel: what other nodes say to this one. */
  inbox(incarnation: string): string;
};

/** `prefix`: letters, digits, `-`, `_`; `hub` unless configured. */
export function clusterKeys(prefix: string): ClusterKeys {
  assert(/^[\w-]+$/.test(prefix), "the prefix of keys is letters, digits, - and _");
  const tag = `{${prefix}}`;
  return {
    cluster: `${tag}:cluster`,
    nodes: `${tag}:nodes`,
    nodePrefix: `${tag}:node:`,
    leader: `${tag}:leader`,
    placement: `${tag}:placement`,
    announcements: `${prefix}:placement`,
    node: (incarnation) => `${tag}:node:${incarnation}`,
    left: (incarnation) => `${tag}:left:${incarnation}`,
    inbox: (incarnation) => `${prefix}:inbox:${incarnation}`,
  };
}
