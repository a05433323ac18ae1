/** Leadership: every node tries for it, one has it, and only that one writes the table (rules P0, P2). */
import type { Logger } from "pino";
import type { Metrics } from "../telemetry/metrics.ts";
import { assign, type Move } from "./assign.ts";
import { BatchLine } from "./batch-line.ts";
import type { Continuity } from "./continuity.ts";
import { type Control, LEASE_TTL_MS } from "./control.ts";
import type { NodeLease } from "./lease.ts";
import { fromFields, type LiveNode } from "./nodes.ts";
import { formatRow, type PlacementTable, type Row } from "./placement-table.ts";
import { Surveyor } from "./survey.ts";
import type { TableReader } from "./table-reader.ts";

/** Candidates try, and the leader renews and looks, this often … */
const TRY_EVERY_MS = 500;
/** … and the leader looks this often while shards are on the move, so that one round follows the other. */
const LOOK_EVERY_MS = 150;

export type LeadershipOptions = {
  control: Control;
  incarnation: string;
  lease: NodeLease;
  continuity: Continuity;
  table: PlacementTable;
  reader: TableReader;
  /** Tells these nodes that another has no lease any more (rule E4). */
  tellGone: (gone: string, nodes: readonly string[]) => void;
  metrics: Pick<Metrics, "leader" | "shardMoves">;
  logger: Logger;
};

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #line: BatchLine;
  #surveyor = new Surveyor();
  /** Of this node's reign as leader; 0: it does not lead. */
  #epoch = 0;
  #toldDead: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #trying: Promise<void> | undefined;
  #renounced = false;
  #stopped = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    options.metrics.leader.set(0);
    this.#line = new BatchLine(({ counts, ...batch }) =>
      options.logger.info({ ...batch, version: options.table.version, ...counts }, "leader: shards assigned"),
    );
  }

  get leads(): boolean {
    return this.#epoch > 0;
  }

  start(): void {
    this.trySoon(0);
  }

  /** The next try is due in so many milliseconds: at once when the lease is held now. */
  trySoon(inMs = 0): void {
    if (this.#stopped || this.#trying !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#trying = this.#try().then((nextMs) => {
        this.#trying = undefined;
        this.trySoon(nextMs);
      });
    }, inMs);
  }

  /** Gives leadership up at once and tries no more: this node drains. */
  async renounce(): Promise<void> {
    this.#renounced = true;
    await this.#trying;
    if (this.#epoch > 0) await this.#resign();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.renounce();
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
      if (epoch === 0 || this.#renounced) return TRY_EVERY_MS;
      return (await this.#round()) ? LOOK_EVERY_MS : TRY_EVERY_MS;
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

  #lead(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#line.flush();
    const { metrics, logger } = this.#options;
    this.#epoch = epoch;
    this.#surveyor = new Surveyor();
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

  /** Looks at all nodes and shards and moves what must move. True: shards are on the move. */
  async #round(): Promise<boolean> {
    const { control, incarnation, lease, continuity, table, reader } = this.#options;
    const [fields, lapsed, stored] = await Promise.all([
      control.readNodes(),
      control.lapsed(),
      reader.read(),
    ]);
    if (stored === undefined) throw new Error("the table could not be read");
    const live = fields.map(fromFields);
    if (!live.some((node) => node.id === incarnation)) {
      // Redis answers but has lost our own lease, so nobody's absence means anything.
      continuity.broke();
      lease.renewSoon();
      return true;
    }
    await this.#unlist(lapsed, live);
    const gone = await this.#gone(live);
    const { places, standings } = this.#surveyor.look(table, live, gone, performance.now());
    const moves = assign(places, standings, (shard) => table.owner(shard) !== undefined);
    const forgotten = stored < table.version;
    const written = moves.length > 0 || forgotten ? await this.#write(moves, live, forgotten) : false;
    const claiming = places.some(
      ({ owner, settled }) => !settled && owner !== undefined && standings.get(owner) !== "unsure",
    );
    return written || claiming;
  }

  /** Who has lost its lease, by rule P0, is taken off the list, and everyone is told. */
  async #unlist(lapsed: readonly string[], live: readonly LiveNode[]): Promise<void> {
    const { control, continuity, tellGone } = this.#options;
    if (continuity.unbrokenMs() < LEASE_TTL_MS) return;
    const nodes = live.map(({ id }) => id);
    for (const id of lapsed) if (await control.unlist(id)) tellGone(id, nodes);
  }

  /** Owners in the table that are gone: left on purpose, or without a lease while Redis answered for one lease time. */
  async #gone(live: readonly LiveNode[]): Promise<Set<string>> {
    const { control, continuity, table } = this.#options;
    const alive = new Set(live.map((node) => node.id));
    const missing = new Set([...table.owners()].filter((owner) => !alive.has(owner)));
    if (missing.size === 0) return missing;
    const left = new Set(await control.leavers([...missing]));
    if (continuity.unbrokenMs() < LEASE_TTL_MS) return left;
    this.#tellDead([...missing].filter((id) => !left.has(id)));
    return missing;
  }

  /** Said once, in the round that finds it so. */
  #tellDead(dead: readonly string[]): void {
    for (const id of dead) {
      if (!this.#toldDead.includes(id))
        this.#options.logger.warn(
          { dead: id },
          "leader: a node's lease ran out; its shards go to the others",
        );
    }
    this.#toldDead = dead;
  }

  async #write(moves: readonly Move[], live: readonly LiveNode[], whole: boolean): Promise<boolean> {
    const { control, incarnation, table, reader, metrics, logger } = this.#options;
    const version = Math.max(table.version, ...live.map((node) => node.tableVersion)) + 1;
    const rows = new Map<number, Row>();
    if (whole) for (let shard = 0; shard < table.shards; shard++) rows.set(shard, table.row(shard));
    for (const { shard, from, to } of moves)
      rows.set(shard, { version, node: to, ...(from !== undefined && { previous: from }) });
    const texts = new Map([...rows].map(([shard, row]) => [shard, formatRow(row)]));
    if (!(await control.writeTable({ incarnation, epoch: this.#epoch }, version, texts))) return false;
    for (const { shard, reason, to } of moves) {
      metrics.shardMoves.inc({ reason });
      if (reason === "stuck") this.#surveyor.strike(shard);
      this.#line.add({ moves: reason, from: table.owner(shard) ?? "nobody", to });
    }
    if (whole) logger.warn({ version }, "leader: table put back after Redis forgot it");
    await reader.read();
    return true;
  }
}
