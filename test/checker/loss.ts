/**
 * What may be lost, and only that: an owner and the end of Redis's log died together (rules I1, L3). `logged` acks of that
 * time may be gone, `persisted` ones never; and whoever had heard of what is gone was told to begin anew.
 */
import type { Findings } from "./findings.ts";
import type { Ack, Changed, EventSeen, HistoryRecord, Send } from "./history.ts";

/** The history without what was lost as it may be; all that is left must be right by every other rule. */
export type Surviving = { history: readonly HistoryRecord[]; lostAcks: number; lostEvents: number };

type InChannel = { channelId: string };

/** Reigns of one channel, by the least seq that each is known to have decided. */
class Reigns {
  readonly #begins = new Map<number, number>();
  readonly #epochs = new Map<string, number>();

  learn(epoch: number, seq: number, digest?: string): void {
    this.#begins.set(epoch, Math.min(seq, this.#begins.get(epoch) ?? seq));
    if (digest !== undefined) this.#epochs.set(`${seq} ${digest}`, epoch);
  }

  /** Of an event that came in a difference, which does not say it. */
  epochOf({ seq, digest }: EventSeen): number | undefined {
    return this.#epochs.get(`${seq} ${digest}`);
  }

  /** Where a later reign goes on without what this one had decided there; undefined: it stands. */
  lostFrom(epoch: number, seq: number): number | undefined {
    const heirs = [...this.#begins].filter(([later, begins]) => later > epoch && begins <= seq);
    return heirs.length === 0 ? undefined : Math.min(...heirs.map(([, begins]) => begins));
  }
}

export function surviving(history: readonly HistoryRecord[], findings: Findings): Surviving {
  const tails = new Map<number, ReadonlySet<string>>();
  for (const record of history)
    if (record.what === "loss") tails.set(record.tail, new Set(record.channelIds));
  const touched = new Set([...tails.values()].flatMap((channels) => [...channels]));
  if (touched.size === 0) return { history, lostAcks: 0, lostEvents: 0 };
  return new Loss(history, tails, touched).judge(findings);
}

class Loss {
  readonly #history: readonly HistoryRecord[];
  readonly #tails: ReadonlyMap<number, ReadonlySet<string>>;
  readonly #touched: ReadonlySet<string>;
  readonly #reigns = new Map<string, Reigns>();
  /** `clientId`s of messages that stand: in Postgres, or in an event of a reign that was not overtaken. */
  readonly #standing = new Set<string>();
  readonly #lostEvents = new Set<string>();
  /** Messages that were lost: another may have taken the id, since it is made of the seq. */
  readonly #lostMessages = new Set<string>();

  constructor(
    history: readonly HistoryRecord[],
    tails: ReadonlyMap<number, ReadonlySet<string>>,
    touched: ReadonlySet<string>,
  ) {
    this.#history = history;
    this.#tails = tails;
    this.#touched = touched;
    for (const record of history) if (this.#concerns(record)) this.#learn(record);
    for (const record of history) if (this.#concerns(record)) this.#stand(record);
  }

  judge(findings: Findings): Surviving {
    this.#resetAll(findings);
    const gone = this.#goneAcks();
    const forgiven = (record: Send | Ack) => gone.has(keyOf(record));
    const history = this.#history.flatMap((record): HistoryRecord[] => {
      if (!this.#concerns(record)) return [record];
      if ((record.what === "send" || record.what === "ack") && forgiven(record)) return [];
      return this.#kept(record);
    });
    return {
      history: this.#withoutLostChanges(history),
      lostAcks: gone.size,
      lostEvents: this.#lostEvents.size,
    };
  }

  #concerns(record: HistoryRecord): record is HistoryRecord & InChannel {
    return "channelId" in record && this.#touched.has(record.channelId);
  }

  #of(channelId: string): Reigns {
    let reigns = this.#reigns.get(channelId);
    if (reigns === undefined) {
      reigns = new Reigns();
      this.#reigns.set(channelId, reigns);
    }
    return reigns;
  }

