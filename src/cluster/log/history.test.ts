import { describe, expect, it } from "vitest";
import type { LogRecord } from "../../../actors/ports.ts";
import type { LogId } from "../../ports.ts";
import { formatId, type LogEntry } from "./entry.ts";
import { History, toUnflushed } from "./history.ts";
import { Retention } from "./retention.ts";

const entry = (id: LogId, token: string): LogEntry => ({ id, token, prev: [0, 0], records: "[]" });
const event = (seq: number) =>
  ({ channelId: "c", epoch: 1, event: { type: "message:new", seq } }) as unknown as LogRecord;

/** Reign 3 up to 3-4 by `old`, then reign 5 by `mine` up to 5-2; unflushed since 3-4. */
function knows(): History {
  const history = new History(entry([5, 0], "mine"), [entry([3, 3], "old"), entry([3, 4], "old")]);
  for (const [id, token] of [
    [[3, 4], "old"],
    [[5, 1], "mine"],
    [[5, 2], "mine"],
  ] as const) {
    history.keep(toUnflushed(entry(id, token), [event(1)], 2, 0));
  }
  return history;
}

describe("what an owner knows of its log", () => {
  const inFlight = entry([5, 3], "mine");
  it.each<[string, LogEntry | undefined, string]>([
    ["its newest", entry([5, 2], "mine"), "current"],
    ["what is in flight", inFlight, "in_flight"],
    ["an older one of its own", entry([5, 1], "mine"), "older"],
    ["its barrier", entry([5, 0], "mine"), "older"],
    ["one that it read", entry([3, 4], "old"), "older"],
    ["one of a reign that it read, trimmed before", entry([3, 1], "old"), "older"],
    ["nothing", undefined, "older"],
    ["another's entry under its newest id", entry([5, 2], "other"), "foreign"],
    ["another's entry under the id in flight", entry([5, 3], "other"), "foreign"],
    ["its own reign beyond what is in flight", entry([5, 4], "mine"), "foreign"],
    ["an older reign's entry that it never read", entry([3, 5], "old"), "foreign"],
    ["a reign that it does not know", entry([4, 0], "x"), "foreign"],
    ["a later reign", entry([6, 0], "x"), "foreign"],
  ])("rule L3: a log that ends with %s", (_what, last, verdict) => {
    expect(knows().judge(last, inFlight)).toBe(verdict);
  });

  it("rule L3: puts back in order what is unflushed, its barrier, and the newest even when Postgres has it", () => {
    const history = knows();
    const missing = (last?: LogId) => history.missingAfter(last).map(({ id }) => formatId(id));
    expect(missing()).toEqual(["3-4", "5-0", "5-1", "5-2"]);
    expect(missing([3, 4])).toEqual(["5-0", "5-1", "5-2"]);
    expect(missing([5, 1])).toEqual(["5-2"]);
    expect(history.flushed([5, 2])).toHaveLength(3);
    expect(missing()).toEqual(["5-0", "5-2"]);
    expect(history.unflushedEvents).toBe(0);
    expect(history.oldestUnflushed).toBeUndefined();
  });

  it("drops what is flushed in order, however much it is", () => {
    const history = new History(entry([1, 0], "t"), []);
    for (let n = 1; n <= 2_000; n++) history.keep(toUnflushed(entry([1, n], "t"), [event(n)], 1, n));
    for (let n = 1; n <= 2_000; n += 7) history.flushed([1, n]);
    expect([...history.unflushed()].map(({ sinceMs }) => sinceMs)).toEqual([1_997, 1_998, 1_999, 2_000]);
    expect(history.unflushedEvents).toBe(4);
  });
});

describe("how much of a log stays", () => {
  it("rule L5: drops what is older than the window, and within it what is above the bytes; never what must stay", () => {
    const retention = new Retention({ keepForMs: 60_000, keepBytes: 1_000 });
    for (let n = 1; n <= 10; n++) retention.note([1, n], 100, n * 20_000);
    expect(retention.droppable(200_000, [1, 11])).toEqual([1, 7]);
    expect(retention.droppable(200_000, [1, 4])).toEqual([1, 3]);
    expect(retention.droppable(200_000, [1, 1])).toBeUndefined();
    retention.trimmed([1, 7]);
    expect(retention.bytes).toBe(300);
    expect(retention.droppable(200_000, [1, 11])).toBeUndefined();
    retention.note([1, 11], 900, 200_001);
    expect(retention.droppable(200_001, [1, 12])).toEqual([1, 9]);
  });

  it("rule L5: while the server is short of memory, half of what is left goes at each trim; never what must stay", () => {
    const retention = new Retention({ keepForMs: 600_000, keepBytes: 1_000_000 });
    for (let n = 1; n <= 8; n++) retention.note([1, n], 100, n * 20_000);
    expect(retention.droppable(200_000, [1, 9], true)).toEqual([1, 4]);
    expect(retention.droppable(200_000, [1, 3], true)).toEqual([1, 2]);
    retention.trimmed([1, 4]);
    expect(retention.droppable(200_000, [1, 9], true)).toEqual([1, 6]);
    expect(retention.droppable(200_000, [1, 9])).toBeUndefined();
  });
});
