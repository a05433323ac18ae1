/** Latencies of a run, in milliseconds, to three digits. */
import { build, type Histogram } from "hdr-histogram-js";

/** Of one kind of latency. */
export type Percentiles = { count: number; p50: number; p95: number; p99: number; max: number };

/** One minute: later counts as this. */
const HIGHEST_US = 60_000_000;

export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  });

  add(ms: number, times = 1): void {
    const us = Math.min(HIGHEST_US, Math.max(0, Math.round(ms * 1_000)));
    this.#histogram.recordValueWithCount(us, times);
  }

  percentiles(): Percentiles {
    const at = (percentile: number) => this.#histogram.getValueAtPercentile(percentile) / 1_000;
    return {
      count: this.#histogram.totalCount,
      p50: at(50),
      p95: at(95),
      p99: at(99),
      max: this.#histogram.maxValue / 1_000,
    };
  }
}
