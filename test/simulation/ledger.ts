/** What became of every event: who decided it, who knew it, whether Redis and Postgres have it, and who heard of it. */
import { type EventRecord, isEvent, type LogRecord } from "../../actors/ports.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { isBarrier, type LogEntry, parseRecords } from "../../src/cluster/log/entry.ts";
import { shardOf } from "../../src/cluster/shard-of.ts";
import type { SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

/** One event, decided once: who had it in memory, and where it is. */
export type Seen = {
  record: EventRecord;
  /** Nodes that could bring it back, and those whose reign over it ended in order. */
  holders: Set<SimNode>;
  released: Set<SimNode>;
  wasAccepted: boolean;
  isInLog: boolean;
  wasForgotten: boolean;
  isInPostgres: boolean;
  wasHeard: boolean;
};

export class Ledger {
  /** By name. */
  readonly seen = new Map<string, Seen>();
  /** Rows of each channel, in the order of seq. */
  readonly rows = new Map<ChannelId, EventRecord[]>();
  readonly #world: Pick<World, "plan" | "violate" | "trace" | "faults">;

  constructor(world: Pick<World, "plan" | "violate" | "trace" | "faults">) {
    this.#world = world;
  }

  #shardOf(id: string): number {
    return shardOf(id, this.#world.plan.shards);
  }

  #seenOf(record: EventRecord): Seen {
    const name = nameOf(record);
    const seen = this.seen.get(name) ?? {
      record,
      holders: new Set(),
      released: new Set(),
      wasAccepted: false,
      isInLog: false,
      wasForgotten: false,
      isInPostgres: false,
      wasHeard: false,
    };
    this.seen.set(name, seen);
    return seen;
  }

  /** A node has these in memory: it decided or replayed them. */
  held(node: SimNode, records: readonly LogRecord[]): void {
    for (const record of records.filter(isEvent)) {
      const seen = this.#seenOf(record);
      seen.holders.add(node);
      if (JSON.stringify(seen.record.event) !== JSON.stringify(record.event))
        this.#world.violate("two events of one name", `${nameOf(seen.record)} and ${nameOf(record)}`);
    }
  }

  /** A reign is over; what it knew of a shard that was released in order it need not know. */
  hostEnded(node: SimNode, shard: number, why: "released" | "fenced"): void {
    this.#world.trace(() => `${node.id} shard ${shard} ended: ${why}`);
    if (why === "fenced") return;
    for (const seen of this.seen.values())
      if (seen.holders.has(node) && this.#shardOf(seen.record.channelId) === shard) seen.released.add(node);
  }

  /** Redis has taken the entry. */
  accepted(shard: number, entry: LogEntry): void {
    for (const record of parseRecords(entry).filter(isEvent)) {
      const seen = this.#seenOf(record);
      seen.wasAccepted = true;
      seen.isInLog = true;
    }
    this.#world.trace(() => `redis shard ${shard} + ${describeEntry(entry)}`);
    this.#world.faults.moment(isBarrier(entry) ? "barrier" : "append", shard);
  }

  /** Redis has lost it again. */
  forgotten(shard: number, entry: LogEntry): void {
    for (const record of parseRecords(entry).filter(isEvent)) {
      const seen = this.#seenOf(record);
      seen.isInLog = false;
      seen.wasForgotten = true;
    }
    this.#world.trace(() => `redis shard ${shard} forgets ${describeEntry(entry)}`);
    this.#world.faults.moment("forgotten", shard);
  }

  /** Its owner has dropped these from the log. */
  trimmed(entries: readonly LogEntry[]): void {
    for (const record of entries.flatMap(parseRecords).filter(isEvent)) {
      const seen = this.#seenOf(record);
      if (!seen.isInPostgres && !seen.wasForgotten)
        this.#world.violate("trimmed unflushed", `${nameOf(record)} left the log before Postgres had it`);
    }
  }

  /** Postgres has taken the event, for the first time. */
  row(record: EventRecord): void {
    const { channelId, epoch, event } = record;
    const rows = this.rows.get(channelId) ?? [];
    this.rows.set(channelId, rows);
    const last = rows.at(-1);
    if (event.seq !== (last?.event.seq ?? 0) + 1)
      this.#world.violate("gap", `Postgres gets ${nameOf(record)} behind ${last && nameOf(last)}`);
    if (epoch < (last?.epoch ?? 0))
      this.#world.violate("reigns mixed", `Postgres gets ${nameOf(record)} behind ${last && nameOf(last)}`);
    rows.push(record);
    this.#seenOf(record).isInPostgres = true;
    this.#world.trace(() => `postgres + ${nameOf(record)}`);
  }

  /** What the owner broadcasts. */
  heard(node: SimNode, channelId: ChannelId, epoch: number, events: readonly ChannelEvent[]): void {
    for (const event of events) {
      const record: EventRecord = { channelId, epoch, event };
      const seen = this.seen.get(nameOf(record));
      if (!seen?.wasAccepted) this.#world.violate("heard, never logged", nameOf(record));
      else seen.wasHeard = true;
      if (!node.cluster.lease.holds()) this.#world.violate("heard without a lease", nameOf(record));
    }
    this.#world.trace(
      () => `${node.id} publishes ${channelId.slice(-2)} ${events.map(({ seq }) => seq)} @${epoch}`,
    );
    this.#world.faults.moment("publish", this.#shardOf(channelId), node);
  }

  /** Does Postgres have all that the log holds, but for what lies behind a later barrier and is read by nobody? */
  isFlushed(): boolean {
    return [...this.seen.values()].every((seen) => !seen.isInLog || seen.isInPostgres || this.#isVoid(seen));
  }

  #isVoid({ record }: Seen): boolean {
    return this.rows.get(record.channelId)?.some(({ event }) => event.seq === record.event.seq) ?? false;
  }
}

/** Rule I1. */
export function nameOf({ channelId, epoch, event }: EventRecord): string {
  return `${channelId.slice(-2)}#${event.seq}@${epoch}`;
}

function describeEntry(entry: LogEntry): string {
  return `${entry.id.join("-")} ${parseRecords(entry).filter(isEvent).map(nameOf).join(" ") || "(no event)"}`;
}
