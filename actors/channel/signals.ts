/**
 * What a channel tells beside its log: who types, how far others have got, where it stands. Soft state of its own: nothing is
 * rebuilt from it, nothing of it waits at the gate (rule G1). Only what the log confirms is told of marks and heads.
 */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelFold } from "../../protocol/fold.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { ChannelHead } from "../../protocol/signals.ts";
import { type EventRecord, isMark, type LogRecord } from "../ports.ts";
import type { World } from "../world.ts";
import { Pacing } from "./pacing.ts";
import { Receipts } from "./receipts.ts";
import type { SignalRounds } from "./signal-rounds.ts";
import { type TypingChange, Typists } from "./typing.ts";

/** Between two heads of a channel, milliseconds (rule H5). */
export const HEADS_EVERY_MS = 2_000;

export type SignalsOptions = {
  world: Pick<World, "broadcaster" | "timers">;
  rounds: SignalRounds;
};

export class Signals {
  readonly #id: ChannelId;
  readonly #options: SignalsOptions;
  /** Each is made when it is needed, and dropped when it is quiet: most channels are. */
  #typists: Typists | undefined;
  #receipts: Receipts | undefined;
  #heads: { pacing: Pacing; waits: ChannelHead | undefined } | undefined;
  #hasEnded = false;

  constructor(id: ChannelId, options: SignalsOptions) {
    this.#id = id;
    this.#options = options;
  }

  /** Someone begins or stops typing. */
  typed(change: TypingChange): void {
    this.#typists ??= new Typists(this.#id, (payload) => this.#tell({ event: "typing", payload }));
    this.#typists.change(change, this.#nowMs());
    this.#options.rounds.add(this);
  }

  /** This was decided. */
  decided(event: ChannelEvent): void {
    this.#typists?.happened(event, this.#nowMs());
  }

  /** The log holds these. `fold`: of the channel; undefined while it is not in memory. */
  logged(records: readonly LogRecord[], fold: Readonly<ChannelFold> | undefined): void {
    const marks = records.filter(isMark).map(({ mark }) => mark);
    if (marks.length === 0 || fold === undefined || this.#hasEnded) return;
    this.#receipts ??= new Receipts(this.#id, (payload) => this.#tell({ event: "receipts", payload }));
    this.#receipts.add(marks, fold, this.#nowMs());
    this.#options.rounds.add(this);
  }

  /** The log holds the channel up to here, and people who do not listen should know. */
  stands(head: ChannelHead): void {
    if (this.#hasEnded) return;
    this.#heads ??= { pacing: new Pacing(HEADS_EVERY_MS), waits: undefined };
    this.#heads.waits = head;
    this.#tellHead(this.#nowMs());
    this.#options.rounds.add(this);
  }

  /** Tells what is due; false: nothing is on its way any more, and what comes next may be told at once. */
  round(): boolean {
    const nowMs = this.#nowMs();
    this.#typists?.round(nowMs);
    this.#receipts?.round(nowMs);
    this.#tellHead(nowMs);
    if (this.#typists?.isQuiet()) this.#typists = undefined;
    if (this.#receipts?.isQuiet(nowMs)) this.#receipts = undefined;
    if (this.#heads?.waits === undefined && this.#heads?.pacing.isOpen(nowMs)) this.#heads = undefined;
    return !this.isQuiet();
  }

  isQuiet(): boolean {
    return this.#typists === undefined && this.#receipts === undefined && this.#heads === undefined;
  }

  /** The channel leaves this node: where it stands last is told now, whatever the pace, since nobody else would. */
  end(): void {
    if (this.#heads?.waits) this.#tell({ event: "channel:head", payload: this.#heads.waits });
    this.#hasEnded = true;
    this.#options.rounds.remove(this);
  }

  #tellHead(nowMs: number): void {
    const head = this.#heads?.waits;
    if (head === undefined || !this.#heads?.pacing.isOpen(nowMs)) return;
    this.#heads.waits = undefined;
    this.#heads.pacing.told(nowMs);
    this.#tell({ event: "channel:head", payload: head });
  }

  #tell(signal: Parameters<World["broadcaster"]["signal"]>[0]): void {
    this.#options.world.broadcaster.signal(signal);
  }

  #nowMs(): number {
    return this.#options.world.timers.nowMs();
  }
}

/** Where a channel stands, as who does not listen is told. */
export function headOf(
  channelId: ChannelId,
  { seq, epoch, messageCount }: Readonly<ChannelFold>,
): ChannelHead {
  return { channelId, seq, epoch, messageCount };
}

/** Must those who do not listen know of one of these? */
export function areNews(events: readonly EventRecord[]): boolean {
  return events.some(({ event }) => event.type === "message:new");
}
