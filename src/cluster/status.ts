/** What `hubbub status` and `hubbub channel` show, gathered from the leases and from the nodes themselves. */
import type { Clock } from "../../actors/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { ChannelStatus, ClusterStatus, NodeStatus } from "../ports.ts";
import type { BusMessage, Found } from "./bus.ts";
import type { Control } from "./control.ts";
import { fromFields, type LiveNode } from "./nodes.ts";
import type { PlacementTable } from "./placement-table.ts";
import { Questions } from "./questions.ts";
import { shardOf } from "./shard-of.ts";
import type { Shards } from "./shards.ts";

/** Nodes that do not answer within this are left out. */
const ANSWER_WITHIN_MS = 1_000;

export type StatusDeskOptions = {
  incarnation: string;
  clock: Clock;
  control: Control;
  table: PlacementTable;
  shards: Shards;
  /** Connections that listen to the channel on this node. */
  listeners: (channelId: ChannelId) => number;
  send: (to: string, message: BusMessage) => boolean;
};

export class StatusDesk {
  readonly #options: StatusDeskOptions;
  readonly #questions = new Questions<Found>();

  constructor(options: StatusDeskOptions) {
    this.#options = options;
  }

  /** Rejects when Redis is away. */
  async status(): Promise<ClusterStatus> {
    const { control, clock, table } = this.#options;
    const [fields, leader] = await Promise.all([control.readNodes(), control.leader()]);
    const live = fields.map(fromFields);
    return {
      atMs: clock.nowMs(),
      nodes: live.map(toStatus),
      leader,
      shards: countShards(table, live),
      log: {
        unflushedEvents: live.reduce((sum, node) => sum + node.unflushedEvents, 0),
        unflushedAgeMs: live.reduce((most, node) => Math.max(most, node.unflushedAgeMs), 0),
      },
    };
  }

  /** Asks every node. Rejects when Redis is away. */
  async whereIs(channelId: ChannelId): Promise<ChannelStatus> {
    const { incarnation, control, table, send } = this.#options;
    const others = (await control.readNodes()).map(({ id }) => id).filter((id) => id !== incarnation);
    const ask = (to: string) =>
      this.#questions.ask(ANSWER_WITHIN_MS, (id) => send(to, { type: "where", id, channelId }));
    const found = await Promise.all([this.find(channelId), ...others.map(ask)]);
    const owner = found.find((one) => one?.epoch !== undefined);
    const shard = shardOf(channelId, table.shards);
    return {
      id: channelId,
      shard,
      owner: table.owner(shard),
      epoch: owner?.epoch,
      seq: owner?.seq,
      mailbox: owner?.mailbox,
      listeners: found.reduce((sum, one) => sum + (one?.listeners ?? 0), 0),
    };
  }

  /** What this node knows of the channel. */
  async find(channelId: ChannelId): Promise<Found> {
    const { table, shards, listeners } = this.#options;
    const shard = shardOf(channelId, table.shards);
    const host = shards.hosts().find((one) => one.shard === shard && one.state === "serving");
    const found: Found = { listeners: listeners(channelId) };
    if (host?.actors === undefined) return found;
    const inMemory = host.actors.channel(channelId);
    if (inMemory) return { ...found, epoch: host.epoch, ...inMemory };
    const heads = await host.actors.heads([channelId]).catch(() => undefined); // Postgres is away
    return { ...found, epoch: host.epoch, seq: heads?.get(channelId)?.[0], mailbox: 0 };
  }

  /** Another node wants to know. */
  async asked(from: string, { id, channelId }: { id: number; channelId: ChannelId }): Promise<void> {
    this.#options.send(from, { type: "found", id, found: await this.find(channelId) });
  }

  answered(id: number, found: Found): void {
    this.#questions.answered(id, found);
  }

  unheard(id: number): void {
    this.#questions.unheard(id);
  }

  stop(): void {
    this.#questions.stop();
  }
}

/** How the shards stand, by the table and what the nodes with a lease say that they serve. */
export function countShards(table: PlacementTable, live: readonly LiveNode[]): ClusterStatus["shards"] {
  const serving = new Map(live.map((node) => [node.id, node.serving]));
  const count = { count: table.shards, moving: 0, unserved: 0 };
  for (let shard = 0; shard < table.shards; shard++) {
    const { node = "", previous = "" } = table.row(shard);
    if (serving.get(node)?.has(shard)) continue;
    if (serving.has(node) && serving.has(previous)) count.moving += 1;
    else count.unserved += 1;
  }
  return count;
}

function toStatus(node: LiveNode): NodeStatus {
  const { id, name, pid, url, metricsUrl, roles, leaseAgeMs, draining, serving, utilisation } = node;
  const { lagMs, load, unflushedEvents, unflushedAgeMs, version, startedAtMs, traffic } = node;
  const shards = serving.size;
  const lease = { id, name, pid, url, metricsUrl, roles, leaseAgeMs, draining, shards, utilisation };
  return { ...lease, lagMs, load, unflushedEvents, unflushedAgeMs, version, startedAtMs, traffic };
}
