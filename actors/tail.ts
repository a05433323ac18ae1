/**
 * The resume window of a shard: the last confirmed events of each channel, beyond the life of its actor (rule I1, row D5).
 * It is filled from replay and from the gate, so nothing in it is ever taken back, and no one reads a database to resume.
 */
import type { Position } from "../protocol/channel.ts";
import type { ChannelId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import { assert } from "../src/lib/assert.ts";
import type { Recent } from "./channel/state.ts";
import type { EventRecord } from "./ports.ts";

/** Events per channel, and their age at most, milliseconds: the resume window that clients are promised. */
export const WINDOW_EVENTS_MAX = 1_000;
export const WINDOW_AGE_MAX_MS = 600_000;
/** Bytes per shard, as estimated. Chosen: all 256 shards on one node, and all of them busy, stay within 2 GiB. */
export const WINDOW_BYTES_MAX = 8 * 1024 * 1024;

/** Names of events that have gone that may be kept at least: compacting fewer is not worth it. */
const ORDER_SLACK = 1_024;

/** What an event weighs beside its text, bytes: measured as heap per message event of 200 characters, less the text. */
const EVENT_BYTES = 800;
/** The same of a mention, with the id that it names, and of an entry of metadata, less its text. */
const MENTION_BYTES = 120;
const METADATA_ENTRY_BYTES = 80;

export type TailOptions = { eventsMax?: number; ageMaxMs?: number; bytesMax?: number };

export class Tail implements Recent {
  #nowMs: () => number;
  #limits: Required<TailOptions>;
  #channels = new Map<ChannelId, ChannelTail>();
  /** The events of all channels in the order they came: the oldest goes first. Names them only: some have gone already. */
  #order: { tail: ChannelTail; seq: number }[] = [];
  #start = 0;
  #events = 0;
  #bytes = 0;

  /** `nowMs`: Unix. */
  constructor(nowMs: () => number, options: TailOptions = {}) {
    this.#nowMs = nowMs;
    this.#limits = {
      eventsMax: WINDOW_EVENTS_MAX,
      ageMaxMs: WINDOW_AGE_MAX_MS,
      bytesMax: WINDOW_BYTES_MAX,
      ...options,
    };
  }

  /** Takes in the next event of its channel. One that does not follow starts the channel's window anew: another history. */
  add(record: EventRecord): void {
    const { event } = record;
    const tail = this.#tailOf(record.channelId);
    if (event.seq !== tail.headSeq + 1) while (tail.size > 0) this.#drop(tail);
    tail.push(record);
    this.#order.push({ tail, seq: event.seq });
    this.#events++;
    this.#bytes += bytesOf(record);
    if (tail.size > this.#limits.eventsMax) this.#drop(tail);
    while (this.#bytes > this.#limits.bytesMax) this.#dropOldest();
    this.#compact();
  }

  /** Drops what is older than the window. */
  trim(): void {
    const minMs = this.#nowMs() - this.#limits.ageMaxMs;
    for (let next = this.#order[this.#start]; next !== undefined; next = this.#order[this.#start]) {
      const atMs = next.tail.at(next.seq)?.event.atMs;
      if (atMs !== undefined && atMs >= minMs) break;
      this.#dropOldest();
    }
    for (const [id, tail] of this.#channels) if (tail.size === 0) this.#channels.delete(id);
  }

  /** See `Recent`. */
  at(channelId: ChannelId, seq: number): EventRecord | undefined {
    const record = this.#channels.get(channelId)?.at(seq);
    return record && record.event.atMs >= this.#nowMs() - this.#limits.ageMaxMs ? record : undefined;
  }

  /** Where the channel stands, when its window holds anything. */
  head(channelId: ChannelId): Position | undefined {
    const last = this.#channels.get(channelId)?.last();
    return last && [last.event.seq, last.epoch];
  }

  /** Estimated bytes of all that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  #tailOf(channelId: ChannelId): ChannelTail {
    let tail = this.#channels.get(channelId);
    if (tail === undefined) {
      tail = new ChannelTail();
      this.#channels.set(channelId, tail);
    }
    return tail;
  }

  #drop(tail: ChannelTail): void {
    this.#bytes -= bytesOf(tail.shift());
    this.#events--;
  }

  /** What its channel has dropped already is only forgotten here. */
  #dropOldest(): void {
    const { tail, seq } = this.#order[this.#start++]!;
    if (tail.at(seq) !== undefined) this.#drop(tail);
  }

  /** Takes out the names of what has gone, once they are the greater part. */
  #compact(): void {
    if (this.#order.length < 2 * this.#events + ORDER_SLACK) return;
    this.#order = this.#order.slice(this.#start).filter(({ tail, seq }) => tail.at(seq) !== undefined);
    this.#start = 0;
  }
}

class ChannelTail {
  #records: EventRecord[] = [];
  #start = 0;
  headSeq = 0;

  get size(): number {
    return this.#records.length - this.#start;
  }

  push(record: EventRecord): void {
    this.#records.push(record);
    this.headSeq = record.event.seq;
  }

  at(seq: number): EventRecord | undefined {
    if (seq <= this.headSeq - this.size) return undefined;
    return this.#records[this.#records.length - 1 - (this.headSeq - seq)];
  }

  last(): EventRecord | undefined {
    return this.size > 0 ? this.#records.at(-1) : undefined;
  }

  /** Takes out the oldest. */
  shift(): EventRecord {
    const record = this.#records[this.#start];
    assert(record !== undefined, "a window that is not empty has an oldest event");
    this.#records[this.#start++] = undefined!;
    if (this.#start > this.#records.length / 2) {
      this.#records.splice(0, this.#start);
      this.#start = 0;
    }
    return record;
  }
}

function bytesOf({ event }: EventRecord): number {
  return EVENT_BYTES + (event.type === "message:new" ? messageBytes(event.message) : 0);
}

/** Of what people may make large. */
function messageBytes({ content, html, mentions, metadata }: Message): number {
  let bytes = content.length + html.length + mentions.length * MENTION_BYTES;
  for (const [key, value] of Object.entries(metadata))
    bytes += METADATA_ENTRY_BYTES + key.length + (typeof value === "string" ? value.length : 0);
  return bytes;
}
