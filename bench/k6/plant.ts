/** Faults for the checks themselves: `PLANT=drop|duplicate|swap` changes what a socket receives, and must fail the run. */
import type { ChannelEvent } from "../../protocol/events.ts";

export type Plant = "drop" | "duplicate" | "swap";

/** Every seq that is a multiple of it is hit: past the joins of an ordinary run, and soon. */
const EVERY = 40;

/** One socket's tampering. `drop` takes the event out of repairs too: else the client would heal it. */
export function planted(plant: Plant): (events: ChannelEvent[]) => ChannelEvent[] {
  let waiting: ChannelEvent | undefined;
  return (events) => {
    const out: ChannelEvent[] = [];
    for (const event of events) {
      const hit = event.seq % EVERY === 0;
      if (hit && plant === "swap" && waiting === undefined) {
        waiting = event;
        continue;
      }
      if (!(hit && plant === "drop")) out.push(event);
      if (hit && plant === "duplicate") out.push(event);
      if (waiting !== undefined) out.push(waiting);
      waiting = undefined;
    }
    return out;
  };
}
