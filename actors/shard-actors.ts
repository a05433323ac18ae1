/** A shard's actors at the start of a reign: the retained log is replayed, and what Postgres lacks is brought into memory. */
import { start } from "nact";
import { Absent } from "./absent.ts";
import { isEvent, type StartActors } from "./ports.ts";
import { channelsOf, findUnflushed } from "./replay.ts";
import { Shard } from "./shard.ts";
import { Tail, type TailOptions } from "./tail.ts";
import type { World } from "./world.ts";

export type ActorOptions = {
  tail?: TailOptions;
  /** How long a channel stays in memory without a command, and until the sweep after it, milliseconds. Default: `IDLE_MS`. */
  idleMs?: number;
  /** One connection per user: the newest ends the others (row P6). Default: many. */
  isSingle?: boolean;
};

/** Makes the function that starts a shard's actors, for all shards of this node. */
export function createStartActors(world: World, options: ActorOptions = {}): StartActors {
  const system = start();
  return async (reign, retained) => {
    const channels = channelsOf(retained);
    const rows = channels.length > 0 ? await world.facts.heads(channels) : new Map();
    const { unflushed, byChannel } = findUnflushed(retained, rows);
    const tail = new Tail(() => world.clock.nowMs(), options.tail);
    for (const record of retained) if (isEvent(record)) tail.add(record);
    const actors = new Shard({
      system,
      world,
      reign,
      tail,
      absent: new Absent(byChannel),
      idleMs: options.idleMs,
      isSingle: options.isSingle,
    });
    try {
      await actors.load();
    } catch (error) {
      actors.end();
      throw error;
    }
    return { actors, unflushed };
  };
}
