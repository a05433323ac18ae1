import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import type { Drift } from "../store/audit.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { startAuditing } from "./auditing.ts";

const NONE: Drift = {
  channels: 50,
  messageCounts: 0,
  memberCounts: 0,
  messages: 9,
  replyCounts: 0,
  reactions: 0,
};

test("row C12: recounts some channels every minute, while Postgres is there, and says what has drifted", async () => {
  vi.useFakeTimers();
  try {
    const said: string[] = [];
    const logger = pino(
      { level: "error" },
      { write: (line: string) => void said.push(JSON.parse(line).msg) },
    );
    const metrics = createMetrics({ defaults: false });
    const stores = { postgres: true };
    const answers: (Drift | Error)[] = [
      NONE,
      { ...NONE, memberCounts: 2, reactions: 1 },
      new StoreAway("away"),
      new Error("broken"),
      NONE,
    ];
    const asked: number[] = [];
    const audit = async (sampleMax: number) => {
      const answer = answers[asked.push(sampleMax) - 1] ?? NONE;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const drift = async () => {
      const { values } = await metrics.auditDrift.get();
      return Object.fromEntries(values.map(({ labels, value }) => [labels.what, value]));
    };
    const minute = () => vi.advanceTimersByTimeAsync(60_000);
    const auditing = startAuditing({ audit, stores, metrics, logger });
    const none = { messageCounts: 0, memberCounts: 0, replyCounts: 0, reactions: 0 };
    await minute();
    expect([asked, await drift(), said]).toEqual([[50], none, []]);
    await minute();
    expect(await drift()).toEqual({ ...none, memberCounts: 2, reactions: 1 });
    expect(said).toHaveLength(1);
    stores.postgres = false;
    await minute();
    expect(asked).toHaveLength(2);
    stores.postgres = true;
    for (let n = 0; n < 2; n++) await minute();
    expect(said.slice(1)).toEqual(["the auditor failed"]);
    await minute();
    expect(await drift()).toEqual(none);
    auditing.stop();
    await minute();
    expect(asked).toHaveLength(5);
  } finally {
    vi.useRealTimers();
  }
});
