/** Tables of `tables.ts` as data. */
import type { RefusalCode } from "../../protocol/refusals.ts";
import type { Standing } from "./world.ts";

/** What a cell says, and the code that is heard where it says so. */
export const MARKS = {
  ok: "ok",
  same: "ok",
  shown: "ok",
  hidden: "ok",
  none: "not_found",
  away: "not_a_member",
  no: "forbidden",
  muted: "muted",
  banned: "banned",
} as const satisfies Record<string, "ok" | RefusalCode>;

export type Mark = keyof typeof MARKS;

export type Line = { deed: string; cells: ReadonlyMap<Standing, Mark> };

/** Throws on a cell that is no mark, a column without cells, and a deed that stands twice. */
export function readTable(table: string): Line[] {
  const [head, ...rows] = table.trimEnd().split("\n").slice(1).map(cellsOf);
  const standings = head!.slice(1) as Standing[];
  const lines = rows.map(([deed, ...marks]): Line => {
    const wrong = marks.filter((mark) => !Object.hasOwn(MARKS, mark));
    if (wrong.length > 0 || marks.length !== standings.length)
      throw new Error(`${deed}: ${marks.length} cells for ${standings.length} columns, no marks: ${wrong}`);
    return { deed: deed!, cells: new Map(standings.map((standing, i) => [standing, marks[i] as Mark])) };
  });
  if (new Set(lines.map(({ deed }) => deed)).size < lines.length) throw new Error("a deed stands twice");
  return lines;
}

function cellsOf(line: string): string[] {
  return line.split("|").map((cell) => cell.trim());
}
