/** A node's copy of the placement table: which node runs which shard. It never goes back to an older version. */
import { assert } from "../lib/assert.ts";
import { ClusterLevel } from "./level.ts";

/** One shard's place. */
export type Row = {
  /** The table version that wrote it; 0: never placed. */
  readonly version: number;
  /** Its owner; absent: nobody yet. */
  readonly node?: string;
  /** Who hands it over (rule P3); absent: there is nobody to wait for. */
  readonly previous?: string;
};

const NOBODY = "-";
const UNPLACED: Row = { version: 0 };

/** As the table's hash keeps it: `<version> <node> <previous>`. */
export function formatRow(row: Row): string {
  return `${row.version} ${row.node ?? NOBODY} ${row.previous ?? NOBODY}`;
}

export function parseRow(text: string | undefined): Row {
  if (text === undefined) return UNPLACED;
  const [version, node, previous] = text.split(" ");
  return {
    version: Number(version),
    ...(node !== undefined && node !== NOBODY && { node }),
    ...(previous !== undefined && previous !== NOBODY && { previous }),
  };
}

export class PlacementTable {
  readonly shards: number;
  /** Stands in Redis beside the rows, and has no part in their version. */
  readonly level = new ClusterLevel();
  #version = 0;
  #leaderEpoch = 0;
  #rows: readonly Row[];
  readonly #listeners: ((changed: readonly number[]) => void)[] = [];

  constructor(shards: number) {
    this.shards = shards;
    this.#rows = Array.from({ length: shards }, () => UNPLACED);
  }

  /** 0: nothing was ever read. */
  get version(): number {
    return this.#version;
  }

  /** Of the leader who wrote it. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  row(shard: number): Row {
    const row = this.#rows[shard];
    assert(row !== undefined, "a shard's number is below the shard count");
    return row;
  }

  owner(shard: number): string | undefined {
    return this.#rows[shard]?.node;
  }

  /** Every node that owns a shard. */
  owners(): Set<string> {
    return new Set(this.#rows.flatMap(({ node }) => node ?? []));
  }

  /** Called after every newer version with the shards whose rows it changed. */
  onChange(listener: (changed: readonly number[]) => void): void {
    this.#listeners.push(listener);
  }

  /** Takes what was read from Redis. Answers the version read: an older one than ours means that Redis has forgotten. */
  take(hash: Record<string, string>): number {
    const version = Number(hash.version ?? 0);
    this.level.read(hash.level);
    this.#leaderEpoch = Math.max(this.#leaderEpoch, Number(hash.leaderEpoch ?? 0));
    if (version <= this.#version) return version;
    const before = this.#rows;
    this.#version = version;
    this.#rows = before.map((_, shard) => parseRow(hash[shard]));
    const changed = [...before.keys()].filter(
      (shard) => before[shard]!.version !== this.#rows[shard]!.version,
    );
    for (const listener of this.#listeners) listener(changed);
    return version;
  }
}
