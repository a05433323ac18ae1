/** Bringing a channel into memory: the log first, its row second (rule A1). */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { type ChannelFacts, type EventRecord, type FollowRecord, StoreAway } from "../ports.ts";
import type { Tail } from "../tail.ts";
import { apply, replay } from "./apply.ts";
import { beyond } from "./marks.ts";
import { type ChannelState, type Mark, restore } from "./state.ts";

/**
 * What the log holds of a channel and Postgres may lack, oldest first. `follows`: all that it holds, since they are few, and
 * change nothing where they are there.
 */
export type Unflushed = {
  events: readonly EventRecord[];
  marks: readonly Mark[];
  follows?: readonly FollowRecord["follow"][];
};

/** What Postgres has taken of a channel: events up to `seq`, and marks. */
export type Flushed = { seq: number; marks: readonly Mark[] };
export const NOTHING_FLUSHED: Flushed = { seq: 0, marks: [] };

/** One after the other. */
export function flushedBoth(before: Flushed, after: Flushed): Flushed {
  return { seq: Math.max(before.seq, after.seq), marks: [...before.marks, ...after.marks] };
}

/** What Postgres lacks still, of what it lacked before. */
export function lacking({ events, marks, follows }: Unflushed, flushed: Flushed): Unflushed {
  const taken = new Map<UserId, Mark>();
  for (const mark of flushed.marks) taken.set(mark.userId, greatest(taken.get(mark.userId), mark));
  return {
    events: events.filter(({ event }) => event.seq > flushed.seq),
    marks: marks.flatMap((mark) => {
      const mine = taken.get(mark.userId);
      return (mine ? beyond(mark, mine) : mark) ?? [];
    }),
    ...(follows && { follows }),
  };
}

/** As Postgres takes marks: each sort the greatest. */
function greatest(before: Mark | undefined, mark: Mark): Mark {
  const { delivered = 0, read = 0 } = before ?? {};
  return {
    userId: mark.userId,
    delivered: Math.max(delivered, mark.delivered ?? 0),
    read: Math.max(read, mark.read ?? 0),
  };
}

/**
 * The channel's state for this reign. `unflushed` is what the log held before this call: what reached Postgres meanwhile is in
 * the row as well, and is skipped. Where the row is behind what this reign has confirmed (Postgres went back, rule P1, or could
 * not store an event, rule J2), the resume window goes on from it: no place in a channel is given twice. Rejects with
 * `StoreAway`, also where the window does not reach, and where the row is of a later reign, which this one has not heard of yet;
 * with a broken promise where log and row do not fit together.
 */
export async function activate(
  id: ChannelId,
  reign: number,
  unflushed: Unflushed,
  facts: ChannelFacts,
  tail: Tail,
): Promise<ChannelState> {
  const row = await facts.channel(id);
  if (row && row.channel.epoch > reign)
    throw new StoreAway(`${id} has gone on in a later reign than ${reign}`);
  const state = restore(id, reign, row, tail);
  replay(state, unflushed);
  const [confirmedSeq] = tail.head(id) ?? [0];
  while (state.fold.seq < confirmedSeq) {
    const record = tail.at(id, state.fold.seq + 1);
    if (record === undefined) throw new StoreAway(`${id} is beyond ${state.fold.seq}, where Postgres is`);
    apply(state, record);
  }
  return state;
}
