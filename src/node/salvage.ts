/** Brings what a fenced owner still holds to the new one, in order, until each is answered (rule G3). */
import { setTimeout as sleep } from "node:timers/promises";
import { commandOf } from "../../actors/channel/salvage.ts";
import { isEvent, type LogRecord, type Router } from "../../actors/ports.ts";

/** Between two tries of one record, milliseconds, and tries at most: two minutes of a shard without an owner. Chosen. */
const PAUSE_MS = 500;
const ATTEMPTS_MAX = 240;

/** Answers how many acknowledged events the new owner refused, or nobody took. */
export async function salvage(
  router: Pick<Router, "askChannel">,
  records: readonly LogRecord[],
): Promise<{ lost: number }> {
  let lost = 0;
  for (const record of records) {
    const command = commandOf(record);
    if (command === undefined) continue;
    const isTaken = await askUntilAnswered(() => router.askChannel(record.channelId, command));
    if (!isTaken && isEvent(record)) lost++;
  }
  return { lost };
}

/** True: done there, or there already. False: refused for good, or nobody answered. */
async function askUntilAnswered(ask: () => ReturnType<Router["askChannel"]>): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const answer = await ask();
    if (answer.ok) return true;
    if (answer.error.retry === "never") return false;
    await sleep(answer.error.retryAfterMs ?? PAUSE_MS);
  }
  return false;
}
