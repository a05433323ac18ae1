/** A process of doors: TCP proxies before the nodes, each cut at its time for a while, again and again. */
import { TestProxy } from "../../test/support/proxy.ts";
import type { AskedOfDoors, DoorsOptions, SaidByDoors } from "./doors.ts";

const doors: TestProxy[] = [];
let cuts = 0;
const timers = new Set<NodeJS.Timeout>();

async function open({ targets, count }: DoorsOptions): Promise<string[]> {
  for (let n = 0; n < count; n++) {
    const url = new URL(targets[n % targets.length]!);
    doors.push(await TestProxy.before({ host: url.hostname, port: Number(url.port) }));
  }
  return doors.map((door, n) => door.via(targets[n % targets.length]!));
}

/** One door after another, evenly over the time between two cuts of each. */
function begin(everyMs: number, awayMs: number): void {
  for (const [n, door] of doors.entries()) {
    const cut = () => {
      cuts += door.connections;
      door.change({ refused: true });
      door.reset();
      timers.add(setTimeout(() => door.calm(), awayMs));
      timers.add(setTimeout(cut, everyMs));
    };
    timers.add(setTimeout(cut, (n * everyMs) / doors.length));
  }
}

function end(): void {
  for (const timer of timers) clearTimeout(timer);
  for (const door of doors) door.calm();
}

async function answer(asked: AskedOfDoors): Promise<SaidByDoors> {
  if ("open" in asked) return { urls: await open(asked.open) };
  if ("begin" in asked) begin(asked.begin.everyMs, asked.begin.awayMs);
  else end();
  return { cuts };
}

process.on("message", async (asked: AskedOfDoors) => {
  const said = await answer(asked).catch((error: Error): SaidByDoors => ({ error: error.message }));
  process.send?.(said);
});
process.on("disconnect", () => process.exit());
