/** Whether anything is missing in what several senders number, each by itself: 1, 2, 3 … Pure; times are monotonic milliseconds. */

/** A sender that was silent for so long has gone: senders repeat their number every second. */
const FORGET_AFTER_MS = 60_000;

type Sender = { n: number; heardAtMs: number; isSkipped: boolean };

export class Numbers {
  readonly #senders = new Map<string, Sender>();
  #forgottenAtMs = Number.NEGATIVE_INFINITY;

  /**
   * Takes the `n`-th frame of a sender, or (`isNew` false) its word that `n` was its last. `gap`: something before it was
   * missed. `known`: it says nothing that was not heard. A sender of whom nothing is known should begin with its first.
   */
  hear(from: string, n: number, isNew: boolean, nowMs: number): "next" | "gap" | "known" {
    this.#forget(nowMs);
    const before = this.#senders.get(from);
    const known = before?.n ?? 0;
    if (n > known || before === undefined || before.isSkipped)
      this.#senders.set(from, { n, heardAtMs: nowMs, isSkipped: false });
    else before.heardAtMs = nowMs;
    if (before?.isSkipped) return isNew ? "next" : "known";
    if (n <= known) return "known";
    return isNew && n === known + 1 ? "next" : "gap";
  }

  /** What was missed up to now is known to be missing: every sender goes on from wherever it is. */
  skip(): void {
    for (const sender of this.#senders.values()) sender.isSkipped = true;
  }

  #forget(nowMs: number): void {
    if (nowMs - this.#forgottenAtMs < FORGET_AFTER_MS) return;
    this.#forgottenAtMs = nowMs;
    for (const [from, { heardAtMs }] of this.#senders)
      if (nowMs - heardAtMs >= FORGET_AFTER_MS) this.#senders.delete(from);
  }
}
