/** One shard on one node, as placement and router see it. `shard-owner.ts` implements it over the shard log. */
import type { ShardActors } from "../../actors/ports.ts";

export interface ShardHost {
  readonly shard: number;
  /** 0 until the epoch is drawn. */
  readonly epoch: number;
  /** `claiming`: barrier and replay under way; `serving`; `releasing`: no more intake; `ended`: released or fenced. */
  readonly state: "claiming" | "serving" | "releasing" | "ended";
  /** Present while `serving`. */
  readonly actors: ShardActors | undefined;
  /** Takes the shard over; tries until it serves, or until `release` or a fence ends it. Never rejects. */
  start(): void;
  /**
   * Planned hand-over (rule P3): stops intake, lets mailboxes and gate run empty (`withinMs` at most), then ends. With
   * `flush`, waits for Postgres too, within the same time. Resolves when ended; what was confirmed stays in the log.
   */
  release(options: { withinMs: number; flush: boolean }): Promise<void>;
  /** Unflushed confirmed events, and the age of the oldest in milliseconds. */
  backlog(): { events: number; ageMs: number };
}

/** What a host tells placement. */
export interface ShardHostEvents {
  /** The host serves. */
  onServing(host: ShardHost): void;
  /** The host has ended; on `fenced`, what Postgres lacked is on its way to the new owner (rule G3). */
  onEnded(host: ShardHost, why: "released" | "fenced"): void;
}

export type OpenShard = (shard: number, events: ShardHostEvents) => ShardHost;

/** This node's lease as owners and the gate need it (rules G2, P0). Times are monotonic milliseconds. */
export interface Lease {
  /** Counted from when the last successful renewal was *sent*. False: confirm nothing, release nothing, forget nothing. */
  holds(): boolean;
}
