/** Who of a channel is connected: every node with a gateway is asked, and whoever does not answer is left out (row P4). */
import type { Logger } from "pino";
import type { Connected, ConnectedMembers } from "../../gateway/ports.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { PRESENT_LISTED_MAX } from "../../protocol/present.ts";
import type { BusMessage } from "./bus.ts";
import type { Control } from "./control.ts";
import { fromFields } from "./nodes.ts";
import { Questions } from "./questions.ts";

/** Milliseconds. A node answers from memory, in two hops of Redis: one that has not by then hangs, and a person waits. Chosen. */
const ANSWER_WITHIN_MS = 1_000;

export type ConnectedDeskOptions = {
  incarnation: string;
  control: Pick<Control, "readNodes">;
  /** To this node. */
  connected: (channelId: ChannelId) => Connected;
  send: (to: string, message: BusMessage) => boolean;
  logger: Logger;
};

export class ConnectedDesk implements ConnectedMembers {
  readonly #options: ConnectedDeskOptions;
  readonly #questions = new Questions<Connected>();

  constructor(options: ConnectedDeskOptions) {
    this.#options = options;
  }

  async of(channelId: ChannelId): Promise<Connected & { isWhole: boolean }> {
    const { connected, send } = this.#options;
    const others = await this.#others();
    const ask = (to: string) =>
      this.#questions.ask(ANSWER_WITHIN_MS, (id) => send(to, { type: "who_is_connected", id, channelId }));
    const answers = await Promise.all((others ?? []).map(ask));
    const heard = answers.filter((answer) => answer !== undefined);
    return {
      ...together([connected(channelId), ...heard]),
      isWhole: others !== undefined && heard.length === others.length,
    };
  }

  /** Another node wants to know. */
  asked(from: string, { id, channelId }: { id: number; channelId: ChannelId }): void {
    const { connected, send } = this.#options;
    send(from, { type: "connected", id, connected: connected(channelId) });
  }

  answered(id: number, connected: Connected): void {
    this.#questions.answered(id, connected);
  }

  unheard(id: number): void {
    this.#questions.unheard(id);
  }

  stop(): void {
    this.#questions.stop();
  }

  /** Undefined: Redis does not say which there are. */
  async #others(): Promise<string[] | undefined> {
    const { incarnation, control, logger } = this.#options;
    try {
      const live = (await control.readNodes()).map(fromFields);
      return live.flatMap(({ id, roles }) => (id !== incarnation && roles.includes("gateway") ? [id] : []));
    } catch (error) {
      logger.debug({ err: error }, "connected: Redis did not say who has a lease");
      return undefined;
    }
  }
}

/** Who is named by two nodes is one person; who is not named by either is counted at each. */
export function together(parts: readonly Connected[]): Connected {
  const named = new Set(parts.flatMap(({ userIds }) => userIds));
  const unnamed = parts.reduce((sum, { userIds, count }) => sum + count - userIds.length, 0);
  return { userIds: [...named].slice(0, PRESENT_LISTED_MAX), count: named.size + unnamed };
}
