import { expect, it } from "vitest";
import { createMetrics } from "../telemetry/metrics.ts";
import { TrafficMeter } from "./traffic.ts";

it("tells messages and deliveries per second since the sample before, and the connections of now", async () => {
  const metrics = createMetrics({ defaults: false });
  const meter = new TrafficMeter(metrics);
  metrics.events.inc({ type: "message:new" }, 1_000);
  await meter.sample(5_000);
  expect(meter.traffic, "one sample is no rate").toBeUndefined();
  metrics.events.inc({ type: "message:new" }, 25);
  metrics.events.inc({ type: "message:edited" }, 99);
  metrics.deliveries.inc(500);
  metrics.connections.set({ transport: "websocket" }, 7);
  metrics.connections.set({ transport: "polling" }, 2);
  await meter.sample(7_000);
  expect(meter.traffic).toEqual({ connections: 9, messagesPerSecond: 12.5, deliveriesPerSecond: 250 });
  await meter.sample(9_000);
  expect(meter.traffic).toMatchObject({ messagesPerSecond: 0, deliveriesPerSecond: 0 });
});
