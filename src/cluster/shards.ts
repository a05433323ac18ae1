/** The shards that this node runs, as the table wants them: opened, handed over, opened again after a fence (rule P3). */
import type { Logger } from "pino";
import type { ShardActors } from "../../actors/ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { BatchLine } from "./batch-line.ts";
import { Claims } from "./claims.ts";
import type { PlacementTable } from "./placement-table.ts";
import type { OpenShard, ShardHost } from "./shard-host.ts";

/** The new owner takes the barrier when the old one has said *released*, or after this (rule P3) … */
const RELEASE_WAIT_MS = 2_000;
/** … so the old one does not try for longer. */
const RELEASE_WITHIN_MS = 1_800;
/** Before a shard that was lost to a fence is claimed again, if the table still says so. */
const REOPEN_MS = 1_000;

export type ShardsOptions = {
  incarnation: string;
  table: PlacementTable;
  openShard: OpenShard;
  /** Tells the new owner that the shard is free. */
  tellReleased: (to: string, shard: number, version: number) => void;
  /** A host serves, stops or ends: whoever holds requests for the shard looks again. */
  onChange: (shard: number) => void;
  metrics: Pick<Metrics, "handoverDuration" | "failoverDuration" | "shardEpoch" | "shardLoad">;
  logger: Logger;
};

/** In the log, where a shard comes from or goes to no living node. */
const NOBODY = "nobody";

/** `releasing` resolves when the host has ended. */
type Running = { host: ShardHost; releasing?: Promise<void> };
/** Since when a shard is expected to be served here; `planned` when another node hands it over. */
type Expected = { version: number; sinceMs: number; planned: boolean; timer?: NodeJS.Timeout };

export class Shards {
  readonly #options: ShardsOptions;
  readonly #running = new Map<number, Running>();
  readonly #expected = new Map<number, Expected>();
  /** Told by old owners, possibly before this node has read the row: shard → version of that row. */
  readonly #released = new Map<number, number>();
  /** The row up to which this node has said *released*, by shard. */
  readonly #toldVersion = new Map<number, number>();
  readonly #claims: Claims;
  readonly #lines: ReturnType<typeof linesOf>;
  #closed = false;

  constructor(options: ShardsOptions) {
    this.#options = options;
    this.#claims = new Claims((shard) => this.#open(shard));
    this.#lines = linesOf(options.logger);
    options.table.onChange((changed) => {
      for (const shard of changed) this.#settle(shard);
    });
  }

  /** Present while the shard serves here. */
  actors(shard: number): ShardActors | undefined {
    const host = this.#running.get(shard)?.host;
    return host?.state === "serving" ? host.actors : undefined;
  }

