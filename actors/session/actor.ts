/** The session actor: the same form as a channel's, without a log. Its answers pass the gate all the same (rule G1). */
import type { Ref } from "nact";
import type { UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import type { SessionCommand } from "../commands.ts";
import { Mailbox, type MailboxOwner } from "../mailbox.ts";
import type { Reign, Reply } from "../ports.ts";
import type { World } from "../world.ts";
import { disconnected, dropSilent, handle } from "./state.ts";

export type SessionAsk = { command: SessionCommand; reply: Reply; sinceMs: number };

/** The shard around its session actors: one for all of them. */
export interface SessionHost {
  readonly world: World;
  readonly reign: Reign;
  /** The shard's supervisor. */
  readonly parent: Ref<never>;
  /** It threw. Must not throw. */
  crashed(actor: SessionActor, error: unknown): void;
  /** After each turn. */
  turned(): void;
}

export class SessionActor implements MailboxOwner<SessionAsk> {
  readonly id: UserId;
  #host: SessionHost;
  #mailbox: Mailbox<SessionAsk>;
  #state = disconnected();
  #hasEnded = false;

  constructor(id: UserId, host: SessionHost) {
    this.id = id;
    this.#host = host;
    const { nowMs } = host.world.timers;
    this.#mailbox = new Mailbox({ owner: this, parent: host.parent, name: `session-${id}`, nowMs });
  }

  take({ command, reply }: SessionAsk): void {
    const { world, reign } = this.#host;
    if (!reign.hasRoom()) {
      reply(refused("overloaded"));
      return;
    }
    const answer = handle(this.#state, command, world.clock.nowMs());
    reign.enter([], () => reply({ ok: true, ...answer }));
  }

  afterTurn(): void {
    if (!this.#hasEnded) this.#host.turned();
  }

  /** False: the mailbox is full. */
  offer(ask: SessionAsk): boolean {
    return this.#mailbox.offer(ask);
  }

  get depth(): number {
    return this.#mailbox.depth;
  }

  /** Nobody is connected, and nobody asks. */
  isIdle(): boolean {
    dropSilent(this.#state, this.#host.world.clock.nowMs());
    return this.depth === 0 && this.#state.gateways.size === 0;
  }

  end(): void {
    this.#hasEnded = true;
    this.#mailbox.stop();
  }

  /** What it knew may be half changed: gateways tell it anew. */
  crashed(error: unknown, ask: SessionAsk | undefined): void {
    if (this.#hasEnded) return;
    this.#host.crashed(this, error);
    this.#state = disconnected();
    if (ask) this.#host.reign.enter([], () => ask.reply(refused("unavailable")));
  }
}
