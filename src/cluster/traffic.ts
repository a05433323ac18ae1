/** What passes through this node, from the counters that Prometheus reads: so that the command line and the dashboards agree. */
import type { Traffic } from "../ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export class TrafficMeter {
  readonly #metrics: Pick<Metrics, "connections" | "events" | "deliveries">;
  #before: { atMs: number; messages: number; deliveries: number } | undefined;
  #traffic: Traffic | undefined;

  constructor(metrics: Pick<Metrics, "connections" | "events" | "deliveries">) {
    this.#metrics = metrics;
  }

  /** Undefined until two samples are taken. */
  get traffic(): Traffic | undefined {
    return this.#traffic;
  }

  /** Reads the counters. `atMs` is monotonic. Never rejects: nothing of it is asked of others. */
  async sample(atMs: number): Promise<void> {
    const { connections, events, deliveries } = this.#metrics;
    const now = {
      atMs,
      messages: await sum(events, (labels) => labels.type === "message:new"),
      deliveries: await sum(deliveries),
    };
    const before = this.#before;
    this.#before = now;
    if (before === undefined || now.atMs <= before.atMs) return;
    const perSecond = (count: number) => Math.round((count * 10_000) / (now.atMs - before.atMs)) / 10;
    this.#traffic = {
      connections: await sum(connections),
      messagesPerSecond: perSecond(now.messages - before.messages),
      deliveriesPerSecond: perSecond(now.deliveries - before.deliveries),
    };
  }
}

type Counted<Labels> = { get(): Promise<{ values: { value: number; labels: Labels }[] }> };

/** Over all labels, or those that are wanted. */
async function sum<Labels>(
  metric: Counted<Labels>,
  wanted: (labels: Labels) => boolean = () => true,
): Promise<number> {
  const { values } = await metric.get();
  return values.reduce((all, { value, labels }) => all + (wanted(labels) ? value : 0), 0);
}
