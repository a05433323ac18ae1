/**
 * Row D1: one contiguous `seq` per channel over all types of events, and the same event under each for everyone: for
 * clients, for the log, and for Postgres. Reigns and times never run backwards along it (rules I1, E5).
 */
import { type Findings, ranges } from "./findings.ts";
import type { Ack, ChannelRow, EventSeen, HistoryRecord, MessageRow } from "./history.ts";

/** What is known of one seq, and who said so first. */
type Known = {
  digest: string;
  type: EventSeen["type"];
  atMs: number;
  by: string;
  clientId?: string;
  content?: string;
  epoch?: number;
  source: string;
};

type ChannelOrder = {
  known: Map<number, Known>;
  rows: Map<number, MessageRow>;
  acks: Ack[];
  head?: ChannelRow;
};

export class OrderRules {
  readonly #findings: Findings;
  readonly #channels = new Map<string, ChannelOrder>();
  #logSeen = false;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  take(record: HistoryRecord): void {
    switch (record.what) {
      case "events":
        for (const event of record.events) this.#learn(record.channelId, event, record.client, record.epoch);
        break;
      case "sync":
        // Only the position after the events has an epoch there: they may be of several reigns.
        for (const event of record.events) {
          this.#learn(
            record.channelId,
            event,
            record.client,
            event.seq === record.seq ? record.epoch : undefined,
          );
        }
        break;
      case "logged":
        this.#logSeen = true;
        this.#learn(record.channelId, record.event, "the log", record.epoch);
        break;
      case "ack":
        this.#of(record.channelId).acks.push(record);
        break;
      case "row":
        this.#takeRow(record);
        break;
      case "channel":
        this.#of(record.channelId).head = record;
        break;
    }
  }

  /** All that only the whole history shows. */
  finish(): void {
    for (const [channelId, channel] of this.#channels) {
      this.#compareWithRows(channelId, channel);
      this.#compareWithAcks(channelId, channel);
      this.#contiguous(channelId, channel);
      this.#monotonic(channelId, channel);
    }
  }

  #of(channelId: string): ChannelOrder {
    let channel = this.#channels.get(channelId);
    if (channel === undefined) {
      channel = { known: new Map(), rows: new Map(), acks: [] };
      this.#channels.set(channelId, channel);
    }
    return channel;
  }

  #learn(channelId: string, event: EventSeen, source: string, epoch?: number): void {
    const { known } = this.#of(channelId);
    const before = known.get(event.seq);
    if (before === undefined) {
      const { digest, type, atMs, by, clientId, content } = event;
      known.set(event.seq, { digest, type, atMs, by, clientId, content, epoch, source });
      return;
    }
    if (before.digest !== event.digest) {
      this.#findings.add(
        "D1",
        "fork",
        channelId,
        `seq ${event.seq} is ${describe(before)} for ${before.source} and ${describe(event)} for ${source}`,
      );
    } else if (before.epoch !== undefined && epoch !== undefined && before.epoch !== epoch) {
      this.#findings.add(
        "D1",
        "fork",
        channelId,
        `seq ${event.seq} is of reign ${before.epoch} for ${before.source} and of ${epoch} for ${source}`,
      );
    }
    before.epoch ??= epoch;
  }

  #takeRow(row: MessageRow): void {
    const { rows } = this.#of(row.channelId);
    if (rows.has(row.seq))
      this.#findings.add("D1", "fork", row.channelId, `Postgres has two messages with seq ${row.seq}`);
    rows.set(row.seq, row);
  }

  #compareWithRows(channelId: string, { known, rows }: ChannelOrder): void {
    for (const [seq, event] of known) {
      const row = rows.get(seq);
      if (event.type === "message:new" && row === undefined) {
        this.#findings.add(
          "D1",
          "not_stored",
          channelId,
          `seq ${seq}, ${describe(event)}, reached ${event.source} and is not in Postgres`,
        );
      } else if (row !== undefined && differs(row, event)) {
        this.#findings.add(
          "D1",
          "stored_differently",
          channelId,
          `seq ${seq} is ${describe(event)} for ${event.source} and ${describeRow(row)} in Postgres`,
        );
      }
    }
  }

  #compareWithAcks(channelId: string, { acks, known, rows }: ChannelOrder): void {
    for (const ack of acks) {
      const there = known.get(ack.seq)?.clientId ?? rows.get(ack.seq)?.clientId;
      if (there !== ack.clientId) {
        this.#findings.add(
          "D1",
          "acked_elsewhere",
          channelId,
          `${ack.clientId} was acked as seq ${ack.seq}, which is ${there ?? "no message"}`,
        );
      }
    }
  }

  #contiguous(channelId: string, { known, rows, head }: ChannelOrder): void {
    if (head === undefined) return;
    const missing: number[] = [];
    // Without the log, events that are no messages may be out of sight.
    for (let seq = 1; this.#logSeen && seq <= head.seq; seq++)
      if (!known.has(seq) && !rows.has(seq)) missing.push(seq);
    if (missing.length > 0)
      this.#findings.add(
        "D1",
        "missing_seq",
        channelId,
        `seq ${ranges(missing)} of 1–${head.seq} is nowhere`,
      );
    const beyond = [...known.keys(), ...rows.keys()].filter((seq) => seq > head.seq);
    if (beyond.length > 0)
      this.#findings.add(
        "D1",
        "beyond_head",
        channelId,
        `seq ${ranges(new Set(beyond))} lies beyond the channel's row (${head.seq})`,
      );
  }

  #monotonic(channelId: string, { known, rows }: ChannelOrder): void {
    let last = { seq: 0, epoch: 0, atMs: 0 };
    for (const seq of [...new Set([...known.keys(), ...rows.keys()])].sort((a, b) => a - b)) {
      const epoch = known.get(seq)?.epoch ?? rows.get(seq)?.epoch ?? last.epoch;
      const atMs = known.get(seq)?.atMs ?? rows.get(seq)?.atMs ?? last.atMs;
      if (epoch < last.epoch)
        this.#findings.add(
          "D1",
          "epoch_back",
          channelId,
          `seq ${last.seq} is of reign ${last.epoch}, the later seq ${seq} of ${epoch}`,
        );
      if (atMs < last.atMs)
        this.#findings.add(
          "D1",
          "time_back",
          channelId,
          `seq ${seq} is ${last.atMs - atMs} ms before seq ${last.seq}`,
        );
      last = { seq, epoch, atMs };
    }
  }
}

function differs(row: MessageRow, event: Known): boolean {
  if (event.type !== "message:new") return true;
  const sameEpoch = event.epoch === undefined || row.epoch === event.epoch;
  return (
    row.clientId !== event.clientId ||
    row.authorId !== event.by ||
    row.content !== event.content ||
    row.atMs !== event.atMs ||
    !sameEpoch
  );
}

function describe(event: {
  type: string;
  by: string;
  clientId?: string;
  digest: string;
  epoch?: number;
}): string {
  return event.clientId === undefined
    ? `${event.type} (${event.digest})`
    : `message ${event.clientId} (${event.digest})`;
}

function describeRow(row: MessageRow): string {
  return `message ${row.clientId} of ${row.authorId} in reign ${row.epoch}`;
}
