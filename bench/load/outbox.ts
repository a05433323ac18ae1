/** What one client still has to say, or to change, in one channel: one unanswered request at a time, again until it is answered for good. */

/** Silence after which a send counts as unanswered (design 20, "Sending, exactly"). */
export const UNANSWERED_MS = 5_000;
const BACKOFF_MIN_MS = 2_000;
const BACKOFF_MAX_MS = 30_000;

/** Something on its way, and how often it was sent. */
export type Waiting<What> = What & { attempt: number; firstSentAtMs: number };
/** One message on its way. */
export type Outgoing = Waiting<{ clientId: string; content: string; threadId?: string }>;

export class Outbox<What extends object> {
  readonly #queue: Waiting<What>[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;

  get length(): number {
    return this.#queue.length;
  }

  add(what: What): void {
    this.#queue.push({ ...what, attempt: 0, firstSentAtMs: 0 });
  }

  /** What to send now, its attempt counted; undefined while one is under way, waits for its time, or none is there. */
  next(nowMs: number): Waiting<What> | undefined {
    const item = this.#queue[0];
    if (this.#busy || item === undefined) return undefined;
    this.#busy = true;
    item.attempt += 1;
    if (item.attempt === 1) item.firstSentAtMs = nowMs;
    return item;
  }

  /** Calls `then` when nobody has answered for 5 s. */
  watch(then: () => void): void {
    this.#after(UNANSWERED_MS, then);
  }

  /** Frees the way for the next attempt after the backoff of this one: 2 s, 4 s … 30 s with jitter, or what the refusal says. */
  backOff(item: Waiting<What>, retryAfterMs: number | undefined, then: () => void): void {
    const backoffMs =
      Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (item.attempt - 1)) * (0.5 + Math.random() / 2);
    this.#after(retryAfterMs ?? backoffMs, () => {
      this.#busy = false;
      then();
    });
  }

  /** Answered for good. False when it had been before: an answer to an earlier attempt. */
  done(item: Waiting<What>): boolean {
    if (this.#queue[0] !== item) return false;
    this.#queue.shift();
    this.interrupt();
    return true;
  }

  /** The connection is gone: the first will be sent again as soon as the next one stands. */
  interrupt(): void {
    clearTimeout(this.#timer);
    this.#busy = false;
  }

  #after(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
  }
}