  /** Will it be served here soon, as far as this node knows? */
  isComing(shard: number): boolean {
    if (this.#closed || this.#options.table.owner(shard) !== this.#options.incarnation) return false;
    return this.#running.get(shard)?.releasing === undefined;
  }

  hosts(): ShardHost[] {
    return [...this.#running.values()].map(({ host }) => host);
  }

  serving(): Set<number> {
    return new Set(
      [...this.#running].filter(([, { host }]) => host.state === "serving").map(([shard]) => shard),
    );
  }

  /** An old owner has said *released*. */
  released(shard: number, version: number): void {
    this.#released.set(shard, version);
    const expected = this.#expected.get(shard);
    if (expected?.timer !== undefined && expected.version <= version) this.#claim(shard, expected);
  }

  /** No shard is opened any more; those that run are released, all at once. Resolves when none runs. */
  async close(options: { withinMs: number; flush: boolean }): Promise<void> {
    this.#closed = true;
    for (const shard of [...this.#expected.keys()]) this.#forget(shard);
    await Promise.all([...this.#running.values()].map((running) => this.#release(running, options)));
    for (const line of Object.values(this.#lines)) line.flush();
  }

  /** Brings what runs in line with the shard's row. */
  #settle(shard: number): void {
    const { table, incarnation } = this.#options;
    const row = table.row(shard);
    if (row.node === incarnation && !this.#closed) this.#expect(shard);
    else {
      this.#forget(shard);
      const running = this.#running.get(shard);
      if (running) void this.#handOver(running);
      else if (row.previous === incarnation) this.#tell(shard);
    }
    this.#options.onChange(shard);
  }

  #expect(shard: number): void {
    const { table, incarnation } = this.#options;
    const { version, previous } = table.row(shard);
    if (this.#running.has(shard) || this.#expected.get(shard)?.version === version) return;
    this.#forget(shard);
    const planned = previous !== undefined && previous !== incarnation;
    const expected: Expected = { version, sinceMs: performance.now(), planned };
    this.#expected.set(shard, expected);
    if (!planned || (this.#released.get(shard) ?? 0) >= version) this.#claim(shard, expected);
    else expected.timer = setTimeout(() => this.#claim(shard, expected), RELEASE_WAIT_MS);
  }

  #claim(shard: number, expected: Expected): void {
    clearTimeout(expected.timer);
    expected.timer = undefined;
    this.#claims.want(shard);
  }

  #open(shard: number): void {
    const { openShard } = this.#options;
    const host = openShard(shard, {
      onServing: (served) => this.#served(served),
      onEnded: (ended, why) => this.#ended(ended, why),
    });
    this.#running.set(shard, { host });
    host.start();
  }

  #served(host: ShardHost): void {
    const { metrics, onChange } = this.#options;
    const { shard, epoch } = host;
    if (this.#running.get(shard)?.host !== host) return;
    this.#claims.done(shard);
    metrics.shardEpoch.set({ shard: String(shard) }, epoch);
    const expected = this.#expected.get(shard);
    this.#expected.delete(shard);
    if (expected) {
      // The old owner read the same announcement, so this counts from when intake stopped there.
      const tookSeconds = (performance.now() - expected.sinceMs) / 1_000;
      (expected.planned ? metrics.handoverDuration : metrics.failoverDuration).observe(tookSeconds);
    }
    const from = this.#options.table.row(shard).previous ?? NOBODY;
    this.#lines.served.add({ from }, expected?.sinceMs);
    onChange(shard);
  }

  #ended(host: ShardHost, why: "released" | "fenced"): void {
    const { metrics, table, onChange } = this.#options;
    const { shard } = host;
    if (this.#running.get(shard)?.host !== host) return;
    this.#running.delete(shard);
    this.#claims.done(shard);
    metrics.shardEpoch.remove({ shard: String(shard) });
    metrics.shardLoad.remove({ shard: String(shard) });
    const { node = NOBODY } = table.row(shard);
    if (why === "fenced") this.#lines.fenced.add({ owner: node });
    else this.#lines.released.add({ to: node === this.#options.incarnation ? NOBODY : node });
    this.#forget(shard);
    onChange(shard);
    // Whatever ended it, the row may (still, or again) name this node.
    setTimeout(() => this.#settle(shard), why === "fenced" ? REOPEN_MS : 0).unref();
  }

  /** To the node that the row names: stop, run empty, say so. */
  async #handOver(running: Running): Promise<void> {
    if (running.releasing !== undefined) return;
    await this.#release(running, { withinMs: RELEASE_WITHIN_MS, flush: false });
    this.#tell(running.host.shard);
  }

  /** A release under way goes on as it began. */
  async #release(running: Running, options: { withinMs: number; flush: boolean }): Promise<void> {
    if (running.releasing === undefined) {
      running.releasing = running.host.release(options);
      this.#options.onChange(running.host.shard);
    }
    await running.releasing;
  }

  #tell(shard: number): void {
    const { table, incarnation, tellReleased } = this.#options;
    const { node, version } = table.row(shard);
    if (node === undefined || node === incarnation || (this.#toldVersion.get(shard) ?? 0) >= version) return;
    this.#toldVersion.set(shard, version);
    tellReleased(node, shard, version);
  }

  #forget(shard: number): void {
    clearTimeout(this.#expected.get(shard)?.timer);
    this.#expected.delete(shard);
    this.#claims.drop(shard);
  }
}

/** What an operator reads of shards that come and go. */
function linesOf(logger: Logger) {
  return {
    served: new BatchLine(({ counts, ...batch }) => logger.info({ ...batch, ...counts }, "shards served")),
    released: new BatchLine(({ counts, ...batch }) =>
      logger.info({ ...batch, ...counts }, "shards released"),
    ),
    fenced: new BatchLine(({ counts, ...batch }) =>
      logger.warn(
        { ...batch, ...counts },
        "shards fenced: others took them while this node was silent; if it happens again, see whether it stalls or lost Redis",
      ),
    ),
  };
}
