/** How far others have got, told while it is small talk (row D7): to a dm, and to channels of up to a hundred members. */
import type { ChannelFold } from "../../protocol/fold.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { RECEIPTS_MEMBERS_MAX, type Receipts as ReceiptsSignal } from "../../protocol/signals.ts";
import { Pacing } from "./pacing.ts";
import type { Mark } from "./state.ts";

/** Between two signals of a channel, milliseconds (20). */
export const RECEIPTS_EVERY_MS = 1_000;

type Told = ReceiptsSignal["marks"][number];

/** Marks that are in the log, on their way to listeners. Times are monotonic milliseconds. */
export class Receipts {
  readonly #channelId: ChannelId;
  readonly #tell: (signal: ReceiptsSignal) => void;
  readonly #gathered = new Map<UserId, Told>();
  readonly #pacing = new Pacing(RECEIPTS_EVERY_MS);

  constructor(channelId: ChannelId, tell: (signal: ReceiptsSignal) => void) {
    this.#channelId = channelId;
    this.#tell = tell;
  }

  /** Marks that the log holds now. In a channel of more members nobody hears of them. */
  add(marks: readonly Mark[], { memberCount }: Readonly<ChannelFold>, nowMs: number): void {
    if (memberCount > RECEIPTS_MEMBERS_MAX) return;
    for (const mark of marks) this.#gather(mark);
    this.round(nowMs);
  }

  /** Tells what is due. */
  round(nowMs: number): void {
    if (this.#gathered.size === 0 || !this.#pacing.isOpen(nowMs)) return;
    const marks = [...this.#gathered.values()];
    this.#gathered.clear();
    this.#pacing.told(nowMs);
    this.#tell({ channelId: this.#channelId, marks });
  }

  isQuiet(nowMs: number): boolean {
    return this.#gathered.size === 0 && this.#pacing.isOpen(nowMs);
  }

  /** Of a member's marks the greatest, each sort by itself. */
  #gather({ userId, delivered, read }: Mark): void {
    const told: Told = this.#gathered.get(userId) ?? { userId };
    if (delivered !== undefined) told.delivered = Math.max(delivered, told.delivered ?? 0);
    if (read !== undefined) told.read = Math.max(read, told.read ?? 0);
    this.#gathered.set(userId, told);
  }
}
