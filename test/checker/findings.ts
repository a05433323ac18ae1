/** What the checker found, each in one sentence. Bounded: the first few of a kind explain the rest. */

/** Rows D1 to D4 of the features, and what can be wrong about each. */
const KINDS_BY_ROW = {
  D1: [
    "fork",
    "missing_seq",
    "beyond_head",
    "epoch_back",
    "time_back",
    "not_stored",
    "stored_differently",
    "acked_elsewhere",
    "acked_out_of_order",
    "miscounted",
  ],
  D2: ["stored_twice", "sequenced_twice", "two_first_acks", "two_answers", "content_changed"],
  D3: [
    "lost",
    "weaker_than_asked",
    "refused_but_stored",
    "refused_but_heard",
    "unanswered",
    "ack_unasked",
    "unsent",
    "change_lost",
  ],
  D4: [
    "gap",
    "duplicate",
    "disorder",
    "stale",
    "uninvited",
    "sync_hole",
    "went_back",
    "not_reset",
    "let_in",
    "not_held",
    "not_served",
    "unlike_text",
    "unlike_deletion",
    "unlike_reactions",
    "unlike_pins",
    "unlike_thread",
    "unlike_unread",
    "unlike_otherwise",
  ],
} as const;
export type Row = keyof typeof KINDS_BY_ROW;
export type Kind = (typeof KINDS_BY_ROW)[Row][number];
export const KINDS: readonly Kind[] = Object.values(KINDS_BY_ROW).flat();

export type Violation = { row: Row; kind: Kind; channelId: string; says: string };

/** Violations of one kind that are kept word by word, unless the caller says otherwise. */
const KEPT_PER_KIND = 20;

export class Findings {
  readonly violations: Violation[] = [];
  readonly counts = new Map<Kind, number>();
  readonly #keptPerKind: number;

  constructor(keptPerKind = KEPT_PER_KIND) {
    this.#keptPerKind = keptPerKind;
  }

  add(row: Row, kind: Kind, channelId: string, says: string): void {
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    if (count <= this.#keptPerKind) this.violations.push({ row, kind, channelId, says });
  }
}

/** `3–5, 9` for 3, 4, 5, 9. Takes them in any order. */
export function ranges(seqs: Iterable<number>): string {
  const spans: [number, number][] = [];
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last !== undefined && seq <= last[1] + 1) last[1] = seq;
    else spans.push([seq, seq]);
  }
  return spans.map(([from, to]) => span(from, to)).join(", ");
}

/** `3–5`, or `3` where both are the same. */
export function span(from: number, to: number): string {
  return from === to ? `${from}` : `${from}–${to}`;
}