  #learn(record: HistoryRecord & InChannel): void {
    const reigns = this.#of(record.channelId);
    if (record.what === "events")
      for (const { seq, digest } of record.events) reigns.learn(record.epoch, seq, digest);
    else if (record.what === "logged") reigns.learn(record.epoch, record.event.seq, record.event.digest);
    else if (record.what === "row") reigns.learn(record.epoch, record.seq);
  }

  #stand(record: HistoryRecord & InChannel): void {
    if (record.what === "row") this.#standing.add(record.clientId);
    for (const event of eventsOf(record)) {
      const lost = this.#isLost(record, event);
      if (lost) {
        this.#lostEvents.add(`${record.channelId} ${event.seq} ${event.digest}`);
        if (event.type === "message:new") this.#lostMessages.add(event.messageIds![0]!);
      } else if (event.clientId !== undefined) this.#standing.add(event.clientId);
    }
  }

  #isLost(record: HistoryRecord & InChannel, event: EventSeen): boolean {
    const reigns = this.#of(record.channelId);
    const said = record.what === "events" || record.what === "logged" ? record.epoch : undefined;
    const epoch = said ?? reigns.epochOf(event);
    return epoch !== undefined && reigns.lostFrom(epoch, event.seq) !== undefined;
  }

  /** Messages that were acked as `logged` between the marks of a tail, in a channel that lost it, and stand nowhere. */
  #goneAcks(): Set<string> {
    const open = new Set<number>();
    const gone = new Set<string>();
    for (const record of this.#history) {
      if (record.what === "tail") open.add(record.tail);
      else if (record.what === "tail-end") open.delete(record.tail);
      else if (
        record.what === "ack" &&
        record.durability === "logged" &&
        !this.#standing.has(record.clientId)
      )
        if ([...open].some((tail) => this.#tails.get(tail)?.has(record.channelId))) gone.add(keyOf(record));
    }
    return gone;
  }

  /** Changes are acked as `logged` too, and one of a message that is gone says nothing about the one in its place. */
  #withoutLostChanges(history: readonly HistoryRecord[]): HistoryRecord[] {
    const open = new Set<number>();
    const mayBeLost = (channelId: string) => [...open].some((tail) => this.#tails.get(tail)?.has(channelId));
    return history.filter((record) => {
      if (record.what === "tail") open.add(record.tail);
      else if (record.what === "tail-end") open.delete(record.tail);
      if (record.what !== "changed") return true;
      return !mayBeLost(record.channelId) && !this.#lostMessages.has(record.messageId);
    });
  }

  /** The record as if what was lost had never been. */
  #kept(record: HistoryRecord & InChannel): HistoryRecord[] {
    const stay = (events: readonly EventSeen[]) => events.filter((event) => !this.#isLost(record, event));
    switch (record.what) {
      case "logged":
        return this.#isLost(record, record.event) ? [] : [record];
      case "events": {
        const events = stay(record.events);
        return events.length === 0 ? [] : [{ ...record, events }];
      }
      case "sync": {
        const events = stay(record.events);
        if (events.length === record.events.length) return [record];
        const seq = events.at(-1)?.seq ?? record.afterSeq;
        return [{ ...record, events, seq }];
      }
      case "open":
      case "behind": {
        const from = this.#of(record.channelId).lostFrom(record.epoch, record.seq);
        return [from === undefined ? record : { ...record, seq: from - 1 }];
      }
      default:
        return [record];
    }
  }

  /** Whoever took something that is gone has been told to begin anew before the end, or has no business there any more. */
  #resetAll(findings: Findings): void {
    const out = new Set<string>();
    const onLost = new Map<string, InChannel & { client: string; seq: number }>();
    for (const record of this.#history) {
      if (!this.#concerns(record) || !("client" in record)) continue;
      const { client, channelId } = record;
      const name = `${client} ${channelId}`;
      if (record.what === "out") out.add(name);
      if (record.what === "open" || (record.what === "sync" && record.reset)) onLost.delete(name);
      const lost = eventsOf(record).filter((event) => this.#isLost(record, event));
      for (const { seq } of lost) onLost.set(name, { client, channelId, seq });
    }
    for (const [name, { client, channelId, seq }] of onLost)
      if (!out.has(name))
        findings.add(
          "D4",
          "not_reset",
          channelId,
          `${client} has seq ${seq} of a lost history and was never reset`,
        );
  }
}

function eventsOf(record: HistoryRecord): readonly EventSeen[] {
  if (record.what === "events" || record.what === "sync") return record.events;
  return record.what === "logged" ? [record.event] : [];
}

const keyOf = ({
  channelId,
  by,
  clientId,
}: Pick<Ack | Send | Changed, "channelId" | "by"> & { clientId: string }) => `${channelId} ${by} ${clientId}`;
