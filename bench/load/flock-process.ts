/** A process of a flock: does what it is asked, one thing after another. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked, FlockOptions, Said } from "./flock.ts";
import { FlockCounts, FlockMember, type MemberOptions, type Seen } from "./flock-member.ts";

const TICK_MS = 10;
const CONNECTS_PER_SECOND = 200;
const LISTEN_WITHIN_MS = 120_000;

const counts = new FlockCounts();
const members: { member: FlockMember; options: MemberOptions; nextAtMs: number }[] = [];
let isTalking = false;
let wrongBefore = 0;

async function gather({
  members: all,
  connectsPerSecond = CONNECTS_PER_SECOND,
}: FlockOptions): Promise<void> {
  for (const options of all) {
    const member = new FlockMember(options, counts);
    members.push({ member, options, nextAtMs: 0 });
    member.client.start();
    await sleep(1_000 / connectsPerSecond);
  }
  const deadlineMs = performance.now() + LISTEN_WITHIN_MS;
  while (!members.every(({ member }) => member.client.listening)) {
    if (counts.failed.length > 0 || performance.now() > deadlineMs)
      throw new Error(`not everyone listens: ${counts.failed.slice(0, 3).join("; ")}`);
    await sleep(TICK_MS);
  }
}

/** Spread over the time between two messages of each, so that no two processes speak in step. */
function talk(on: boolean): void {
  isTalking = on;
  const now = performance.now();
  for (const each of members) each.nextAtMs = now + Math.random() * (each.options.everyMs ?? 0);
}

function tick(): void {
  const now = performance.now();
  for (const each of members) {
    each.member.look();
    const { everyMs } = each.options;
    if (!isTalking || everyMs === undefined || now < each.nextAtMs) continue;
    each.nextAtMs += everyMs;
    each.member.say();
  }
}

const wrong = () => members.reduce((sum, { member }) => sum + member.wrong, 0);

function see(): Seen {
  const { late, replayed, ...rest } = counts;
  return {
    ...rest,
    wrong: wrong() - wrongBefore,
    notReady: members.filter(({ member }) => !member.ready).length,
    notListening: members.filter(({ member }) => !member.client.listening).length,
    late: [...late],
    replayed: [...replayed],
  };
}

async function answer(asked: Asked): Promise<Said> {
  if (asked === "see") return { seen: see() };
  if (asked === "forget") {
    counts.forget();
    wrongBefore = wrong();
  } else if ("talk" in asked) talk(asked.talk);
  else await gather(asked.gather);
  return { done: true };
}

setInterval(tick, TICK_MS);
process.on("message", async (asked: Asked) => {
  const said = await answer(asked).catch((error: Error): Said => ({ error: error.message }));
  process.send?.(said);
});
// Its parent is gone.
process.on("disconnect", () => process.exit());
