/** Asks where channels stand, after every doubt (rule H1): many in one request, gathered for a moment. */
import type { Router } from "../../actors/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Place } from "./position.ts";

/** Subscriptions and moves come in crowds: this long they are gathered. */
const GATHER_MS = 50;
/** Channels in one call; the Router splits it over owners. */
const AT_ONCE = 1_000;
/** An owner that is just taking over does not answer yet. After these, the next round of 30 s finds it. */
const TRIES = 4;
const RETRY_MS = 1_000;

export class Heads {
  readonly #router: Router;
  readonly #heard: (channelId: ChannelId, place: Place) => void;
  /** Channels to ask for, with the tries that are left. */
  #wanted = new Map<ChannelId, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(router: Router, heard: (channelId: ChannelId, place: Place) => void) {
    this.#router = router;
    this.#heard = heard;
  }

  ask(channelIds: Iterable<ChannelId>): void {
    for (const id of channelIds) this.#wanted.set(id, TRIES);
    this.#schedule(GATHER_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(ms: number): void {
    if (this.#closed || this.#timer || this.#wanted.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#askNow();
    }, ms).unref();
  }

  async #askNow(): Promise<void> {
    const wanted = [...this.#wanted];
    this.#wanted = new Map();
    for (let from = 0; from < wanted.length && !this.#closed; from += AT_ONCE) {
      const some = wanted.slice(from, from + AT_ONCE);
      const heads = await this.#router.heads(some.map(([id]) => id));
      for (const [id, [seq, epoch]] of heads) this.#heard(id, { seq, epoch });
      for (const [id, tries] of some)
        if (!heads.has(id) && tries > 1 && !this.#wanted.has(id)) this.#wanted.set(id, tries - 1);
    }
    this.#schedule(RETRY_MS);
  }
}
