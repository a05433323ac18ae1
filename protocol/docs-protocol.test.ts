import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ChannelEvent } from "./events.ts";
import { REFUSALS } from "./refusals.ts";
import { REQUESTS } from "./requests.ts";
import { CLOSINGS } from "./session.ts";

const page = readFileSync(new URL("../docs/protocol.md", import.meta.url), "utf8");

/** The rows of the table under a heading, each as its cells without back-ticks around. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(`\n${heading}\n`)[1]!.split(/\n#{2,3} /)[0]!;
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, "$1")),
  );
}

describe("docs/protocol.md says what the code says", () => {
  test("refusals", () => {
    const rows = Object.entries(REFUSALS).map(([code, { status, retry, message }]) => [
      code,
      String(status),
      retry,
      message,
    ]);
    expect(rowsUnder("## Refusals")).toEqual(rows);
  });

  test("closings", () => {
    const rows = Object.entries(CLOSINGS).map(([reason, { reconnect, meaning }]) => [
      reason,
      reconnect ? "yes" : "no",
      meaning,
    ]);
    expect(rowsUnder("### Closings")).toEqual(rows);
  });

  test("requests", () => {
    expect(rowsUnder("## Requests").map(([event]) => event)).toEqual(Object.keys(REQUESTS));
  });

  test("events", () => {
    const types = ChannelEvent.options.map((option) => option.shape.type.value);
    expect(rowsUnder("## What the server says").map(([type]) => type)).toEqual(types);
  });
});
