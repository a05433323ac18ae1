/** The shortest part of a history that still shows a violation: what a person wants to read of a hundred thousand lines. */
import { checkAll } from "../checker/checker.ts";
import type { Violation } from "../checker/findings.ts";
import type { HistoryRecord } from "../checker/history.ts";

/** Checks of one search at most: each reads what is left of the history. */
const CHECKS_MAX = 2_000;

/**
 * Takes away what is not needed, half of it at first and single records in the end (Zeller's delta debugging). What
 * remains gives the same violation, word for word, and no record of it can be missed.
 */
export function shortest(history: readonly HistoryRecord[], violation: Violation): HistoryRecord[] {
  let checks = 0;
  const shows = (part: readonly HistoryRecord[]) => {
    checks += 1;
    return showsIn(part, violation);
  };
  let left = history.filter((record) => !("channelId" in record) || record.channelId === violation.channelId);
  if (!shows(left)) left = [...history];
  for (let size = Math.ceil(left.length / 2); checks < CHECKS_MAX; ) {
    const before = left.length;
    for (let at = 0; at < left.length && checks < CHECKS_MAX; ) {
      const without = left.toSpliced(at, size);
      if (shows(without)) left = without;
      else at += size;
    }
    if (size === 1 && left.length === before) break;
    size = Math.max(1, Math.floor(size / 2));
  }
  return left;
}

function showsIn(history: readonly HistoryRecord[], { kind, channelId, says }: Violation): boolean {
  const { violations } = checkAll(history, { keptPerKind: Number.POSITIVE_INFINITY });
  return violations.some((each) => each.kind === kind && each.channelId === channelId && each.says === says);
}
