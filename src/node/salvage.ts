/** Brings what a fenced owner still holds to the new one, in order, until each is answered (rule G3). */
import { setTimeout as sleep } from "node:timers/promises";
import { commandOf } from "../../actors/channel/salvage.ts";
import { type EventRecord, isEvent, type LogRecord, type Router } from "../../actors/ports.ts";
import { type MessageId, messageId } from "../../protocol/ids.ts";
import type { Answer, RefusalCode } from "../../protocol/refusals.ts";

/** Between two tries of one record, milliseconds, and tries at most: two minutes of a shard without an owner. Chosen. */
const PAUSE_MS = 500;
const ATTEMPTS_MAX = 240;
/** Waited in all for what time heals (a mute, slow mode), per record: what comes behind waits as well. Chosen. */
const HEALED_WITHIN_MS = 5_000;

/**
 * Answers how many acknowledged events the new owner refused, or nobody took. An event that its history holds is not repeated:
 * people have gone on from there. A message that it gives another place takes along what became of it.
 */
export async function salvage(
  router: Pick<Router, "askChannel">,
  records: readonly LogRecord[],
): Promise<{ lost: number }> {
  const places = new Map<MessageId, number | undefined>();
  let lost = 0;
  for (const record of records) {
    const placeOf = (seq: number) => {
      const id = messageId(record.channelId, seq);
      return places.has(id) ? places.get(id) : seq;
    };
    if (isEvent(record) && (await isThere(router, record))) continue;
    const command = commandOf(record, placeOf);
    const answer = command && (await askUntilAnswered(() => router.askChannel(record.channelId, command)));
    if (!isEvent(record)) continue;
    const sent = record.event.type === "message:new" ? record.event.message.id : undefined;
    if (!answer?.ok && (command || sent)) lost++;
    // The answer of a resend names the first message, wherever that stands (rule S1).
    if (sent) places.set(sent, answer?.ok && "message" in answer ? answer.message.seq : undefined);
  }
  return { lost };
}

/** Does the new owner's history hold this very event (rule I1)? False as well where that cannot be said. */
async function isThere(
  router: Pick<Router, "askChannel">,
  { channelId, epoch, event }: EventRecord,
): Promise<boolean> {
  const { seq: afterSeq, by } = event;
  const said = await askUntilAnswered(() =>
    router.askChannel(channelId, { type: "sync", by, afterSeq, epoch, limit: 1 }),
  );
  return said?.ok === true && said.reset !== true;
}

/** What was answered for good, or for longer than is waited; undefined: nobody answered. */
async function askUntilAnswered<A extends object>(
  ask: () => Promise<Answer<A>>,
): Promise<Answer<A> | undefined> {
  let healingMs = 0;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const answer = await ask();
    if (answer.ok || answer.error.retry === "never") return answer;
    const { code, retryAfterMs } = answer.error;
    const isJudged = !NOBODY_THERE.includes(code);
    const waitMs = retryAfterMs ?? (isJudged ? Number.POSITIVE_INFINITY : PAUSE_MS);
    if (isJudged) healingMs += waitMs;
    if (healingMs > HEALED_WITHIN_MS) return answer;
    await sleep(waitMs);
  }
  return undefined;
}

/** Answers of no owner: one may come, whatever it takes. */
const NOBODY_THERE: readonly RefusalCode[] = ["unavailable", "overloaded", "moved"];
