/** What nodes tell each other beside commands: who is out of a space, before anyone is answered so (rule E1), and who is gone (rule E4). */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { NewsFollower, NodeNews } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import type { BusMessage } from "./bus.ts";
import type { Continuity } from "./continuity.ts";
import type { Control } from "./control.ts";
import { DEADLINE_MS } from "./intake.ts";
import type { PlacementTable } from "./placement-table.ts";
import { Questions } from "./questions.ts";

/** A node that has not confirmed within this, milliseconds, is asked again while it has a lease: a message may be lost. Chosen. */
const ASK_AGAIN_MS = 500;
/** Before a node is asked again that could not confirm. Chosen. */
const PAUSE_MS = 50;

export type NewsDeskOptions = {
  incarnation: string;
  control: Control;
  table: PlacementTable;
  continuity: Continuity;
  /** Of this node, now. */
  hasLease: () => boolean;
  /** The gateway of this node: see `ClusterOptions`. */
  outOfSpace: (spaceId: ChannelId, userId: UserId) => Promise<boolean>;
  send: (to: string, message: BusMessage) => boolean;
  logger: Logger;
};

export class NewsDesk implements NodeNews {
  readonly #options: NewsDeskOptions;
  readonly #followers = new Set<NewsFollower>();
  readonly #questions = new Questions<true>();

  constructor(options: NewsDeskOptions) {
    this.#options = options;
  }

  follow(follower: NewsFollower): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  isTold(): boolean {
    return this.#options.hasLease();
  }

  /** A node that gets its lease meanwhile need not be asked: it believes nothing from before. */
  async outOfSpace(spaceId: ChannelId, userId: UserId): Promise<boolean> {
    const untilMs = performance.now() + DEADLINE_MS;
    const nodes = await this.#mayServe();
    if (nodes === undefined) return false;
    let silent = await this.#askAll(nodes, spaceId, userId);
    while (silent.length > 0 && performance.now() < untilMs) {
      await sleep(PAUSE_MS);
      const there = new Set((await this.#mayServe()) ?? silent);
      const asked = silent.filter((node) => there.has(node));
      silent = await this.#askAll(asked, spaceId, userId);
    }
    return silent.length === 0;
  }

  /** Another node says who is out of a space, and waits until it holds here. */
  async asked(
    from: string,
    { id, spaceId, userId }: { id: number; spaceId: ChannelId; userId: UserId },
  ): Promise<void> {
    if (await this.#confirm(spaceId, userId)) this.#options.send(from, { type: "confirmed", id });
  }

  confirmed(id: number): void {
    this.#questions.answered(id, true);
  }

  /** This node has its lease again after a lapse: what it was not told meanwhile nobody repeats. */
  missed(): void {
    for (const follower of this.#followers) follower.missed();
  }

  /** The leader has found this node gone: everyone is told, once. Who does not hear it finds out by its silence. */
  tellGone(gone: string, nodes: readonly string[]): void {
    const { incarnation, send } = this.#options;
    for (const node of nodes)
      if (node === incarnation) this.gone(gone);
      else send(node, { type: "gone", node: gone });
  }

  /** A node is gone. */
  gone(node: string): void {
    for (const follower of this.#followers) follower.nodeGone(node);
  }

  stop(): void {
    this.#questions.stop();
  }

  /**
   * Nodes with a lease, and owners of shards of whom it cannot be said yet that they have none (rule P0). This one first.
   * Undefined: Redis does not answer.
   */
  async #mayServe(): Promise<string[] | undefined> {
    const { incarnation, control, table, continuity, logger } = this.#options;
    try {
      const live = (await control.readNodes()).map(({ id }) => id);
      const known = new Set([incarnation, ...live]);
      if (continuity.unbrokenMs() >= LEASE_TTL_MS) return [...known];
      const unsure = [...table.owners()].filter((owner) => !known.has(owner));
      const left = new Set(await control.leavers(unsure));
      return [...known, ...unsure.filter((owner) => !left.has(owner))];
    } catch (error) {
      logger.debug({ err: error }, "news: Redis did not say who has a lease");
      return undefined;
    }
  }

  /** Asks these nodes, all at once; answers those that have not confirmed. */
  async #askAll(nodes: readonly string[], spaceId: ChannelId, userId: UserId): Promise<string[]> {
    const { incarnation, send } = this.#options;
    const ask = (node: string) =>
      this.#questions.ask(ASK_AGAIN_MS, (id) => send(node, { type: "out_of_space", id, spaceId, userId }));
    const confirmed = await Promise.all(
      nodes.map((node) => (node === incarnation ? this.#confirm(spaceId, userId) : ask(node))),
    );
    return nodes.filter((_, i) => !confirmed[i]);
  }

  /** True: nobody here believes any more that the person is in the space, and they hear nothing of it. */
  async #confirm(spaceId: ChannelId, userId: UserId): Promise<boolean> {
    for (const follower of this.#followers) follower.outOfSpace(spaceId, userId);
    return this.#options.outOfSpace(spaceId, userId);
  }
}
