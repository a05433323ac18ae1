/** What a room knows of its channel beside its events: told by whoever asked about the channel, and followed from there. */
import type { Channel } from "../../protocol/channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Run } from "./position.ts";

export class About {
  #known: { spaceId: ChannelId | undefined; memberCount: number; seq: number } | undefined;

  get isKnown(): boolean {
    return this.#known !== undefined;
  }

  /** The space that the channel is in. */
  get spaceId(): ChannelId | undefined {
    return this.#known?.spaceId;
  }

  /** Active members, as far as it was heard; undefined before anyone was told. */
  get memberCount(): number | undefined {
    return this.#known?.memberCount;
  }

  /** The channel as its owner, or Postgres, said. */
  learn({ spaceId, memberCount, seq }: Pick<Channel, "spaceId" | "memberCount" | "seq">): void {
    if (seq >= (this.#known?.seq ?? 0)) this.#known = { spaceId, memberCount, seq };
  }

  /** These events were relayed. */
  follow({ events }: Run): void {
    for (const event of events) {
      if (this.#known === undefined || !("memberCount" in event) || event.seq <= this.#known.seq) continue;
      this.#known.memberCount = event.memberCount;
      this.#known.seq = event.seq;
    }
  }
}
