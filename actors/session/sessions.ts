/** The session actors of one shard: made on demand, woken when time has something for them, and let go when nobody needs them. */
import type { Ref } from "nact";
import type { UserId } from "../../protocol/ids.ts";
import { Agenda } from "../agenda.ts";
import type { Reign } from "../ports.ts";
import type { World } from "../world.ts";
import { SessionActor, type SessionAsk, type SessionHost } from "./actor.ts";

/** How often it is looked who is due, for all sessions at once, milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** After a shard has moved, gateways attach their people and watches anew; nobody is declared offline meanwhile (rule E4). */
export const DOUBT_MS = 10_000;

export type SessionsOptions = {
  world: World;
  reign: Reign;
  /** The shard's supervisor. */
  parent: Ref<never>;
  /** One connection per user (row P6). */
  isSingle: boolean;
  crashed(actor: SessionActor, error: unknown): void;
  /** After each turn of any. */
  turned(): void;
};

export class Sessions {
  readonly #host: SessionHost;
  readonly #actors = new Map<UserId, SessionActor>();
  readonly #agenda = new Agenda<SessionActor>();
  readonly #stopLooking: () => void;

  constructor({ turned, ...around }: SessionsOptions) {
    const { clock, timers } = around.world;
    this.#host = {
      ...around,
      doubtUntilMs: clock.nowMs() + DOUBT_MS,
      turned: (actor) => {
        this.#agenda.set(actor, actor.dueAtMs);
        turned();
      },
    };
    this.#stopLooking = timers.every(LOOK_EVERY_MS, () => {
      for (const actor of this.#agenda.takeDue(clock.nowMs())) actor.wake();
    });
  }

  get size(): number {
    return this.#actors.size;
  }

  /** Commands that wait for any of them. */
  get depth(): number {
    let depth = 0;
    for (const actor of this.#actors.values()) depth += actor.depth;
    return depth;
  }

  /** False: the mailbox is full. */
  offer(userId: UserId, ask: SessionAsk): boolean {
    let actor = this.#actors.get(userId);
    if (actor === undefined) {
      actor = new SessionActor(userId, this.#host);
      this.#actors.set(userId, actor);
    }
    return actor.offer(ask);
  }

  /** The gateway of that node has none of their people and watchers any more (rule E4). */
  nodeGone(node: string): void {
    for (const actor of this.#actors.values()) actor.nodeGone(node);
  }

  /** Lets those go that are idle. */
  sweep(): void {
    for (const actor of this.#actors.values()) {
      if (!actor.isIdle()) continue;
      actor.end();
      this.#actors.delete(actor.id);
    }
  }

  end(): void {
    this.#stopLooking();
    for (const actor of this.#actors.values()) actor.end();
    this.#actors.clear();
  }
}
