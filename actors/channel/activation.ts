/** Bringing a channel into memory: the log first, its row second (rule A1). */
import type { ChannelId } from "../../protocol/ids.ts";
import type { ChannelFacts, EventRecord } from "../ports.ts";
import type { Recent } from "./history.ts";
import type { Mark } from "./marks.ts";
import { type ChannelState, replay, restore } from "./state.ts";

/** What the log holds of a channel and Postgres may lack, oldest first. */
export type Unflushed = { events: readonly EventRecord[]; marks: readonly Mark[] };

/**
 * The channel's state for this reign. `unflushed` is what the log held before this call: what reached Postgres meanwhile is in
 * the row as well, and is skipped. Rejects with `StoreAway`; with a broken promise where log and row do not fit together.
 */
export async function activate(
  id: ChannelId,
  reign: number,
  unflushed: Unflushed,
  facts: ChannelFacts,
  recent: Recent,
): Promise<ChannelState> {
  const row = await facts.channel(id);
  const state = restore(id, reign, row, recent);
  replay(state, unflushed.events, unflushed.marks);
  return state;
}
