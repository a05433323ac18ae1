import Table from "cli-table3";

/** A column of words, or of numbers: those stand right. */
export type Column = string | { number: string };

/** Columns without lines: for a person's eyes, and for `awk`. Cells may be coloured. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  gap = "  ",
): string {
  const none = {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: gap,
  };
  const lines = new Table({
    head: columns.map((column) => (typeof column === "string" ? column : column.number)),
    colAligns: columns.map((column) => (typeof column === "string" ? "left" : "right")),
    chars: none,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) lines.push(row.map(String));
  return lines
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
