import { describe, expect, it } from "vitest";
import type { LogRecord } from "../../../actors/ports.ts";
import { ENTRY_BYTES_MAX, parseRecords } from "./entry.ts";
import { Gate, WAITING_ANSWERS_MAX, WAITING_RECORDS_MAX } from "./gate.ts";
import { ModelledTimers } from "./modelled-time.ts";

const record = (seq: number, bytes = 0) =>
  ({
    channelId: "c",
    epoch: 3,
    event: { type: "message:new", seq, text: "x".repeat(bytes) },
  }) as unknown as LogRecord;

/** A gate whose lease and confirmations are in the test's hand. */
function openGate() {
  const heard: string[] = [];
  const lease = { held: true, holds: () => lease.held };
  const timers = new ModelledTimers();
  const thrown: unknown[] = [];
  const gate = new Gate({ lease, timers, onWork: () => {}, onThrow: (error) => thrown.push(error) });
  const enter = (name: string, ...records: LogRecord[]) => gate.enter(records, () => heard.push(name));
  const confirm = () => {
    const entry = gate.compose(3, "token", [3, 0]);
    gate.takeConfirmed();
    gate.releaseConfirmed();
    return entry;
  };
  return { gate, heard, lease, timers, thrown, enter, confirm };
}

describe("the output gate", () => {
  it("rule G1: costs an answer nothing when nothing waits, and keeps it behind what was decided before it", () => {
    const { heard, enter, confirm } = openGate();
    enter("free");
    expect(heard).toEqual(["free"]);
    enter("a", record(1));
    enter("refusal");
    enter("b", record(2));
    enter("duplicate");
    expect(heard).toEqual(["free"]);
    expect(parseRecords(confirm())).toEqual([record(1), record(2)]);
    expect(heard).toEqual(["free", "a", "refusal", "b", "duplicate"]);
  });

  it("rule L1: lets nothing join an entry that is on its way; the next gathers", () => {
    const { gate, heard, enter, confirm } = openGate();
    enter("a", record(1));
    const first = gate.compose(3, "token", [3, 0]);
    enter("b", record(2));
    enter("asks");
    expect(gate.compose(3, "other", [9, 9])).toBe(first);
    expect(first.id).toEqual([3, 1]);
    confirm();
    expect(heard).toEqual(["a"]);
    expect(confirm().id).toEqual([3, 2]);
    expect(heard).toEqual(["a", "b", "asks"]);
    expect(gate.hasWork()).toBe(false);
  });

  it("rule L1: keeps what enters together in one entry, and an entry within its bytes", () => {
    const { enter, confirm } = openGate();
    enter("a", record(1, ENTRY_BYTES_MAX / 2));
    enter("b", record(2, ENTRY_BYTES_MAX / 4), record(3, ENTRY_BYTES_MAX / 4));
    enter("c", record(4));
    expect(parseRecords(confirm())).toHaveLength(1);
    expect(parseRecords(confirm())).toHaveLength(3);
  });

  it("rule G2: holds everything while the lease has lapsed, in order, and goes on when it is back", async () => {
    const { heard, lease, timers, enter, confirm } = openGate();
    lease.held = false;
    enter("a", record(1));
    enter("b");
    confirm();
    enter("c");
    await timers.runUntil(10_000);
    expect(heard).toEqual([]);
    lease.held = true;
    await timers.runUntil(10_100);
    expect(heard).toEqual(["a", "b", "c"]);
  });

  it("rule G2: looks at the lease before each release", () => {
    const { gate, heard, lease, enter, confirm } = openGate();
    gate.enter([record(1)], () => {
      heard.push("a");
      lease.held = false;
    });
    enter("b");
    confirm();
    expect(heard).toEqual(["a"]);
  });

  it("keeps the order when a release enters something itself", () => {
    const { gate, heard, enter, confirm } = openGate();
    gate.enter([record(1)], () => {
      heard.push("a");
      enter("entered by a");
    });
    enter("b");
    confirm();
    expect(heard).toEqual(["a", "b", "entered by a"]);
  });

  it("rule P5: a release that throws does not keep back those behind it", () => {
    const { gate, heard, thrown, enter, confirm } = openGate();
    gate.enter([record(1)], () => {
      throw new Error("from an actor");
    });
    enter("b");
    confirm();
    expect(heard).toEqual(["b"]);
    expect(thrown).toHaveLength(1);
  });

  it("rule L4: has no room past 1,000 records, 1 MiB, or its bound of answers", () => {
    const byCount = openGate();
    for (let seq = 1; seq < WAITING_RECORDS_MAX; seq++) byCount.enter("", record(seq));
    expect(byCount.gate.hasRoom()).toBe(true);
    byCount.enter("", record(WAITING_RECORDS_MAX));
    expect(byCount.gate.hasRoom()).toBe(false);
    byCount.confirm();
    expect(byCount.gate.hasRoom()).toBe(true);

    const byBytes = openGate();
    byBytes.enter("", record(1, ENTRY_BYTES_MAX));
    expect(byBytes.gate.hasRoom()).toBe(false);

    const byAnswers = openGate();
    byAnswers.enter("", record(1));
    for (let i = 1; i < WAITING_ANSWERS_MAX; i++) byAnswers.enter("");
    expect(byAnswers.gate.hasRoom()).toBe(false);
    byAnswers.confirm();
    expect(byAnswers.gate.hasRoom()).toBe(true);
  });

  it("releases nothing any more once it has ended", async () => {
    const { gate, heard, lease, timers, enter, confirm } = openGate();
    lease.held = false;
    enter("a", record(1));
    confirm();
    gate.end();
    lease.held = true;
    enter("b");
    await timers.runUntil(1_000);
    expect(heard).toEqual([]);
  });

  it("says when it is empty", () => {
    const { gate, heard, enter, confirm } = openGate();
    gate.whenEmpty(() => heard.push("empty"));
    enter("a", record(1));
    gate.whenEmpty(() => heard.push("empty again"));
    expect(heard).toEqual(["empty"]);
    confirm();
    expect(heard).toEqual(["empty", "a", "empty again"]);
  });
});
