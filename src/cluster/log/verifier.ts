/**
 * Rule L3: before the first append over a link, and after every doubt, an owner asks whether its reign still stands and
 * whether the log still ends as it knows; what Redis forgot is put back first.
 */
import type { Logger } from "pino";
import { StoreAway } from "../../../actors/ports.ts";
import { unreachable } from "../../lib/assert.ts";
import type { Reigns } from "../../ports.ts";
import { formatId, type LogEntry, UnreadableEntry } from "./entry.ts";
import { type History, isSame } from "./history.ts";
import { LogAway, type LogLink, type LogStore, type ServerIdentity, sameServer } from "./log-store.ts";
import type { Patience } from "./timers.ts";

export type VerifierOptions = {
  shard: number;
  epoch: number;
  store: LogStore;
  reigns: Reigns;
  history: History;
  patience: Patience;
  logger: Logger;
  /** The link over which barrier and log were read. */
  link: LogLink;
  inFlight: () => LogEntry | undefined;
  /** The entry in flight was found in the log. */
  onFound: () => void;
  onReappended: () => void;
  /** Another reign, or a history that is not ours. */
  onForeign: (why: string) => void;
};

/** This try came to nothing; another may not. */
class TryAgain extends Error {
  override name = "TryAgain";
}

export class Verifier {
  #options: VerifierOptions;
  /** Found to hold our history, and not doubted since. */
  #verified: LogLink | undefined;
  /** Last link that was looked at: its identity is read again after a doubt. */
  #seen: LogLink;
  #server: ServerIdentity;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#verified = options.link;
    this.#seen = options.link;
    this.#server = options.link.server;
  }

  /** The link that may be written on; undefined while there is none. */
  current(): LogLink | undefined {
    const link = this.#verified;
    if (link === undefined || !link.alive || this.#options.store.link(this.#options.shard) !== link)
      return undefined;
    return link;
  }

  /** Something went wrong over this link: the log is looked at before anything else is written. */
  doubt(): void {
    this.#verified = undefined;
  }

  /**
   * Looks whether the log still ends as it should. Who writes nothing would not hear of another reign by anything else: one that
   * has begun and ended meanwhile, of an owner with an old table, tells nobody, and its rows are ahead of this one's.
   */
  async look(): Promise<void> {
    const { history, inFlight, shard } = this.#options;
    const link = this.current();
    if (link === undefined) return;
    try {
      const verdict = history.judge(await link.last(shard), inFlight());
      if (verdict === "current" || verdict === "in_flight") return;
    } catch (error) {
      if (error instanceof LogAway) return; // the next look, or the next append
      if (!(error instanceof UnreadableEntry)) throw error;
    }
    this.doubt();
    if (!this.#stopped) await this.verify();
  }

  /** Resolves when `current` answers or the reign has ended; tries without end. */
  verify(): Promise<void> {
    this.#running ??= this.#verify().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #verify(): Promise<void> {
    const { store, shard, patience, logger, epoch } = this.#options;
    while (!this.#stopped && this.current() === undefined) {
      const link = store.link(shard);
      if (link?.alive) {
        this.#verified = undefined;
        try {
          if (await this.#holds(link)) {
            this.#verified = link;
            patience.reset();
            continue;
          }
          return;
        } catch (error) {
          if (error instanceof UnreadableEntry) {
            this.#foreign(error.message);
            return;
          }
          if (!(error instanceof LogAway || error instanceof StoreAway || error instanceof TryAgain))
            throw error;
          logger.debug({ shard, epoch, reason: error.message }, "log not verified yet");
        }
      }
      if (!this.#stopped) await patience.wait();
    }
  }

  /** Does this link lead to our history? False: it does not, or the reign has ended meanwhile. */
  async #holds(link: LogLink): Promise<boolean> {
    const { shard, epoch, reigns, history, inFlight } = this.#options;
    const server = link === this.#seen ? await link.identify() : link.server;
    this.#seen = link;
    const mayHaveForgotten = !sameServer(server, this.#server);
    if (mayHaveForgotten && !(await reigns.stands(shard, epoch)))
      return this.#foreign("Postgres knows a later reign");
    const last = await link.last(shard);
    if (this.#stopped) return false;
    const verdict = history.judge(last, inFlight());
    switch (verdict) {
      case "current":
        break;
      case "in_flight":
        this.#options.onFound();
        break;
      case "older":
        if (!mayHaveForgotten && !(await reigns.stands(shard, epoch)))
          return this.#foreign("Postgres knows a later reign");
        if (!(await this.#putBack(link, history.missingAfter(last?.id)))) return false;
        break;
      case "foreign":
        return this.#foreign(`the log ends with ${formatId(last!.id)}, which is not ours`);
      default:
        unreachable(verdict);
    }
    this.#server = server;
    return !this.#stopped;
  }

  /** One by one: an entry that fails must not be followed by the next, for nothing can be put before it later. */
  async #putBack(link: LogLink, missing: readonly LogEntry[]): Promise<boolean> {
    const { shard, epoch, logger } = this.#options;
    if (missing.length > 0) {
      logger.warn(
        { shard, epoch, entries: missing.length, from: formatId(missing[0]!.id) },
        "the log lost entries: putting them back",
      );
    }
    for (const entry of missing) {
      if (this.#stopped) return false;
      const outcome = await link.put(shard, entry);
      if (outcome.kind === "refused") {
        const found = await link.at(shard, entry.id);
        if (!found || !isSame(found, entry)) return this.#foreign(`${formatId(entry.id)} cannot be put back`);
      } else if (outcome.kind !== "done") throw new TryAgain(outcome.reason ?? outcome.kind);
      this.#options.onReappended();
    }
    return true;
  }

  #foreign(why: string): false {
    if (!this.#stopped) this.#options.onForeign(why);
    return false;
  }
}
