/**
 * Row D4: a listener gets a channel's events in order and once. What it missed was brought by a sync or a resume, or it
 * was told (`channel:behind`, `reset`). Whoever listens at the end stands at the head.
 */
import { type Findings, ranges, span } from "./findings.ts";
import type { HistoryRecord, Live, Open, Synced } from "./history.ts";

/** One client in one channel. */
type Listener = {
  client: string;
  channelId: string;
  listening: boolean;
  /** Everything up to here was received, or lay before the channel was opened. */
  seq: number;
  /** Received above a gap. */
  above: Set<number>;
  /** The last seq that the server sent unasked on this connection, or the answer from which it goes on. */
  liveSeq: number;
  /** The client knows that it missed something, and has not caught up since. */
  told: boolean;
  /** Was put out: where it stands is of no account any more. */
  isOut: boolean;
};

export class ListenerRules {
  readonly #findings: Findings;
  /** By client, then by channel. */
  readonly #clients = new Map<string, Map<string, Listener>>();
  readonly #heads = new Map<string, number>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  take(record: HistoryRecord): void {
    switch (record.what) {
      case "open":
        this.#takeOpen(record);
        break;
      case "out":
        this.#of(record).isOut = true;
        break;
      case "close":
        this.#clients.get(record.client)?.delete(record.channelId);
        break;
      case "disconnect":
        for (const listener of this.#clients.get(record.client)?.values() ?? []) listener.listening = false;
        break;
      case "events":
        this.#takeLive(record);
        break;
      case "sync":
        this.#takeSync(record);
        break;
      case "behind":
        this.#of(record).told = true;
        break;
      case "channel":
        this.#heads.set(record.channelId, record.seq);
        break;
    }
  }

  finish(): void {
    for (const listeners of this.#clients.values())
      for (const listener of listeners.values()) this.#checkEnd(listener);
  }

  #of({ client, channelId }: { client: string; channelId: string }): Listener {
    let channels = this.#clients.get(client);
    if (channels === undefined) {
      channels = new Map();
      this.#clients.set(client, channels);
    }
    let listener = channels.get(channelId);
    if (listener === undefined) {
      listener = {
        client,
        channelId,
        listening: false,
        seq: 0,
        above: new Set(),
        liveSeq: 0,
        told: false,
        isOut: false,
      };
      channels.set(channelId, listener);
    }
    return listener;
  }

  #takeOpen(open: Open): void {
    const listener = this.#of(open);
    if (open.seq < listener.seq && !listener.told) {
      this.#findings.add(
        "D4",
        "went_back",
        open.channelId,
        `${open.client} had seq ${listener.seq} and was opened at seq ${open.seq}`,
      );
    }
    listener.above.clear();
    Object.assign(listener, { listening: true, seq: open.seq, liveSeq: open.seq, told: false });
  }

  #takeLive({ client, channelId, events }: Live): void {
    const listener = this.#of({ client, channelId });
    if (!listener.listening) {
      const seqs = ranges(events.map((event) => event.seq));
      this.#findings.add("D4", "uninvited", channelId, `${client} got seq ${seqs} without listening`);
    }
    for (const { seq } of events) {
      if (seq > listener.liveSeq) {
        listener.liveSeq = seq;
        receive(listener, seq);
      } else if (has(listener, seq)) {
        this.#findings.add(
          "D4",
          "duplicate",
          channelId,
          `${client} got seq ${seq} again, after seq ${listener.liveSeq}`,
        );
      } else {
        this.#findings.add(
          "D4",
          "disorder",
          channelId,
          `${client} got seq ${seq} after seq ${listener.liveSeq}`,
        );
        receive(listener, seq);
      }
    }
  }

  #takeSync(sync: Synced): void {
    const listener = this.#of(sync);
    if (sync.via === "resume") listener.listening = true;
    if (sync.reset === true) {
      listener.told = true;
      return;
    }
    this.#checkDifference(sync);
    for (const { seq } of sync.events) receive(listener, seq);
    if (sync.via === "resume") listener.liveSeq = sync.seq;
    if (!sync.more && listener.seq >= sync.seq) listener.told = false;
  }

  /** A difference is whole: every seq after the position asked from, up to the one it names. */
  #checkDifference({ client, channelId, afterSeq, seq: upTo, events }: Synced): void {
    let next = afterSeq + 1;
    for (const { seq } of events) {
      if (seq !== next) {
        const says =
          seq > next ? `misses seq ${span(next, seq - 1)}` : `has seq ${seq} at the place of ${next}`;
        this.#findings.add(
          "D4",
          "sync_hole",
          channelId,
          `the difference after seq ${afterSeq} for ${client} ${says}`,
        );
      }
      next = seq + 1;
    }
    if (next !== upTo + 1) {
      this.#findings.add(
        "D4",
        "sync_hole",
        channelId,
        `the difference after seq ${afterSeq} for ${client} ends at ${next - 1} and calls it ${upTo}`,
      );
    }
  }

  #checkEnd({ client, channelId, seq, above, told, isOut, listening }: Listener): void {
    if (told || isOut) return;
    if (above.size > 0) {
      const first = [...above].reduce((least, at) => Math.min(least, at));
      this.#findings.add(
        "D4",
        "gap",
        channelId,
        `${client} never got seq ${span(seq + 1, first - 1)} and was not told`,
      );
      return;
    }
    const head = this.#heads.get(channelId);
    if (listening && head !== undefined && seq < head) {
      this.#findings.add(
        "D4",
        "stale",
        channelId,
        `${client} listens and stands at seq ${seq}, the head is ${head}`,
      );
    }
  }
}

function has(listener: Listener, seq: number): boolean {
  return seq <= listener.seq || listener.above.has(seq);
}

function receive(listener: Listener, seq: number): void {
  if (has(listener, seq)) return;
  listener.above.add(seq);
  while (listener.above.delete(listener.seq + 1)) listener.seq += 1;
}
