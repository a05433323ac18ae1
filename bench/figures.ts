/** What a bench measured, against what issue and design ask for: a table for people, JSON for everything else. */
import Table from "cli-table3";

export type Figure = {
  name: string;
  value: number;
  unit: string;
  /** What must hold, where something must. */
  target?: { most?: number; least?: number };
};

export type Outcome = {
  bench: string;
  options: Record<string, unknown>;
  figures: Figure[];
  notes?: string[];
};

export function reached({ value, target }: Figure): boolean | undefined {
  if (target === undefined) return undefined;
  return (
    value <= (target.most ?? Number.POSITIVE_INFINITY) && value >= (target.least ?? Number.NEGATIVE_INFINITY)
  );
}

/** Prints the outcome, and answers whether every target was reached. */
export function print(outcome: Outcome, json: boolean): boolean {
  const missed = outcome.figures.filter((figure) => reached(figure) === false);
  if (json) {
    const figures = outcome.figures.map((figure) => ({ ...figure, reached: reached(figure) }));
    console.log(JSON.stringify({ ...outcome, figures }));
  } else {
    const table = new Table({
      head: [outcome.bench, "measured", "target", ""],
      style: { head: [], border: [], compact: true },
      colAligns: ["left", "right", "right", "left"],
    });
    for (const figure of outcome.figures) {
      table.push([
        figure.name,
        `${rounded(figure.value)} ${figure.unit}`.trim(),
        wanted(figure),
        verdict(figure),
      ]);
    }
    console.log(table.toString());
    for (const note of outcome.notes ?? []) console.log(note);
  }
  return missed.length === 0;
}

function wanted({ target, unit }: Figure): string {
  if (target?.most !== undefined) return `≤ ${target.most} ${unit}`.trim();
  return target?.least === undefined ? "" : `≥ ${target.least} ${unit}`.trim();
}

function verdict(figure: Figure): string {
  const is = reached(figure);
  return is === undefined ? "" : is ? "reached" : "missed";
}

/** Three digits that say something. */
function rounded(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
