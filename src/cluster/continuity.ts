/** How long Redis has answered this node without a break: the ground on which a node may be called gone (rule P0). */

/** Two answers further apart than this have a break between them: half a lease, so that the other half suffices to renew. */
export const BREAK_MS = 3_000;

/** Times are monotonic milliseconds. Kept by every node, so that a new leader need not wait. */
export class Continuity {
  #runId = "";
  #sinceMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** Redis, the process `runId`, answered at `atMs` a question sent at `sentAtMs`. */
  answered(runId: string, sentAtMs: number, atMs: number): void {
    if (runId !== this.#runId || atMs - this.#lastMs > BREAK_MS) this.#sinceMs = sentAtMs;
    this.#runId = runId;
    this.#lastMs = atMs;
  }

  /** A question failed, the connection broke, or Redis has forgotten what we wrote. */
  broke(): void {
    this.#lastMs = Number.NEGATIVE_INFINITY;
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }

  /** Milliseconds without a break, up to the last answer; 0 after one. */
  unbrokenMs(): number {
    return Math.max(0, this.#lastMs - this.#sinceMs);
  }
}
