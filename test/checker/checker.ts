/**
 * Judges a recorded history, offline: row D1 (`order.ts`, `changes.ts`), D2 and D3 (`sends.ts`, `changes.ts`), D4
 * (`listeners.ts`, `folds.ts`). One pass; memory grows with the distinct events and the clients' channels, not with deliveries.
 */
import { assert } from "../../src/lib/assert.ts";
import { ChangeRules } from "./changes.ts";
import { Findings, type Kind, type Violation } from "./findings.ts";
import { FoldRules } from "./folds.ts";
import type { HistoryRecord } from "./history.ts";
import { ListenerRules } from "./listeners.ts";
import { surviving } from "./loss.ts";
import { OrderRules } from "./order.ts";
import { OutsiderRules } from "./outsiders.ts";
import { SendRules } from "./sends.ts";

/** How to judge. */
export type CheckOptions = {
  /** Every send must have been answered for good by the end of the history. Default true. */
  allAnswered?: boolean;
  /** Violations of one kind that are kept word by word. Default 20. */
  keptPerKind?: number;
};

export type Report = {
  /** The first ones of each kind. */
  violations: Violation[];
  /** All of them, by kind. */
  counts: Partial<Record<Kind, number>>;
  /** How much was there to be judged: a checker that saw nothing proves nothing. */
  seen: {
    sends: number;
    acks: number;
    deliveries: number;
    syncs: number;
    connects: number;
    rows: number;
    logged: number;
    /** Changes that were acked, and folds that were compared. */
    changes: number;
    folds: number;
  };
  /** What was lost as it may be, where an owner died together with the end of Redis's log. */
  lost: { acks: number; events: number };
};

/** Takes the records one by one, in order; `finish` gives the verdict. */
export class Checker {
  readonly #findings: Findings;
  readonly #rules: readonly { take(record: HistoryRecord): void; finish(): void }[];
  readonly #seen: Report["seen"] = {
    sends: 0,
    acks: 0,
    deliveries: 0,
    syncs: 0,
    connects: 0,
    rows: 0,
    logged: 0,
    changes: 0,
    folds: 0,
  };

  constructor({ allAnswered = true, keptPerKind }: CheckOptions = {}, findings = new Findings(keptPerKind)) {
    this.#findings = findings;
    this.#rules = [
      new OrderRules(this.#findings),
      new SendRules(this.#findings, allAnswered),
      new ListenerRules(this.#findings),
      new ChangeRules(this.#findings),
      new FoldRules(this.#findings),
      new OutsiderRules(this.#findings),
    ];
  }

  take(record: HistoryRecord): void {
    this.#count(record);
    for (const rule of this.#rules) rule.take(record);
  }

  finish(): Report {
    for (const rule of this.#rules) rule.finish();
    return {
      violations: this.#findings.violations,
      counts: Object.fromEntries(this.#findings.counts),
      seen: this.#seen,
      lost: { acks: 0, events: 0 },
    };
  }

  #count(record: HistoryRecord): void {
    const seen = this.#seen;
    if (record.what === "send") seen.sends += 1;
    else if (record.what === "ack") seen.acks += 1;
    else if (record.what === "events") seen.deliveries += record.events.length;
    else if (record.what === "sync") seen.syncs += 1;
    else if (record.what === "connect") seen.connects += 1;
    else if (record.what === "row") seen.rows += 1;
    else if (record.what === "logged") seen.logged += 1;
    else if (record.what === "changed") seen.changes += 1;
    else if (record.what === "served") seen.folds += 1;
  }
}

/** Checks a whole history that is in memory. */
export function checkAll(history: readonly HistoryRecord[], options: CheckOptions = {}): Report {
  const findings = new Findings(options.keptPerKind);
  const { history: left, lostAcks, lostEvents } = surviving(history, findings);
  const checker = new Checker(options, findings);
  for (const record of left) checker.take(record);
  return { ...checker.finish(), lost: { acks: lostAcks, events: lostEvents } };
}

/** Checks a whole history, from memory or from `readHistory`. One with a loss in it is read whole. */
export async function check(
  history: readonly HistoryRecord[] | AsyncIterable<HistoryRecord>,
  options: CheckOptions = {},
): Promise<Report> {
  if (!(Symbol.asyncIterator in history)) return checkAll(history, options);
  const checker = new Checker(options);
  for await (const record of history) {
    assert(record.what !== "loss", "a history with a loss is judged from memory");
    checker.take(record);
  }
  return checker.finish();
}
