/** One append in flight per shard; the next batch gathers meanwhile. What is in doubt is settled before anything else (rules L1, L4). */
import type { Logger } from "pino";
import { formatId, type LogEntry } from "./entry.ts";
import type { Batch, Gate } from "./gate.ts";
import type { History } from "./history.ts";
import type { AppendOutcome, LogLink } from "./log-store.ts";
import type { Patience } from "./timers.ts";
import type { Verifier } from "./verifier.ts";

/** An id that is refused although the log ends before it was used by someone: read back once more, then give up (rule L4). */
const REFUSALS_MAX = 2;

export type AppenderOptions = {
  shard: number;
  epoch: number;
  token: string;
  gate: Gate;
  history: History;
  verifier: Verifier;
  /** Its own: between two tries of an append. */
  patience: Patience;
  logger: Logger;
  /** The batch in flight is in the log: once per batch, in order. */
  onConfirmed: (batch: Batch) => void;
  onForeign: (why: string) => void;
  /** A broken promise of our own code. */
  onThrow: (error: unknown) => void;
};

export class Appender {
  #options: AppenderOptions;
  #running = false;
  #stopped = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** There is something to append: starts unless an append is under way already. */
  wake(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#run().catch(this.#options.onThrow);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The verifier found the entry in flight in the log. */
  confirm(): void {
    if (!this.#stopped && this.#options.gate.inFlight())
      this.#options.onConfirmed(this.#options.gate.takeConfirmed());
  }

  async #run(): Promise<void> {
    let refusals = 0;
    while (!this.#stopped && this.#options.gate.hasWork()) {
      const { outcome, entry, link } = await this.#append();
      if (this.#stopped) return;
      const settled = entry !== undefined && this.#options.gate.inFlight() !== entry;
      // A server that is no longer ours may still say yes: its answer counts only while it is the one we verified.
      if (!settled && outcome.kind === "done" && this.#options.verifier.current() === link) {
        this.#options.patience.reset();
        this.confirm();
      } else if (!settled) await this.#settle(outcome);
      const stillWaits = entry !== undefined && this.#options.gate.inFlight() === entry;
      refusals = stillWaits && outcome.kind === "refused" ? refusals + 1 : 0;
      if (refusals === REFUSALS_MAX)
        this.#options.onForeign(`${formatId(entry!.id)} is refused, and the log ends before it`);
    }
    this.#running = false;
  }

  async #append(): Promise<{ outcome: AppendOutcome; entry?: LogEntry; link?: LogLink }> {
    const { verifier, gate, shard, epoch, token, history } = this.#options;
    const link = verifier.current() ?? (await verifier.verify().then(() => verifier.current()));
    if (link === undefined || this.#stopped || !gate.hasWork())
      return { outcome: { kind: "failed", reason: "no link" }, link };
    return new Promise((resolve) => {
      let entry: LogEntry | undefined;
      const compose = () => {
        if (this.#stopped || verifier.current() !== link || !gate.hasWork()) return undefined;
        entry = gate.compose(epoch, token, history.newest.id);
        return entry;
      };
      link.append(shard, compose, (outcome) => resolve({ outcome, entry, link }));
    });
  }

  /** Anything but a clear yes: look at the log again, which also finds the entry if it arrived. What surely failed waits a little first. */
  async #settle(outcome: AppendOutcome): Promise<void> {
    const { verifier, patience, logger, shard, epoch } = this.#options;
    verifier.doubt();
    if (outcome.kind !== "done")
      logger.debug({ shard, epoch, outcome: outcome.kind, reason: outcome.reason }, "append not confirmed");
    if (outcome.kind === "failed") await patience.wait();
    if (!this.#stopped) await verifier.verify();
  }
}
