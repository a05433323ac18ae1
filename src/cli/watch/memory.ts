/** What `status --watch` remembers of the answers so far. Pure: an answer and a time in, the next memory out. */
import { LEASE_TTL_MS } from "../../lib/lease.ts";
import type { ClusterStatus, NodeStatus } from "../../ports.ts";
import { list, nameOf, plural } from "../units.ts";

/** One answer, of all nodes together. */
export type Sample = { messages: number; deliveries: number; unflushed: number };
export type Happening = { atMs: number; text: string };

export type Memory = {
  /** The last that was told; kept while nobody answers. */
  status?: ClusterStatus;
  answeredAtMs?: number;
  /** Why the last question had no answer. */
  trouble?: string;
  /** Oldest first. */
  samples: readonly Sample[];
  /** Newest first. */
  happenings: readonly Happening[];
  /** Nodes that ended without a drain and are not back, by name: when that was seen. */
  lost: ReadonlyMap<string, number>;
  /** Shards by node's name when none was on the move. */
  settled?: ReadonlyMap<string, number>;
};

/** Two minutes of a sample a second: as wide as a trend is ever drawn. */
const SAMPLES_MAX = 120;
const HAPPENINGS_MAX = 50;
/** A node that is lost is not mentioned for ever: an autoscaler may have taken it away. */
const LOST_FOR_MS = 120_000;

export const NOTHING: Memory = { samples: [], happenings: [], lost: new Map() };

/** `answer`: the cluster's status, or in words why there is none. `atMs`: Unix milliseconds here. */
export function remember(memory: Memory, answer: ClusterStatus | string, atMs: number): Memory {
  if (typeof answer === "string") {
    const happened = memory.trouble === undefined && memory.status ? ["the cluster does not answer"] : [];
    return { ...memory, trouble: answer, happenings: add(memory, happened, atMs) };
  }
  const { status: before, trouble } = memory;
  const settled = isSettled(answer) ? shardsByName(answer) : memory.settled;
  const happened = [
    ...(trouble !== undefined && before ? ["the cluster answers again"] : []),
    ...(before ? happenedBetween(before, answer) : []),
    ...(memory.settled && settled ? moved(memory.settled, settled) : []),
  ];
  return {
    status: answer,
    answeredAtMs: atMs,
    samples: [...memory.samples, sampleOf(answer)].slice(-SAMPLES_MAX),
    happenings: add(memory, happened, atMs),
    lost: lostAfter(memory, answer, atMs),
    settled,
  };
}

function add({ happenings }: Memory, texts: readonly string[], atMs: number): Happening[] {
  return [...texts.map((text) => ({ atMs, text })).reverse(), ...happenings].slice(0, HAPPENINGS_MAX);
}

function sampleOf({ nodes, log }: ClusterStatus): Sample {
  const sum = (of: (node: NodeStatus) => number | undefined) =>
    nodes.reduce((all, node) => all + (of(node) ?? 0), 0);
  return {
    messages: sum(({ traffic }) => traffic?.messagesPerSecond),
    deliveries: sum(({ traffic }) => traffic?.deliveriesPerSecond),
    unflushed: log.unflushedEvents,
  };
}

function happenedBetween(before: ClusterStatus, after: ClusterStatus): string[] {
  const was = new Map(before.nodes.map((node) => [node.id, node]));
  const is = new Map(after.nodes.map((node) => [node.id, node]));
  const names = new Set(before.nodes.map(({ name }) => name));
  const came = after.nodes.filter(({ id }) => !was.has(id));
  const went = before.nodes.filter(({ id }) => !is.has(id));
  const drains = after.nodes.filter(({ id, draining }) => draining && was.get(id)?.draining === false);
  return [
    ...went.map((node) =>
      gaveBack(node, before, after) ? `${node.name} has left` : `${node.name} is gone: its lease ran out`,
    ),
    ...came.map(({ name, pid }) =>
      names.has(name) ? `${name} is back as process ${pid}` : `${name} joined as process ${pid}`,
    ),
    ...drains.map(({ name, shards }) => `${name} drains, with ${plural(shards, "shard")}`),
    ...leaderChange(before.leader, after.leader),
    ...serviceChange(before.shards.unserved, after.shards.unserved),
  ];
}

/** Has it given its lease back, as after a drain? Its lease could not have run out by now. */
function gaveBack(
  { draining, leaseAgeMs }: NodeStatus,
  before: ClusterStatus,
  after: ClusterStatus,
): boolean {
  return draining || leaseAgeMs + after.atMs - before.atMs < LEASE_TTL_MS;
}

function leaderChange(before: string | undefined, after: string | undefined): string[] {
  if (before === after) return [];
  return [after === undefined ? "no node leads" : `${nameOf(after)} leads`];
}

function serviceChange(before: number, after: number): string[] {
  if (before === 0 && after > 0) return [`${plural(after, "shard")} served by nobody`];
  return before > 0 && after === 0 ? ["every shard is served again"] : [];
}

function isSettled({ shards }: ClusterStatus): boolean {
  return shards.moving === 0 && shards.unserved === 0;
}

function shardsByName({ nodes }: ClusterStatus): Map<string, number> {
  const byName = Map.groupBy(nodes, ({ name }) => name);
  return new Map([...byName].map(([name, of]) => [name, of.reduce((sum, { shards }) => sum + shards, 0)]));
}

/** Said once they have arrived, not for each on its way. */
function moved(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const changed = names.filter((name) => (before.get(name) ?? 0) !== (after.get(name) ?? 0));
  if (changed.length === 0) return [];
  return [
    `shards moved: ${list(changed.map((name) => `${name} ${before.get(name) ?? 0} → ${after.get(name) ?? 0}`))}`,
  ];
}

function lostAfter(
  { status: before, lost }: Memory,
  after: ClusterStatus,
  atMs: number,
): Map<string, number> {
  const there = new Set(after.nodes.map(({ name }) => name));
  const gone = (before?.nodes ?? [])
    .filter((node) => before && !gaveBack(node, before, after))
    .map(({ name }) => name);
  const all = new Map([...gone.map((name) => [name, atMs] as const), ...lost]);
  return new Map([...all].filter(([name, sinceMs]) => !there.has(name) && atMs - sinceMs < LOST_FOR_MS));
}
