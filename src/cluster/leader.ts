/** Leadership: every node tries for it, one has it, and only that one writes the table (rules P0, P2). */

import { LEASE_TTL_MS } from "../lib/lease.ts";
import type { Granted, Wish } from "./bus.ts";
import { Leading, type LeadingOptions } from "./leading.ts";
import { fromFields, type LiveNode } from "./nodes.ts";

/** Candidates try, and the leader renews and looks, this often … */
const TRY_EVERY_MS = 500;
/** … the leader looks this often while shards are on the move and nobody says that they are served … */
const LOOK_EVERY_MS = 150;
/** … and with so much of a pause where somebody did while it looked. */
const AGAIN_MS = 20;

export class Leadership {
  readonly #options: LeadingOptions;
  /** Undefined: it does not lead. */
  #leading: Leading | undefined;
  /** Tries and an operator's wishes, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #trying: Promise<void> | undefined;
  /** Something happened while it tried. */
  #again = false;
  #renounced = false;
  #stopped = false;

  constructor(options: LeadingOptions) {
    this.#options = options;
    options.metrics.leader.set(0);
    options.metrics.nodesWanted.set(0);
  }

  get leads(): boolean {
    return this.#leading !== undefined;
  }

  start(): void {
    this.trySoon(0);
  }

  /** The next try is due in so many milliseconds: at once when the lease is held now. */
  trySoon(inMs = 0): void {
    if (this.#trying !== undefined) this.#again = true;
    else this.#due(inMs);
  }

  /** A node says that it serves other shards than before: the next may move now. Nothing where this node does not lead. */
  lookSoon(): void {
    if (this.leads) this.trySoon(0);
  }

  /** What an operator asks of the leader. Undefined: this node does not lead. Rejects when Redis does not answer. */
  async grant(wish: Wish): Promise<Granted | undefined> {
    const granted = await this.#inTurn(async () => {
      const { lease } = this.#options;
      return this.#renounced || !lease.holds() ? undefined : this.#leading?.grant(wish);
    });
    this.lookSoon();
    return granted;
  }

  /** Gives leadership up at once and tries no more: this node drains. */
  async renounce(): Promise<void> {
    this.#renounced = true;
    await this.#inTurn(async () => {
      if (this.leads) await this.#resign();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.renounce();
  }

  #due(inMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#again = false;
      this.#trying = this.#inTurn(() => this.#try()).then((nextMs) => {
        this.#trying = undefined;
        this.#due(this.#again ? Math.min(AGAIN_MS, nextMs) : nextMs);
      });
    }, inMs);
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {}); // told to whoever asked
    return done;
  }

  async #try(): Promise<number> {
    const { control, incarnation, lease, continuity, table, logger } = this.#options;
    if (!lease.holds()) {
      this.#lead(0); // a node that is not alive does not lead; its key runs out
      return TRY_EVERY_MS;
    }
    const sentAtMs = performance.now();
    try {
      if (this.#renounced || (await this.#defers())) return TRY_EVERY_MS;
      const { epoch, runId } = await control.elect(incarnation, table.leaderEpoch);
      continuity.answered(runId, sentAtMs, performance.now());
      this.#lead(epoch);
      if (this.#leading === undefined || this.#renounced) return TRY_EVERY_MS;
      return (await this.#leading.round()) ? LOOK_EVERY_MS : TRY_EVERY_MS;
    } catch (error) {
      continuity.broke();
      logger.debug({ err: error }, "leader: Redis did not answer");
      return TRY_EVERY_MS;
    }
  }

  /**
   * A node that has not watched Redis for one lease time may call nobody gone yet (rule P0): while a node that has been
   * there for longer is alive, that one shall lead, so that a leader's shards move as soon as its lease has run out.
   */
  async #defers(): Promise<boolean> {
    const { control, incarnation, continuity } = this.#options;
    if (this.leads || continuity.unbrokenMs() >= LEASE_TTL_MS) return false;
    const live = (await control.readNodes()).map(fromFields);
    const own = live.find(({ id }) => id === incarnation);
    const isElder = (node: LiveNode) =>
      own !== undefined && !node.draining && node.startedAtMs < own.startedAtMs;
    return live.some(isElder);
  }

  /** Of this node's reign as leader; 0: it does not lead. */
  #lead(epoch: number): void {
    if (epoch === (this.#leading?.epoch ?? 0)) return;
    const { metrics, levels, logger } = this.#options;
    this.#leading?.end();
    this.#leading = epoch > 0 ? new Leading(epoch, this.#options) : undefined;
    levels.begin();
    metrics.leader.set(epoch > 0 ? 1 : 0);
    if (epoch > 0) logger.info({ leaderEpoch: epoch }, "leader: elected");
    else logger.info("leader: no longer this node");
  }

  async #resign(): Promise<void> {
    const { control, incarnation, logger } = this.#options;
    this.#lead(0);
    await control.resign(incarnation).catch((error: unknown) => {
      logger.debug({ err: error }, "leader: could not resign; the key runs out");
    });
  }
}
