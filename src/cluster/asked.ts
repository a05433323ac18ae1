/** Shards that an operator put somewhere: they stay until nodes or loads change. */
import { UNEVEN_SHARE } from "./assign.ts";

/** One leader's memory: its successor knows nothing of it, and the nodes have changed then anyway. */
export class Asked {
  readonly #nodes = new Map<number, string>();
  #takers = "";
  /** As loads stood in the first look after the last wish; undefined until then. */
  #unevenness: number | undefined;

  put(shard: number, node: string): void {
    this.#nodes.set(shard, node);
    this.#unevenness = undefined;
  }

  isKept(shard: number, owner: string | undefined): boolean {
    return owner !== undefined && this.#nodes.get(shard) === owner;
  }

  /**
   * Forgets every wish when other nodes take shards than before, or when loads have drifted apart by as much as placement acts
   * on by itself.
   */
  review(takers: readonly string[], unevenness: number): void {
    const now = takers.join(" ");
    const drifted = unevenness - (this.#unevenness ?? unevenness) >= UNEVEN_SHARE;
    if (now !== this.#takers || drifted) this.#nodes.clear();
    this.#takers = now;
    this.#unevenness ??= unevenness;
  }
}
