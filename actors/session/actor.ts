/** The session actor: the same form as a channel's, without a log. Its answers pass the gate all the same; signals pass beside it (rule G1). */
import type { Ref } from "nact";
import type { UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import type { SessionCommand } from "../commands.ts";
import { Mailbox, type MailboxOwner } from "../mailbox.ts";
import { type PersonRow, type Reign, type Reply, StoreAway } from "../ports.ts";
import type { World } from "../world.ts";
import { handle, settle, settlesAtMs } from "./handle.ts";
import { learnPerson, newSession, type Outgoing, type SessionState } from "./state.ts";

/** How long nobody is declared offline after a crash: gateways do not hear of it, and repeat themselves every 30 s. */
const DOUBT_AFTER_CRASH_MS = 35_000;
/** Postgres could not be asked, or the actor threw: then the person is fetched again. */
const FETCH_AGAIN_MS = 5_000;

export type SessionAsk = { command: SessionCommand; reply: Reply; sinceMs: number };

/** The shard around its session actors: one for all of them. */
export interface SessionHost {
  readonly world: World;
  readonly reign: Reign;
  /** The shard's supervisor. */
  readonly parent: Ref<never>;
  /** Nobody is declared offline before, Unix milliseconds. */
  readonly doubtUntilMs: number;
  /** One connection per user (row P6). */
  readonly isSingle: boolean;
  /** It threw. Must not throw. */
  crashed(actor: SessionActor, error: unknown): void;
  /** After each turn: `dueAtMs` may be another. */
  turned(actor: SessionActor): void;
}

export class SessionActor implements MailboxOwner<SessionAsk> {
  readonly id: UserId;
  /** When it wants to be woken, Unix milliseconds; undefined: only by a command. */
  dueAtMs: number | undefined;
  #host: SessionHost;
  #mailbox: Mailbox<SessionAsk>;
  #state: SessionState;
  #fetchAtMs: number | undefined;
  #hasEnded = false;

  constructor(id: UserId, host: SessionHost) {
    this.id = id;
    this.#host = host;
    const { nowMs } = host.world.timers;
    this.#mailbox = new Mailbox({ owner: this, parent: host.parent, name: `session-${id}`, nowMs });
    this.#state = newSession(id, host.doubtUntilMs, host.isSingle);
    this.#fetch();
  }

  take({ command, reply }: SessionAsk): void {
    const { reign } = this.#host;
    if (!reign.hasRoom()) {
      reply(refused("overloaded"));
      return;
    }
    const { answer, out } = handle(this.#state, command, this.#nowMs());
    reign.enter([], () => reply({ ok: true, ...answer }));
    this.#send(out);
  }

  afterTurn(): void {
    if (this.#hasEnded) return;
    this.dueAtMs = earlier(settlesAtMs(this.#state), this.#fetchAtMs);
    this.#host.turned(this);
  }

  /** False: the mailbox is full. */
  offer(ask: SessionAsk): boolean {
    return this.#mailbox.offer(ask);
  }

  /** Its gateway has nobody and shows nobody any more: as if it had said so, behind what it did say. */
  nodeGone(node: string): void {
    const { gateways, watchers } = this.#state;
    if (this.depth === 0 && !gateways.has(node) && !watchers.has(node)) return;
    const sinceMs = this.#host.world.timers.nowMs();
    const reply = () => undefined;
    this.offer({ command: { type: "attach", node, connections: [] }, reply, sinceMs });
    this.offer({ command: { type: "watch", node, viewers: [] }, reply, sinceMs });
  }

  /** What is due is done in its next turn. */
  wake(): void {
    this.#mailbox.soon(() => {
      if (this.#fetchAtMs !== undefined && this.#nowMs() >= this.#fetchAtMs) this.#fetch();
      this.#send(settle(this.#state, this.#nowMs()));
    });
  }

  get depth(): number {
    return this.#mailbox.depth;
  }

  /** Nobody is connected, nobody watches, and time will bring nothing. */
  isIdle(): boolean {
    const { gateways, watchers } = this.#state;
    return this.depth === 0 && gateways.size === 0 && watchers.size === 0 && this.dueAtMs === undefined;
  }

  end(): void {
    this.#hasEnded = true;
    this.#mailbox.stop();
  }

  /** What it knew may be half changed: gateways tell it anew. */
  crashed(error: unknown, ask: SessionAsk | undefined): void {
    if (this.#hasEnded) return;
    this.#host.crashed(this, error);
    this.#state = newSession(this.id, this.#nowMs() + DOUBT_AFTER_CRASH_MS, this.#host.isSingle);
    this.#fetchAtMs = this.#nowMs() + FETCH_AGAIN_MS;
    if (ask) this.#host.reign.enter([], () => ask.reply(refused("unavailable")));
  }

  #nowMs(): number {
    return this.#host.world.clock.nowMs();
  }

  /** Commands wait for it: they are obeyed without the person where Postgres is away, and nothing is shown until it is back. */
  #fetch(): void {
    this.#fetchAtMs = undefined;
    this.#mailbox.hold();
    const goOn = (run: () => void) => {
      if (this.#hasEnded) return;
      this.#mailbox.soon(run);
      this.#mailbox.open();
    };
    this.#host.world.people.person(this.id).then(
      (row) => goOn(() => this.#learn(row)),
      (error: unknown) => goOn(() => this.#couldNotFetch(error)),
    );
  }

  #learn(row: PersonRow | undefined): void {
    learnPerson(this.#state, row);
    this.#send(settle(this.#state, this.#nowMs()));
  }

  #couldNotFetch(error: unknown): void {
    if (!(error instanceof StoreAway)) throw error;
    this.#fetchAtMs = this.#nowMs() + FETCH_AGAIN_MS;
  }

  #send(out: readonly Outgoing[]): void {
    const { devices } = this.#host.world;
    for (const one of out) {
      if (one.to === "viewers") devices.tellViewers(one.node, one.viewers, one.presence);
      else if (one.to === "devices") devices.tellUser(one.node, this.id, one.event, one.payload);
      else if (one.to === "replaced") devices.replace(one.node, this.id, one.connectionIds);
      else this.#keepSeen(one.seenAtMs);
    }
  }

  /** Without Postgres it is not kept: the person will be seen again. */
  #keepSeen(seenAtMs: number): void {
    const { people, alarm } = this.#host.world;
    people.seen(this.id, seenAtMs).catch((error: unknown) => {
      if (!(error instanceof StoreAway)) alarm({ kind: "session", id: this.id, error, isClosed: false });
    });
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
