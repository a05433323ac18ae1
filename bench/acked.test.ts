import { expect, it } from "vitest";
import { type Acked, compare } from "./acked.ts";

const row = (seq: number, clientId: string, epoch = 1, atMs = seq): Acked => ({
  channelId: "c",
  seq,
  epoch,
  clientId,
  atMs,
});

it("finds every acked message once, where its ack said", () => {
  const rows = [row(1, "a"), row(3, "b"), row(4, "c", 2)];
  const report = compare([row(1, "a"), row(3, "b", 0), row(4, "c", 2)], rows);
  expect(report).toEqual({
    acked: 3,
    stored: 3,
    lost: 0,
    elsewhere: 0,
    twice: 0,
    disordered: 0,
    examples: [],
  });
});

it.each([
  ["lost", [row(1, "a"), row(2, "b")], [row(1, "a")]],
  ["elsewhere", [row(1, "a")], [row(2, "a")]],
  ["elsewhere", [row(1, "a", 1)], [row(1, "a", 2)]],
  ["twice", [row(1, "a")], [row(1, "a"), row(2, "a")]],
  ["disordered", [row(1, "a")], [row(1, "a", 2), row(2, "b", 1)]],
  ["disordered", [row(1, "a")], [row(1, "a", 1, 9), row(2, "b", 1, 8)]],
] as const)("finds what is %s", (kind, acked, rows) => {
  const report = compare(acked, rows);
  expect(report[kind]).toBeGreaterThan(0);
  expect(report.examples[0]).toContain(`${kind}: `);
});
