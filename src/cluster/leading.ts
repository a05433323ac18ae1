/** What a node does while it leads: looks at all nodes and shards, moves what must move, and what an operator asks for. */
import type { Logger } from "pino";
import type { Clock } from "../../actors/ports.ts";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { NodesAdvice } from "./advice.ts";
import { ASKED_UNEVEN_SHARE, assign, type Move, movingIn, movingMost } from "./assign.ts";
import { BatchLine } from "./batch-line.ts";
import type { Granted, Wish } from "./bus.ts";
import type { Continuity } from "./continuity.ts";
import type { Control } from "./control.ts";
import type { NodeLease } from "./lease.ts";
import { isUpTo, type LevelRise } from "./level-rise.ts";
import { newestNamed } from "./neighbours.ts";
import { fromFields, type LiveNode } from "./nodes.ts";
import { formatRow, type PlacementTable, type Row } from "./placement-table.ts";
import { type Survey, Surveyor } from "./survey.ts";
import type { TableReader } from "./table-reader.ts";

type Moved = Extract<Granted, { moved: unknown }>["moved"];

export type LeadingOptions = {
  control: Control;
  incarnation: string;
  lease: NodeLease;
  continuity: Continuity;
  clock: Clock;
  table: PlacementTable;
  reader: TableReader;
  /** Tells these nodes that another has no lease any more (rule E4). */
  tellGone: (gone: string, nodes: readonly string[]) => void;
  levels: LevelRise;
  metrics: Pick<Metrics, "leader" | "shardMoves" | "nodesWanted">;
  logger: Logger;
};

type Look = Survey & { live: readonly LiveNode[]; forgotten: boolean };

/** One reign as leader. Nothing of it is called while another call of it is under way. All reject when Redis does not answer. */
export class Leading {
  readonly epoch: number;
  readonly #options: LeadingOptions;
  readonly #line: BatchLine;
  readonly #surveyor = new Surveyor();
  readonly #advice = new NodesAdvice();
  #toldDead: readonly string[] = [];

  constructor(epoch: number, options: LeadingOptions) {
    this.epoch = epoch;
    this.#options = options;
    this.#line = new BatchLine(({ counts, ...batch }) =>
      options.logger.info({ ...batch, version: options.table.version, ...counts }, "leader: shards assigned"),
    );
  }

  /** One round. True: shards are on the move, so the next shall follow soon. */
  async round(): Promise<boolean> {
    const look = await this.#look();
    if (look === undefined) return true;
    const { metrics } = this.#options;
    const { live, places, standings, forgotten } = look;
    metrics.nodesWanted.set(this.#advice.look(live.filter(servesPeople), performance.now()));
    const moves = this.#assign(look);
    const written = moves.length > 0 || forgotten ? await this.#write(moves, live, forgotten) : false;
    const claiming = places.some(
      ({ owner, settled }) => !settled && owner !== undefined && standings.get(owner) !== "unsure",
    );
    return written || claiming;
  }

  /** Does what an operator asks, as far as shards may be on the move. */
  async grant(wish: Wish): Promise<Granted> {
    if (wish.to === "move") return { moved: await this.#move(wish.shard, wish.node) };
    const look = await this.#look();
    if (look === undefined) return { moves: [] };
    const moves = this.#assign(look, ASKED_UNEVEN_SHARE);
    if (wish.to === "plan" || moves.length === 0) return { moves };
    return { moves: (await this.#write(moves, look.live)) ? moves : [] };
  }

  /** The reign is over. */
  end(): void {
    this.#line.flush();
    this.#options.metrics.nodesWanted.set(0);
  }

  /** Kept there until nodes or loads change; see `Asked`. */
  async #move(shard: number, node: string): Promise<Moved> {
    const { table } = this.#options;
    if (!Number.isInteger(shard) || shard < 0 || shard >= table.shards) return "no_such_shard";
    const look = await this.#look();
    if (look === undefined) return "full";
    const { live, places, standings, behind } = look;
    const to = newestNamed(live, node);
    if (to === undefined) return "no_such_node";
    const { owner, load } = places[shard]!;
    if (owner !== to.id) {
      if (standings.get(to.id) !== "open" || behind.has(to.id)) return "node_takes_none";
      if (movingIn(places, standings) >= movingMost(table.shards)) return "full";
      const from = owner !== undefined && standings.has(owner) ? { from: owner } : {};
      const move: Move = {
        shard,
        ...from,
        to: to.id,
        reason: "asked",
        load,
        why: "an operator asked for it",
      };
      if (!(await this.#write([move], live))) return "full";
    }
    this.#surveyor.asked.put(shard, to.id);
    return owner === to.id ? "there_already" : "moving";
  }

  #assign({ places, standings, unevenFrom, behind }: Survey, asked = unevenFrom): Move[] {
    const { table } = this.#options;
    return assign(places, standings, {
      wasPlaced: (shard) => table.owner(shard) !== undefined,
      unevenFrom: Math.min(unevenFrom, asked),
      behind,
    });
  }

  /** Undefined: Redis has lost our own lease, so nobody's absence means anything. */
  async #look(): Promise<Look | undefined> {
    const { control, incarnation, lease, continuity, table, reader, levels } = this.#options;
    const [fields, lapsed, stored] = await Promise.all([
      control.readNodes(),
      control.lapsed(),
      reader.read(),
    ]);
    if (stored === undefined) throw new Error("the table could not be read");
    const isFit = isUpTo(table.level.current);
    const live = fields.map(fromFields).map((node) => (isFit(node) ? node : { ...node, draining: true }));
    if (!live.some((node) => node.id === incarnation)) {
      continuity.broke();
      lease.renewSoon();
      return undefined;
    }
    levels.look(live, lapsed.length === 0 && continuity.unbrokenMs() >= LEASE_TTL_MS);
    await this.#unlist(lapsed, live);
    const gone = await this.#gone(live);
    const survey = this.#surveyor.look(table, live, gone, performance.now());
    return { ...survey, live, forgotten: stored < newestVersion(table, live) };
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

  async #write(moves: readonly Move[], live: readonly LiveNode[], whole = false): Promise<boolean> {
    const { control, incarnation, table, reader, clock, metrics, logger } = this.#options;
    // The time, so that no version is ever given twice: a node that is not alive now may know one that Redis has forgotten.
    const version = Math.max(clock.nowMs(), newestVersion(table, live) + 1);
    const rows = new Map<number, Row>();
    if (whole) for (let shard = 0; shard < table.shards; shard++) rows.set(shard, table.row(shard));
    for (const { shard, from, to } of moves)
      rows.set(shard, { version, node: to, ...(from !== undefined && { previous: from }) });
    const texts = new Map([...rows].map(([shard, row]) => [shard, formatRow(row)]));
    if (!(await control.writeTable({ incarnation, epoch: this.epoch }, version, texts))) return false;
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

/** Of the tables that the leader and the living know. */
function newestVersion(table: PlacementTable, live: readonly LiveNode[]): number {
  return Math.max(table.version, ...live.map((node) => node.tableVersion));
}

/** Not one that only runs jobs. */
function servesPeople({ roles }: LiveNode): boolean {
  return roles.includes("actors") || roles.includes("gateway");
}
