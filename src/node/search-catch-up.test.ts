import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { startCatchingUp } from "./search-catch-up.ts";

test("catches up batch by batch, waits when there is nothing, outlives what fails, and ends", async () => {
  vi.useFakeTimers();
  try {
    const said: string[] = [];
    const logger = pino(
      { level: "error" },
      { write: (line: string) => void said.push(JSON.parse(line).msg) },
    );
    const answers: (boolean | Error)[] = [
      true,
      true,
      false,
      new StoreAway("away"),
      new Error("broken"),
      true,
    ];
    let asked = 0;
    const catching = startCatchingUp(async () => {
      const answer = answers[asked++] ?? false;
      if (answer instanceof Error) throw answer;
      return answer;
    }, logger);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toBe(3);
    await vi.advanceTimersByTimeAsync(15_100);
    expect(asked).toBe(7);
    expect(said).toEqual(["search could not take in old messages"]);
    catching.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toBe(7);
  } finally {
    vi.useRealTimers();
  }
});
