import fc from "fast-check";
import { expect, it } from "vitest";
import { drawIncarnation, fromFields, type NodeRecord, toFields } from "./nodes.ts";

const record: NodeRecord = {
  name: "node-0",
  url: "http://localhost:3000",
  metricsUrl: "http://localhost:9464/metrics",
  pid: 42,
  roles: ["gateway", "actors"],
  version: "0.1.0",
  startedAtMs: 1_700_000_000_000,
  draining: true,
  load: 12.5,
  utilisation: 0.25,
  lagMs: 12.5,
  unflushedEvents: 3,
  unflushedAgeMs: 40,
  tableVersion: 7,
  serving: new Set(),
  loads: new Map(),
};

it("reads what a node says of itself as it was said", () => {
  const shard = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(fc.uniqueArray(shard), fc.uniqueArray(shard), (serving, hot) => {
      const said = {
        ...record,
        serving: new Set(serving),
        loads: new Map(hot.map((one) => [one, one + 0.5])),
      };
      const read = fromFields({ id: "node-0.1", remainingMs: 5_000, fields: toFields(said) });
      expect(read).toEqual({ ...said, id: "node-0.1", leaseAgeMs: 1_000 });
    }),
  );
});

it("rule E7: says what it knows, and of a lease without that, which is of 0.1.0, nothing is said", () => {
  const read = (said: NodeRecord) => fromFields({ id: "a", remainingMs: 1, fields: toFields(said) });
  expect(read({ ...record, level: 2 }).level).toBe(2);
  expect(read(record)).not.toHaveProperty("level");
});

it("tells what passes through a node once that has been counted", () => {
  const read = (traffic: NodeRecord["traffic"]) =>
    fromFields({ id: "node-0.1", remainingMs: 5_000, fields: toFields({ ...record, traffic }) }).traffic;
  const traffic = { connections: 12, messagesPerSecond: 3.5, deliveriesPerSecond: 0 };
  expect(read(traffic)).toEqual(traffic);
  expect(read(undefined)).toBeUndefined();
});

it("draws another incarnation for every start, under the configured name", () => {
  expect(drawIncarnation("node-0")).toMatch(/^node-0\.[0-9a-f]{8}$/);
  expect(drawIncarnation("node-0")).not.toBe(drawIncarnation("node-0"));
  expect(() => drawIncarnation("a b")).toThrow("name");
});
