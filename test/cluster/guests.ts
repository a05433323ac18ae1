/** Listeners who are put out in the middle of it all, and must hear nothing from then on. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ChatClient } from "../../bench/load/chat-client.ts";
import type { Person, SiteChannel } from "../../bench/load/site.ts";
import type { Recorder } from "./recorder.ts";

/** Before a removal that could not be done now is asked for again, and how long that goes on. */
const AGAIN_MS = 500;
const DONE_WITHIN_MS = 120_000;

type Guest = { name: string; client: ChatClient; person: Person; owner: Person; channelId: string };

export class Guests {
  readonly #recorder: Recorder;
  readonly #nodes: readonly string[];
  readonly #all: readonly Guest[];

  /** The last member of each of these channels; `nodes` is looked at with every try. */
  constructor(recorder: Recorder, nodes: readonly string[], channels: readonly SiteChannel[]) {
    this.#recorder = recorder;
    this.#nodes = nodes;
    this.#all = channels.map(({ id, members }, c) => {
      const [name, person] = [`c${c}guest`, members.at(-1)!];
      const at = { nodes, firstNode: c, channelIds: [id], isGuest: true };
      return {
        name,
        person,
        owner: members[0]!,
        channelId: id,
        client: recorder.client({ name, person, ...at }),
      };
    });
  }

  get clients(): ChatClient[] {
    return this.#all.map(({ client }) => client);
  }

  /** Bans all of them for ever; resolves when every owner has been told that it is done. */
  async putOut(): Promise<void> {
    await Promise.all(this.#all.map((guest) => this.#ban(guest)));
  }

  async #ban({ name, person, owner, channelId }: Guest): Promise<void> {
    const path = `/api/v1/channels/${channelId}/members/${person.id}?bannedUntilMs=forever`;
    const headers = { authorization: `Bearer ${owner.token}` };
    const endMs = performance.now() + DONE_WITHIN_MS;
    for (let tries = 0; ; tries++) {
      const url = `${this.#nodes[tries % this.#nodes.length]}${path}`;
      const response = await fetch(url, {
        method: "DELETE",
        headers,
        signal: AbortSignal.timeout(10_000),
      }).catch(unreached);
      if (response?.ok) break;
      if ((response && response.status !== 503) || performance.now() > endMs)
        throw new Error(`${name} could not be put out: ${response?.status} ${await response?.text()}`);
      await sleep(AGAIN_MS);
    }
    this.#recorder.mark({ what: "out", client: name, channelId, userId: person.id });
  }
}

/** What `fetch` throws where nobody listens, or nobody answers. */
function unreached(error: unknown): undefined {
  if (error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError")) return;
  throw error;
}
