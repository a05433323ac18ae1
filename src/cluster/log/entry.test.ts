import { describe, expect, it } from "vitest";
import { FIRST_LEVEL, LEVEL } from "../../lib/level.ts";
import { entryFields, type LogEntry, parseRecords, readEntry, UnreadableEntry } from "./entry.ts";

const entry: LogEntry = { id: [3, 1], token: "t", prev: [3, 0], records: "[]" };
const holding = (...records: object[]): LogEntry => ({ ...entry, records: JSON.stringify(records) });

describe("rule E7: an entry", () => {
  it("is written at the cluster's level, at the first one as 0.1.0 wrote it", () => {
    expect(entryFields(entry, FIRST_LEVEL)).toEqual(["v", "1", "token", "t", "prev", "3-0", "records", "[]"]);
    expect(entryFields(entry)).toEqual(["v", String(LEVEL), "token", "t", "prev", "3-0", "records", "[]"]);
  });

  it("is read at every level up to ours, and at no other", () => {
    for (let level = FIRST_LEVEL; level <= LEVEL; level++)
      expect(readEntry("3-1", entryFields(entry, level))).toEqual(entry);
    for (const level of [0, LEVEL + 1, Number.NaN])
      expect(() => readEntry("3-1", entryFields(entry, level))).toThrow(UnreadableEntry);
  });

  it("is not passed over where it holds what we do not know", () => {
    const known = [
      { channelId: "c", epoch: 1, event: { type: "message:new", seq: 1 } },
      { channelId: "c", mark: { userId: "u", read: 1 } },
      { channelId: "c", follow: { userId: "u", seq: 1, atMs: 1 } },
    ];
    expect(parseRecords(holding(...known))).toEqual(known);
    for (const stranger of [{ channelId: "c", poll: {} }, { event: { type: "poll:ended" } }, { event: {} }])
      expect(() => parseRecords(holding(...known, stranger))).toThrow(UnreadableEntry);
    expect(() => parseRecords({ ...entry, records: "[null]" })).toThrow(UnreadableEntry);
  });
});
