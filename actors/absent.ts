/** What the log holds and Postgres may lack of channels that are not in memory. */
import type { ChannelId } from "../protocol/ids.ts";
import { type Flushed, lacking, type Unflushed } from "./channel/activation.ts";

const NOTHING: Unflushed = { events: [], marks: [] };

export class Absent {
  #byChannel: Map<ChannelId, Unflushed>;

  constructor(byChannel: Map<ChannelId, Unflushed>) {
    this.#byChannel = byChannel;
  }

  /** Channels of which Postgres lacks events; those of marks alone can wait for their first command. */
  withEvents(): ChannelId[] {
    return [...this.#byChannel].filter(([, { events }]) => events.length > 0).map(([id]) => id);
  }

  /** The channel comes into memory: what Postgres may lack of it is its own from here on. */
  take(id: ChannelId): Unflushed {
    const unflushed = this.#byChannel.get(id) ?? NOTHING;
    this.#byChannel.delete(id);
    return unflushed;
  }

  /** The channel is not in memory after all. */
  keep(id: ChannelId, unflushed: Unflushed): void {
    const { events, marks, follows = [] } = unflushed;
    if (events.length + marks.length + follows.length > 0) this.#byChannel.set(id, unflushed);
  }

  /** Postgres has taken this of the channel. */
  flushed(id: ChannelId, flushed: Flushed): void {
    this.keep(id, lacking(this.take(id), flushed));
  }
}
